# llamagate: completion for bash. Load it with: source <(llamagate completion bash)
_llamagate_complete() {
    local line="${COMP_LINE:0:COMP_POINT}" word before rest kind candidate
    local -a words=() found=()
    # Bash splits words at COMP_WORDBREAKS too; ours end at spaces alone. It replaces the part that it gives as $2.
    read -r -a words <<<"$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    word="${words[${#words[@]}-1]}"
    rest="$2"
    [[ $word == *"$rest" ]] || rest="$word"
    before="${word:0:${#word}-${#rest}}"
    COMPREPLY=()
    while IFS= read -r candidate; do
        case "$candidate" in
            :files) kind=-f ;;
            :folders) kind=-d ;;
            *) candidate="${candidate%%$'\t'*}"; found+=("${candidate#"$before"}") ;;
        esac
    done < <("${words[0]/#\~/$HOME}" __complete bash "${words[@]:1}" 2>/dev/null)
    COMPREPLY=("${found[@]}")
    if [[ -n $kind ]]; then
        compopt -o filenames 2>/dev/null
        while IFS= read -r candidate; do COMPREPLY+=("$candidate"); done < <(compgen "$kind" -- "$rest")
    fi
}
complete -F _llamagate_complete llamagate lgate
