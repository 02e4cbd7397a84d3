# fish completion for keystile.
function __keystile_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l flag (string match -r -- '^--[^=]+=' "$current")
    set -l lines ($words[1] completion words -- $words[2..-1] "$current" 2>/dev/null)
    if test "$lines[1]" = :file
        set lines (__fish_complete_path (string replace -- "$flag" '' "$current"))
    end
    for line in $lines
        echo -- "$flag$line"
    end
end
complete -c keystile -f -a '(__keystile_complete)'
