# shellcheck shell=bash
# Which cluster the commands that follow talk to.

start_cluster() {
  [ "$CLUSTER" = current ] || hack/cluster/cluster up "$CLUSTER_NODES"
  use_cluster
}

current_context() {
  kubectl config current-context 2>/dev/null \
    || die "CLUSTER=current: there is no current kubeconfig context; choose one: kubectl config use-context NAME"
}

# Before minutes are spent on building for it.
check_current_cluster() {
  local context
  require_command kubectl "https://kubernetes.io/docs/tasks/tools"
  context=$(current_context)
  say "using the kubeconfig context $context"
  check_answer
}

check_answer() {
  kubectl version --request-timeout=10s >/dev/null 2>"$LOG_DIR/api-server.log" \
    || die "the cluster does not answer: $(tail -n 1 "$LOG_DIR/api-server.log")"
}

# Sets KUBECONFIG and PATH for everything that follows.
use_cluster() {
  local settings
  case $CLUSTER in
    local)
      settings=$(hack/cluster/cluster env)
      eval "$settings"
      check_answer
      ;;
    current) PATH=$PATH:$SCORE_CACHE_DIR/bin ;;
  esac
}
