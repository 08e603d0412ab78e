#!/usr/bin/env bash
# planner.sh FLAG…: measures the pod-set planner: its planning library alone, and the
# controller beside the scheduler alone, on a control plane of its own with 500 fake nodes.
# The flags are those of `score-bench pod-sets` (`planner.sh --help`); docs/benchmark.md
# says how to read what comes out.
#
# BENCH_KEEP_CLUSTER=1 leaves the cluster and its logs for a look; the next run replaces it.
# BENCH_HELM_FLAGS='--set concurrency=64' measures other values of the chart than the defaults.
# BENCH_BINARIES=DIR measures the binaries in DIR instead of building them.
# BENCH_NODES=50 makes another number of nodes.
# BENCH_PLANNING=0 leaves out the library.
set -euo pipefail

BENCH_DIR=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
cd "$BENCH_DIR/../.."
# shellcheck source=hack/lib/common.sh
source hack/lib/common.sh

CONTROLLER=planner-controller-manager
SYSTEM_NAMESPACE=planner-system
FAKE_NODES=${BENCH_NODES:-500}
LOG_DIR=$PWD/target/bench-planner-logs
PLANNING_DIR=$LOG_DIR/planning
# shellcheck source=hack/bench/lib/run.sh
source "$BENCH_DIR/lib/run.sh"
# shellcheck source=hack/bench/lib/cluster.sh
source "$BENCH_DIR/lib/cluster.sh"
# shellcheck source=hack/bench/lib/controllers.sh
source "$BENCH_DIR/lib/controllers.sh"
# shellcheck source=hack/demo/lib/planner.sh
source "$BENCH_DIR/../demo/lib/planner.sh"

# Kubelets renew their leases on machines of their own. Here all of them would do it on this
# one: five hundred every ten seconds are most of what it does. So they do it more seldom,
# and nobody takes them for dead until then.
export FAKE_NODE_LEASE_SECONDS=${FAKE_NODE_LEASE_SECONDS:-240}
export CONTROLLER_MANAGER_EXTRA_ARGS=${CONTROLLER_MANAGER_EXTRA_ARGS:---node-monitor-grace-period=${FAKE_NODE_LEASE_SECONDS}s}

# The library alone, before anything else runs. Its results are of this run alone.
measure_planning() {
  rm -rf "$PLANNING_DIR"
  mkdir -p "$PLANNING_DIR"
  with_progress "planning alone" "$PLANNING_DIR/output.log" bench_library
}

# Built as the binaries are, which then have most of it already. Runs in a shell of its own.
bench_library() {
  local IMAGES_SRC=hack/images
  # shellcheck source=hack/images/lib.sh
  source hack/images/lib.sh
  build_static
  CRITERION_HOME=$PLANNING_DIR/criterion exec cargo bench --locked --package pod-planner --bench plan
}

# Namespace, rights and flags are the chart's; no pod is. Nobody asks the planner that answers.
install_planner_alone() {
  local flags
  read -r -a flags <<<"${BENCH_HELM_FLAGS:-}"
  kubectl create namespace "$SYSTEM_NAMESPACE" >/dev/null
  install_chart podset-planner --set mode=gates --set replicas=0 --set planner.enabled=false "${flags[@]}"
  with_progress "the admission policy holds pods of sets" "$LOG_DIR/policy.log" wait_for_policy
}

main() {
  local flags=()
  build podset-planner
  help_if_asked pod-sets "$@"
  [ "${BENCH_PLANNING:-}" = 0 ] || {
    measure_planning
    flags=(--planning="$PLANNING_DIR")
  }
  begin
  install_planner_alone
  make_client
  start_controller "$CONTROLLER" podset-planner
  wait_until_ready "$CONTROLLER"
  measure pod-sets "${flags[@]}" "$@"
}

main "$@"
