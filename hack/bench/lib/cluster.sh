# shellcheck shell=bash
# A control plane whose only nodes are fake ones.

start_cluster() {
  local settings
  hack/cluster/cluster down # an audit log that begins with this run
  hack/cluster/cluster up 1
  settings=$(hack/cluster/cluster env)
  eval "$settings"
  remove_real_node node-1
  hack/cluster/cluster kwok "$FAKE_NODES"
  # Nothing that is measured tolerates the taint, and there are no other nodes to keep free.
  kubectl taint nodes --selector=type=kwok kwok.x-k8s.io/node- >/dev/null
}

# A kubelet and a kube-proxy that program rules for every Service would only take CPU from
# what is measured.
remove_real_node() {
  local pid
  read -r pid _ <"$CLUSTER_DIR/machines/$1/pid"
  kill -KILL "$pid"
  kubectl delete node "$1" >/dev/null
}
