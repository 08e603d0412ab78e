#!/usr/bin/env bash
# Checks the workflows: what actionlint knows; that each action is named by a commit, which
# nobody can move; and that no job has a permission that it does not ask for. Images of jobs
# are named by a tag, and are not checked.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.."

hack/tools/install.sh actionlint
hack/test/with-tools.sh actionlint -color=false

status=0
while IFS=: read -r file line text; do
  [[ $text =~ uses:\ [^@]+@[0-9a-f]{40}\ #\ v ]] && continue
  echo "$file:$line: name the commit of this action, and its version in a comment: $text" >&2
  status=1
done < <(grep --line-number 'uses:' .github/workflows/*.yml /dev/null)
for file in .github/workflows/*.yml; do
  grep --quiet '^permissions: {}$' "$file" || { echo "$file: start from 'permissions: {}'" >&2; status=1; }
done
exit "$status"
