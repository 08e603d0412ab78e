#!/usr/bin/env bash
# clippy over everything, with warnings as errors. The end-to-end tests are named, because
# "all targets" are those that a plain `cargo test` runs.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.."

lint() { cargo clippy --locked --workspace "$@" -- --deny warnings; }

lint --all-targets
lint --test together --test alone --test podsets
