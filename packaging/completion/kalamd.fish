# fish completion of kalamd. SPDX-License-Identifier: Apache-2.0
complete -c kalamd -l config -r -d 'configuration file'
complete -c kalamd -l dev -d 'callers on this machine need no credentials'
complete -c kalamd -l data-dir -r -d 'folder of all data'
complete -c kalamd -l host -x -d 'address to listen on'
complete -c kalamd -l port -x -d 'port to listen on'
complete -c kalamd -l check-config -d 'say what is wrong with the configuration, and leave'
complete -c kalamd -l version -d 'show the version'
complete -c kalamd -l help -d 'show the options'
