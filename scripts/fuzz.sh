#!/usr/bin/env bash
# fuzz.sh TIME finds every fuzz target and runs each for TIME.
set -euo pipefail
cd "$(dirname "$0")/.."
budget=${1:-5s}

found=0
while IFS=: read -r file name; do
  found=$((found + 1))
  echo "== $name in $(dirname "$file")"
  go test -run '^$' -fuzz "^$name\$" -fuzztime "$budget" "./$(dirname "$file")"
done < <(git grep --untracked -oE '^func Fuzz[A-Za-z0-9_]+' -- '*_test.go' | sed 's/:func /:/')

if ((found == 0)); then
  echo "no fuzz target found" >&2
  exit 1
fi
