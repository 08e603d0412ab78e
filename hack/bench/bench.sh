#!/usr/bin/env bash
# bench.sh FLAG…: measures the controllers on a control plane of its own with fake nodes,
# and prints a table. The flags are score-bench's (`bench.sh --help`); docs/benchmark.md
# says how to read what comes out.
#
# BENCH_KEEP_CLUSTER=1 leaves the cluster and its logs for a look; the next run replaces it.
# BENCH_HELM_FLAGS='--set concurrency=64' measures other values of the charts than the defaults.
# BENCH_BINARIES=DIR measures the binaries in DIR instead of building them.
set -euo pipefail

BENCH_DIR=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
cd "$BENCH_DIR/../.."
# shellcheck source=hack/lib/common.sh
source hack/lib/common.sh

# Beside any other local cluster.
export CLUSTER_NAME=${BENCH_CLUSTER_NAME:-bench}
export CLUSTER_API_PORT=${BENCH_API_PORT:-6553}
export CLUSTER_DIR=${BENCH_CLUSTER_DIR:-/var/tmp/score-orchestrator-cluster/$CLUSTER_NAME}
FIRST_HEALTH_PORT=${BENCH_HEALTH_PORT:-18551} # each controller takes the next one

CONTROLLERS=(orchestrator runtime-kubernetes provisioner-postgres)
SYSTEM_NAMESPACE=score-system
# Where the controllers work: what the other writers make elsewhere must not concern them.
WORKLOAD_NAMESPACE=score-bench-workloads
FAKE_NODES=10
LOG_DIR=$PWD/target/bench-logs
# shellcheck source=hack/bench/lib/cluster.sh
source "$BENCH_DIR/lib/cluster.sh"
# shellcheck source=hack/bench/lib/controllers.sh
source "$BENCH_DIR/lib/controllers.sh"

binary() { echo "${BENCH_BINARIES:-target/x86_64-unknown-linux-gnu/release}/$1"; }

build() {
  [ -z "${BENCH_BINARIES:-}" ] || return 0
  with_progress "release binaries" "$LOG_DIR/build.log" \
    hack/images/binaries.sh score-bench "${CONTROLLERS[@]/#/score-}"
}

clean_up() {
  stop_controllers
  if [ "${BENCH_KEEP_CLUSTER:-}" = 1 ]; then
    say "the cluster stays: CLUSTER_NAME=$CLUSTER_NAME CLUSTER_API_PORT=$CLUSTER_API_PORT hack/cluster/cluster status"
  else
    hack/cluster/cluster down
  fi
}

measure() {
  local controllers
  controllers=$(IFS=,; echo "${RUNNING[*]}")
  KUBECONFIG=$(kubeconfig_of score-bench) "$(binary score-bench)" \
    --audit-log="$CLUSTER_DIR/audit.log" --controller="$controllers" \
    --system-namespace="$SYSTEM_NAMESPACE" --workload-namespace="$WORKLOAD_NAMESPACE" "$@"
}

main() {
  local controller
  mkdir -p "$LOG_DIR"
  build
  case " $* " in
    *" --help "* | *" -h "*) exec "$(binary score-bench)" --help ;;
  esac
  require_root "the local cluster"
  trap clean_up EXIT
  start_cluster
  install_charts
  for controller in "${CONTROLLERS[@]}"; do start_controller "score-$controller"; done
  for controller in "${CONTROLLERS[@]}"; do wait_until_ready "score-$controller"; done
  measure "$@"
}

main "$@"
