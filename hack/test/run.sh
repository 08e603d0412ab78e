#!/usr/bin/env bash
# Runs all tests, or the named groups, and counts the steps.
#
#   hack/test/run.sh              all tests: the groups unit and cluster, one beside the other
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
# What would help the next compilation costs this one time.
export CARGO_INCREMENTAL=0
IMAGES_SRC=hack/images
# shellcheck source=hack/images/lib.sh
source hack/images/lib.sh
export E2E_PROGRAMS=$TARGET_DIR/e2e
DEMO_TOOLS=(kubernetes etcd coredns helm)
# A cluster of its own: the one of `make demo`, if it is up, is left alone.
export CLUSTER_NAME=score-test CLUSTER_API_PORT=7443

group_lint() {
  step "Rust formatting" cargo fmt --all --check
  step "clippy" hack/test/clippy.sh
  step "shell scripts" hack/test/shellcheck.sh
  step "workflows" hack/test/workflows.sh
  step "one TLS provider, one version of shared types" hack/test/dependencies.sh
  step "each crate alone" hack/test/crates-alone.sh
}

group_unit() {
  build_static
  step "unit tests" hack/test/unit.sh
}

# Everything that runs containers. The demo is a test of itself, and installs what the
# end-to-end tests look at.
group_cluster() {
  build_static
  begin "tools" hack/tools/install.sh "${DEMO_TOOLS[@]}"
  begin "images of Debian packages" hack/images/build.sh postgres
  step "programs are built" hack/test/programs.sh
  # From here on nobody asks cargo for them, who may have other work.
  export BINARIES_DIR
  finish "tools"
  finish "images of Debian packages"
  begin_when_idle "more tools and images" hack/test/more-tools.sh
  after "programs are built" step "demo" make demo
  after "demo" step "demo again, on what stands" make demo
  finish "more tools and images"
  # The first of these keeps a small machine busy. The last mostly waits, so that the others
  # run beside it.
  [ "$1" = alone ] || begin_when_idle "unit tests are built" hack/test/unit.sh --build-only
  after "demo" step "end to end, together" hack/test/e2e.sh --only together
  [ "$1" = alone ] || begin_after "unit tests are built" "unit tests" hack/test/unit.sh
  begin "local cluster" hack/cluster/test.sh
  begin_after "local cluster" "pod-set planner" hack/test/planner.sh
  begin "charts, judged by the API server" hack/test/charts-on-cluster.sh
  after "demo" step "end to end, alone" hack/test/e2e.sh --only alone
  [ "$1" = alone ] || {
    finish "unit tests are built"
    finish "unit tests"
  }
  finish "charts, judged by the API server"
  finish "local cluster"
  finish "pod-set planner"
  step "demo-down" make demo-down
}

main() {
  local group
  mkdir -p "$LOG_DIR"
  trap stop_background EXIT
  step "Debian packages and toolchains" hack/deps.sh tests
  [ $# -gt 0 ] || group_cluster with-unit
  for group; do
    declare -F "group_$group" >/dev/null || die "there is no group '$group'; known: lint unit cluster"
    "group_$group" alone
  done
  summary
}

main "$@"
