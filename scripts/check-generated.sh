#!/usr/bin/env bash
# Generates in a copy of the tree and compares it with the tree, so that the
# checkout stays as it was and need not be clean. A file that generating would
# change, add or remove fails the check.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

scripts/copy-tree.sh "$work/tree"
cp -a "$work/tree" "$work/generated"
make --no-print-directory -C "$work/generated" generate

if ! (cd "$work" && diff --recursive --unified --new-file tree generated); then
  echo "generated files are stale: run make generate and commit what it changes" >&2
  exit 1
fi
echo "generated files are fresh"
