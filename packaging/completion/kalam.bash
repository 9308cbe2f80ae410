# bash completion of kalam. SPDX-License-Identifier: Apache-2.0
_kalam() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
  COMPREPLY=()
  case $prev in
    --format) mapfile -t COMPREPLY < <(compgen -W 'table expanded json jsonl csv markdown html' -- "$cur"); return ;;
    -f | --file | --config | --ca-file | import | to) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
    -h | --host | -p | --port | -u | --user | --password | --token | --apikey | -n | --namespace | -c | --command | --max-events | export | into)
      return ;;
  esac
  case $cur in
    --color=*) mapfile -t COMPREPLY < <(compgen -W 'true false auto' -- "${cur#*=}") ;;
    -*) mapfile -t COMPREPLY < <(compgen -W '--host --port --ca-file --user --password --token --apikey --namespace --command --file
      --format --json --csv --color --no-color --no-progress --max-events --config --version --help' -- "$cur") ;;
    *)
      if [[ " ${COMP_WORDS[*]} " == *' import '* ]]; then
        mapfile -t COMPREPLY < <(compgen -W 'into' -- "$cur")
      elif [[ " ${COMP_WORDS[*]} " == *' export '* ]]; then
        mapfile -t COMPREPLY < <(compgen -W 'to' -- "$cur")
      else
        mapfile -t COMPREPLY < <(compgen -W 'login logout import export' -- "$cur")
      fi ;;
  esac
}
complete -o filenames -F _kalam kalam
