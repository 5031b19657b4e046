# llamagate: completion for bash. Load it with: source <(llamagate completion bash)
_llamagate_complete() {
    local line="${COMP_LINE:0:COMP_POINT}" program="${COMP_WORDS[0]}" kind candidate
    local -a found=()
    # Bash splits words at COMP_WORDBREAKS too, and replaces the part that it gives as $2; ours end at spaces alone.
    while IFS= read -r candidate; do
        case "$candidate" in
            :files) kind=-f ;;
            :folders) kind=-d ;;
            *) found+=("${candidate%%$'\t'*}") ;;
        esac
    done < <("${program/#\~/$HOME}" __complete bash-line "$line" "$2" 2>/dev/null)
    COMPREPLY=("${found[@]}")
    if [[ -n $kind ]]; then
        compopt -o filenames 2>/dev/null
        while IFS= read -r candidate; do COMPREPLY+=("$candidate"); done < <(compgen "$kind" -- "$2")
    fi
}
complete -F _llamagate_complete llamagate lgate
