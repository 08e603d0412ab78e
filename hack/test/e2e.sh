#!/usr/bin/env bash
# e2e.sh [PART OF A NAME]…: the end-to-end tests, or those whose names have such a part, on
# the local cluster, which is given the images more that they need: busybox, to look at a
# container from inside, and datastores, for resource types of the platform's own.
set -euo pipefail

cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.."
# shellcheck source=hack/lib/common.sh
source hack/lib/common.sh

# run TESTS AT_ONCE NAME…: of the whole workspace, so that what the unit tests have compiled
# is used again. A trace of the test's own calls would hide what the test says.
run() {
  RUST_BACKTRACE=0 hack/test/on-cluster.sh cargo test --locked --workspace --test "$1" -- \
    --test-threads "$2" "${@:3}"
}

hack/images/build.sh busybox datastores
hack/cluster/cluster load "$SCORE_CACHE_DIR"/images/{busybox,datastores}.tar
failed=0
# They wait more than they work.
run together 8 "$@" || failed=1
run alone 1 "$@" || failed=1
exit "$failed"
