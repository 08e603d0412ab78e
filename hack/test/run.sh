#!/usr/bin/env bash
# Runs all tests, or the named groups, and counts the steps.
#
#   hack/test/run.sh              the groups of tests: unit and cluster
#   hack/test/run.sh lint unit    these groups; lint reads and runs nothing
#
# A new check is one more `step` line in the group it belongs to.
set -euo pipefail

TEST_DIR=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
cd "$TEST_DIR/../.."
# shellcheck source=hack/lib/common.sh
source hack/lib/common.sh
# shellcheck source=hack/test/lib.sh
source hack/test/lib.sh

LOG_DIR=$PWD/target/test-logs
export PATH=$SCORE_CACHE_DIR/bin:$PATH
# The images are made of what the unit tests have compiled: nothing is compiled twice, and
# the controllers run with overflow checks and debug assertions.
export BUILD_PROFILE=dev
IMAGES_SRC=hack/images
# shellcheck source=hack/images/lib.sh
source hack/images/lib.sh
# A cluster of its own: the one of `make demo`, if it is up, is left alone.
export CLUSTER_NAME=score-test CLUSTER_API_PORT=7443

group_lint() {
  step "Rust formatting" cargo fmt --all --check
  step "clippy" hack/test/clippy.sh
  step "shell scripts" hack/test/shellcheck.sh
  step "workflows" hack/test/workflows.sh
  step "one version of each dependency" hack/test/dependencies.sh
  step "each crate alone" hack/test/crates-alone.sh
}

group_unit() {
  build_static
  # Minutes the first time: beside what cargo does.
  begin "registry" hack/tools/install.sh registry
  [[ " $REQUESTED " != *" cluster "* ]] || begin_for_cluster
  step "unit tests are built" cargo test --locked --workspace --no-run
  finish "registry"
  after "registry" step "unit tests" cargo test --locked --workspace
}

# What takes minutes the first time, and is mostly waited for.
begin_for_cluster() {
  begin "tools" hack/tools/install.sh
  begin "images of Debian packages" hack/images/build.sh postgres datastores
}

# Everything that runs containers. The demo is a test of itself, and installs what the
# end-to-end tests look at.
group_cluster() {
  build_static
  [ -v 'BACKGROUND[tools]' ] || begin_for_cluster
  finish "tools"
  finish "images of Debian packages"
  step "demo" make demo
  after "demo" step "demo again, on what stands" make demo
  after "demo" step "charts, judged by the API server" hack/test/charts-on-cluster.sh
  # It makes a cluster of its own, and mostly waits.
  begin "pod-set planner" hack/test/planner.sh
  after "demo" step "end to end, together" hack/test/e2e.sh --only together
  # It makes a cluster of its own, and what follows mostly waits.
  begin "local cluster" hack/cluster/test.sh
  after "demo" step "end to end, alone" hack/test/e2e.sh --only alone
  finish "local cluster"
  finish "pod-set planner"
  step "demo-down" make demo-down
}

tests() {
  echo unit cluster
}

main() {
  local group
  mkdir -p "$LOG_DIR"
  trap stop_background EXIT
  # shellcheck disable=SC2046 # one word per group
  [ $# -gt 0 ] || set -- $(tests)
  REQUESTED=$*
  step "Debian packages and toolchains" hack/deps.sh tests
  for group; do
    declare -F "group_$group" >/dev/null || die "there is no group '$group'; known: lint $(tests)"
    "group_$group"
  done
  summary
}

main "$@"
