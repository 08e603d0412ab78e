#!/usr/bin/env bash
# bench.sh FLAG…: measures the controllers on a control plane of its own with fake nodes,
# and prints a table. The flags are those of `score-bench workloads` (`bench.sh --help`);
# docs/benchmark.md says how to read what comes out.
#
# BENCH_KEEP_CLUSTER=1 leaves the cluster and its logs for a look; the next run replaces it.
# BENCH_HELM_FLAGS='--set concurrency=64' measures other values of the charts than the defaults.
# BENCH_BINARIES=DIR measures the binaries in DIR instead of building them.
set -euo pipefail

BENCH_DIR=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
cd "$BENCH_DIR/../.."
# shellcheck source=hack/lib/common.sh
source hack/lib/common.sh

CONTROLLERS=(orchestrator runtime-kubernetes provisioner-postgres)
SYSTEM_NAMESPACE=score-system
# Where the controllers work: what the other writers make elsewhere must not concern them.
WORKLOAD_NAMESPACE=score-bench-workloads
FAKE_NODES=10
LOG_DIR=$PWD/target/bench-logs
# shellcheck source=hack/bench/lib/run.sh
source "$BENCH_DIR/lib/run.sh"
# shellcheck source=hack/bench/lib/cluster.sh
source "$BENCH_DIR/lib/cluster.sh"
# shellcheck source=hack/bench/lib/controllers.sh
source "$BENCH_DIR/lib/controllers.sh"

install_charts() {
  local chart flags
  read -r -a flags <<<"${BENCH_HELM_FLAGS:-}"
  kubectl create namespace "$SYSTEM_NAMESPACE" >/dev/null
  kubectl create namespace "$WORKLOAD_NAMESPACE" >/dev/null
  install_chart crds
  for chart in "${CONTROLLERS[@]}"; do install_chart "$chart" --set replicas=0 "${flags[@]}"; done
}

main() {
  local controller
  build "${CONTROLLERS[@]/#/score-}"
  help_if_asked workloads "$@"
  begin
  install_charts
  make_client
  for controller in "${CONTROLLERS[@]}"; do
    start_controller "score-$controller" "score-$controller" SCORE_NAMESPACE="$WORKLOAD_NAMESPACE"
  done
  for controller in "${CONTROLLERS[@]}"; do wait_until_ready "score-$controller"; done
  measure workloads --workload-namespace="$WORKLOAD_NAMESPACE" "$@"
}

main "$@"
