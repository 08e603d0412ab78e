# shellcheck shell=bash
# Which cluster the commands that follow talk to.

start_cluster() {
  case $CLUSTER in
    local) hack/cluster/cluster up ;;
    current) say "using the kubeconfig context $(current_context)" ;;
  esac
  use_cluster
}

current_context() {
  kubectl config current-context 2>/dev/null \
    || die "CLUSTER=current: there is no current kubeconfig context; choose one: kubectl config use-context NAME"
}

# Sets KUBECONFIG and PATH for everything that follows.
use_cluster() {
  local settings
  case $CLUSTER in
    local)
      settings=$(hack/cluster/cluster env)
      eval "$settings"
      ;;
    current) PATH=$PATH:$SCORE_CACHE_DIR/bin ;;
  esac
  kubectl version >/dev/null 2>"$LOG_DIR/api-server.log" \
    || die "the cluster does not answer: $(cat "$LOG_DIR/api-server.log")"
}
