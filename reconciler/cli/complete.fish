# llamagate: completion for fish. Save it as ~/.config/fish/completions/llamagate.fish
function __llamagate_complete
    set -l words (commandline -opc)
    set -l word (commandline -ct | string replace -r '^["\']' '')
    for line in ($words[1] __complete fish $words[2..-1] "$word" 2>/dev/null)
        switch $line
            case :files
                __fish_complete_path $word
            case :folders
                __fish_complete_directories $word
            case '*'
                echo $line
        end
    end
end
for name in llamagate lgate
    complete -c $name -f -a '(__llamagate_complete)'
end
