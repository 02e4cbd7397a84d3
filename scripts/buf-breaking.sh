#!/usr/bin/env bash
# Compares the contract with what was promised before: the newest tag reachable
# from here or, before the first one, the parent of this commit. All of it
# comes out of the local clone.
set -euo pipefail
cd "$(dirname "$0")/.."

base=$(git describe --tags --abbrev=0 2>/dev/null || git rev-parse --verify --quiet 'HEAD^' || true)
if [[ -z $base ]]; then
  echo "nothing to compare with: no tag, and no commit before this one"
  exit 0
fi
if ! git cat-file -e "$base:buf.yaml" 2>/dev/null; then
  echo "nothing to compare with: $base has no contract"
  exit 0
fi

before=$(mktemp -d)
trap 'rm -rf "$before"' EXIT
git archive "$base" buf.yaml api | tar --extract --directory="$before"
echo "comparing with $base"
go tool -modfile=tools/buf/go.mod buf breaking --against "$before"
