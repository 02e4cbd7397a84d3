#!/usr/bin/env bash
# Runs all that CI runs, quick steps first, each under a heading with its time.
# The first step that fails ends the run, and its name is the last line printed.
set -euo pipefail
cd "$(dirname "$0")/.."

steps=(
  check-tidy
  check-fmt
  check-generated
  buf-lint
  buf-breaking
  vet
  build
  check-dockerfile
  check-manifests
  lint
  test
  test-gateways
  chaos-short
  readme
)

number=0
for step in "${steps[@]}"; do
  number=$((number + 1))
  printf '\n==== %d/%d  %s\n' "$number" "${#steps[@]}" "$step"
  begun=$SECONDS
  if ! make --no-print-directory "$step" </dev/null; then
    printf '\n%s failed after %d s. To run it alone: make %s\n' "$step" $((SECONDS - begun)) "$step" >&2
    printf 'FAILED: %s\n' "$step" >&2
    exit 1
  fi
  printf -- '---- %s: ok, %d s\n' "$step" $((SECONDS - begun))
done
printf '\nAll %d steps passed in %d s.\n' "${#steps[@]}" "$SECONDS"
