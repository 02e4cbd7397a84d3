#!/usr/bin/env bash
# copy-tree.sh DIR copies the files that are, or would be, committed into DIR:
# what a clone of this checkout would hold, local changes included.
set -euo pipefail
target=${1:?which directory to copy into}
cd "$(dirname "$0")/.."
mkdir -p "$target"
git ls-files -z --cached --others --exclude-standard --deduplicate |
  while IFS= read -r -d '' file; do
    # A file that was deleted but is still in the index is not copied.
    if [[ -e $file || -L $file ]]; then printf '%s\0' "$file"; fi
  done |
  tar --create --null --files-from=- | tar --extract --directory="$target"
