# shellcheck shell=bash
# How a benchmark begins and ends. Sourced after hack/lib/common.sh by a script whose
# comment says what of the environment it heeds.

# Beside any other local cluster.
export CLUSTER_NAME=${BENCH_CLUSTER_NAME:-bench}
export CLUSTER_API_PORT=${BENCH_API_PORT:-6553}
export CLUSTER_DIR=${BENCH_CLUSTER_DIR:-/var/tmp/score-orchestrator-cluster/$CLUSTER_NAME}

binary() { echo "${BENCH_BINARIES:-target/x86_64-unknown-linux-gnu/release}/$1"; }

# build NAME…: the binaries that are measured, and the one that measures.
build() {
  mkdir -p "$LOG_DIR"
  [ -n "${BENCH_BINARIES:-}" ] \
    || with_progress "release binaries" "$LOG_DIR/build.log" hack/images/binaries.sh score-bench "$@"
}

# help_if_asked SUBCOMMAND FLAG…: shows what flags there are and ends, if that is all that is wanted.
help_if_asked() {
  case " ${*:2} " in
    *" --help "* | *" -h "*) exec "$(binary score-bench)" "$1" --help ;;
  esac
}

# begin: a cluster that is gone when the script ends.
begin() {
  require_root "the local cluster"
  trap clean_up EXIT
  start_cluster
}

clean_up() {
  stop_controllers
  if [ "${BENCH_KEEP_CLUSTER:-}" = 1 ]; then
    say "the cluster stays: CLUSTER_NAME=$CLUSTER_NAME CLUSTER_API_PORT=$CLUSTER_API_PORT hack/cluster/cluster status"
  else
    hack/cluster/cluster down
  fi
}

# measure SUBCOMMAND FLAG…: what runs by now.
measure() {
  local controllers
  controllers=$(IFS=,; echo "${RUNNING[*]}")
  KUBECONFIG=$(kubeconfig_of score-bench) "$(binary score-bench)" "$1" \
    --audit-log="$CLUSTER_DIR/audit.log" --controller="$controllers" \
    --system-namespace="$SYSTEM_NAMESPACE" "${@:2}"
}
