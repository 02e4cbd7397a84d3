#compdef keystile
# zsh completion for keystile.
_keystile() {
    local line
    local -a lines described
    lines=("${(@f)$(${words[1]} completion words -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    compset -P '--*='
    if [[ ${lines[1]} == :file ]]; then
        _files
        return
    fi
    for line in "${lines[@]}"; do
        [[ -n $line ]] || continue
        if [[ $line == *$'\t'* ]]; then
            described+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
        else
            described+=("${line//:/\\:}")
        fi
    done
    (( ${#described} )) && _describe keystile described
}
if [[ ${funcstack[1]} == _keystile ]]; then
    _keystile "$@"
else
    compdef _keystile keystile
fi
