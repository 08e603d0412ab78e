#!/usr/bin/env bash
# Builds what the tests on a cluster run, and nothing else: the binaries of the images, and
# the end-to-end tests, each of which is put into E2E_PROGRAMS under its name. Dependencies
# get the features that they have in all tests, so that those compile none of them again.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.."

: "${E2E_PROGRAMS:?a folder}"
built=$(cargo build --locked --workspace --bins --test together --test alone --test podsets \
  --message-format json-render-diagnostics)
mkdir -p "$E2E_PROGRAMS"
jq --raw-output 'select(.target.kind == ["test"] and .executable) | [.executable, .target.name] | @tsv' <<<"$built" \
  | while read -r program name; do ln -sfnT "$program" "$E2E_PROGRAMS/$name"; done
