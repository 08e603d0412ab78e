#!/usr/bin/env bash
# Checks each crate by itself: in a build of the whole workspace a crate also gets the
# features that its neighbours ask for, and so hides what its own Cargo.toml lacks.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.."

cargo metadata --locked --no-deps --format-version 1 \
  | jq --raw-output '.packages[].name' \
  | while read -r crate; do
    echo "== $crate"
    cargo check --locked --quiet --package "$crate" </dev/null
  done
