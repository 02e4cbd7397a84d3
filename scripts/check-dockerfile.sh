#!/usr/bin/env bash
# Checks the Dockerfile as far as that goes without Docker: every source of a
# COPY exists, is tracked or about to be, and is let through by .dockerignore;
# the build command, run on those sources alone, makes a static binary.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() {
  echo "Dockerfile: $*" >&2
  exit 1
}

scripts/copy-tree.sh "$work/tree"
mkdir "$work/context"

while read -r -a words; do
  # The last word is where to; those between are what from.
  for source in "${words[@]:1:${#words[@]}-2}"; do
    [[ -e $work/tree/$source ]] || fail "COPY $source: no such file would be committed"
    grep -qxF "!$source" .dockerignore || fail "COPY $source: .dockerignore keeps it out"
    cp -a "$work/tree/$source" "$work/context/"
  done
done < <(grep -E '^COPY ' Dockerfile | grep -v -- '--from=')

language=$(sed -n 's/^go \([0-9]*\.[0-9]*\).*/\1/p' go.mod)
grep -qE "^FROM golang:$language( |\$)" Dockerfile || fail "the builder is not golang:$language, which go.mod asks for"

build=$(sed -n 's/^RUN \(.*go build .*\)$/\1/p' Dockerfile)
[[ -n $build ]] || fail "no go build command found"
(cd "$work/context" && VERSION=check REVISION=check bash -euo pipefail -c "${build//\/out\//$work/out/}")
go version -m "$work/out/keystile" | grep -q 'CGO_ENABLED=0' || fail "the binary is not static"
"$work/out/keystile" --help >/dev/null || fail "the binary does not start"
echo "every COPY source exists, and the build command makes a static binary"
