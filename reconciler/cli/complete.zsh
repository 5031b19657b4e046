#compdef llamagate lgate
# llamagate: completion for zsh. Load it with: source <(llamagate completion zsh), behind compinit.
_llamagate_complete() {
    local line
    local -a found values shown
    found=("${(@f)$("${words[1]}" __complete zsh "${(@Q)words[2,$CURRENT-1]}" "$PREFIX" 2>/dev/null)}")
    for line in "${found[@]}"; do
        case "$line" in
            '') ;;
            :files) _files ;;
            :folders) _files -/ ;;
            *) values+=("${line%%$'\t'*}"); shown+=("${line/$'\t'/  }") ;;
        esac
    done
    (( ${#values} )) && compadd -l -d shown -a values
}
compdef _llamagate_complete llamagate lgate
