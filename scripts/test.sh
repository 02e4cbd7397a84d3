#!/usr/bin/env bash
# Runs every test. What the tests need beside Go (Postgres, PgBouncer, a C
# compiler for the race detector) is fetched on Debian and Ubuntu.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/test-deps.sh

# The race detector links C. Without a compiler the tests still run on a
# contributor's machine, and say what they leave out; CI never leaves it out.
race=(-race)
compiler=$(go env CC)
if ! command -v "$compiler" >/dev/null && [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
  echo "installing gcc for the race detector"
  apt-get install -y -q --no-install-recommends gcc libc6-dev ||
    { apt-get update -q && apt-get install -y -q --no-install-recommends gcc libc6-dev; }
fi
if ! command -v "$compiler" >/dev/null; then
  if [[ ${CI:-} == true ]]; then
    echo "the race detector needs a C compiler: install gcc and libc6-dev" >&2
    exit 1
  fi
  echo "no C compiler: testing without the race detector (install gcc and libc6-dev to have it)" >&2
  race=()
fi

# The generator of the OpenAPI document is a module of its own.
# What it reads lies outside of it, where go test does not notice a change.
(cd tools/openapi && go test -count=1 ./...)

CGO_ENABLED=$([[ ${#race[@]} -gt 0 ]] && echo 1 || echo 0) \
  go test "${race[@]}" -timeout 12m ./...
