#!/usr/bin/env bash
# e2e.sh ARG…: `cargo test --package e2e ARG…` on the local cluster, which is given the one
# image more that the tests need: busybox, to look at a container from inside.
set -euo pipefail

cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.."
# shellcheck source=hack/lib/common.sh
source hack/lib/common.sh

hack/images/build.sh busybox
hack/cluster/cluster load "$SCORE_CACHE_DIR/images/busybox.tar"
exec hack/test/on-cluster.sh cargo test --locked --package e2e "$@"
