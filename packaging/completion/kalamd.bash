# bash completion of kalamd. SPDX-License-Identifier: Apache-2.0
_kalamd() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
  COMPREPLY=()
  case $prev in
    --config) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
    --data-dir) mapfile -t COMPREPLY < <(compgen -d -- "$cur"); return ;;
    --host | --port) return ;;
  esac
  case $cur in
    -*) mapfile -t COMPREPLY < <(compgen -W '--config --dev --data-dir --host --port --check-config --version --help' -- "$cur") ;;
    *) mapfile -t COMPREPLY < <(compgen -f -X '!*.toml' -- "$cur") ;;
  esac
}
complete -o filenames -F _kalamd kalamd
