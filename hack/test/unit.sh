#!/usr/bin/env bash
# Builds the tests that need no cluster, and runs them unless --build-only is said.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.."

hack/tools/install.sh registry helm
cargo test --locked --workspace --no-run
[ "${1:-}" != --build-only ] || exit 0
# All of them, so that one run shows everything that is wrong.
exec cargo test --locked --workspace --no-fail-fast
