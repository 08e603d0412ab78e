# shellcheck shell=bash
# Fake nodes for benchmarks: kwok moves the status of their pods on as a kubelet would,
# without running anything.

FAKE_NODE_ANNOTATION=kwok.x-k8s.io/node=fake
FAKE_NODE_LABEL=type=kwok
PODS_PER_FAKE_NODE=500

KWOK_PKI_DIR=$CLUSTER_DIR/kwok-pki

# A user of its own, so that the audit log tells kwok's writes from others'.
kwok_keys() {
  set -e # this runs in a subshell of its own
  new_certificate "$PKI_DIR/ca" kwok /O=system:masters/CN=kwok
}

# With leases, as kubelets have them: without, the controller manager takes a node for dead
# after each grace period, and its pods for not ready. A kwok that was killed leaves leases
# that the next one waits for, up to their duration.
start_kwok() {
  local kwok
  kwok=$(tool kwok)
  make_key_set "$KWOK_PKI_DIR" kwok_keys
  write_kubeconfig "$KUBECONFIG_DIR/kwok" "$API_URL_LOCAL" "$KWOK_PKI_DIR/kwok"
  run_in_machine "$CONTROL_PLANE" kwok "$kwok" --kubeconfig="$KUBECONFIG_DIR/kwok" \
    --config="$(dirname "$kwok")/stages.yaml" --server-address=127.0.0.1:10247 \
    --manage-all-nodes=false --manage-nodes-with-annotation-selector="$FAKE_NODE_ANNOTATION" \
    --node-lease-duration-seconds="$FAKE_NODE_LEASE_SECONDS"
}

# The taint keeps ordinary pods away: only what tolerates it is meant for a fake node.
fake_node() {
  cat <<YAML
---
apiVersion: v1
kind: Node
metadata:
  name: kwok-$1
  annotations: {${FAKE_NODE_ANNOTATION/=/: }}
  labels: {${FAKE_NODE_LABEL/=/: }, kubernetes.io/hostname: kwok-$1, kubernetes.io/os: linux}
spec:
  taints:
  - {key: kwok.x-k8s.io/node, value: fake, effect: NoSchedule}
status:
  capacity: &resources {cpu: "1000", memory: 1Ti, pods: "$PODS_PER_FAKE_NODE"}
  allocatable: *resources
YAML
}

fake_nodes() {
  local number
  for number in $(seq "$1"); do
    fake_node "$number"
  done
}

# scale_fake_nodes COUNT
scale_fake_nodes() {
  local count=$1
  if [ "$count" = 0 ]; then
    remove_fake_nodes
    return
  fi
  start_kwok
  delete_fake_nodes_beyond "$count"
  fake_nodes "$count" | admin_kubectl apply --server-side --field-manager=local-cluster --filename=- >/dev/null
  admin_kubectl wait --for=condition=Ready node --selector="$FAKE_NODE_LABEL" \
    --timeout="$((60 + count / 5))s" >/dev/null
  say "$count fake nodes are Ready"
}

delete_fake_nodes_beyond() {
  local node
  for node in $(admin_kubectl get nodes --selector="$FAKE_NODE_LABEL" --output=name); do
    [ "${node##*-}" -le "$1" ] || admin_kubectl delete "$node" --wait=false >/dev/null
  done
}

remove_fake_nodes() {
  admin_kubectl delete node --selector="$FAKE_NODE_LABEL" --wait=false >/dev/null
  stop_in_machine "$CONTROL_PLANE" kwok
  say "no fake nodes"
}
