#!/usr/bin/env bash
# Builds the tests that need no cluster, giving way to whatever else runs, and runs them.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.."

hack/tools/install.sh registry helm
nice -n 19 cargo test --locked --workspace --no-run
# All of them, so that one run shows everything that is wrong.
exec cargo test --locked --workspace --no-fail-fast
