# shellcheck shell=bash
# Talking to the API server, and waiting for it.

admin_kubectl() { "$BIN_DIR/kubectl" --kubeconfig "$ADMIN_KUBECONFIG" "$@"; }

# wait_for WHAT SECONDS COMMAND…: until COMMAND succeeds.
wait_for() {
  local what=$1 deadline=$((SECONDS + $2))
  shift 2
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || die "$what is not ready in time: see $LOG_DIR"
    sleep 0.05
  done
}

wait_for_api() {
  # Through the relay: what is ready is what users reach.
  wait_for "the API server" 240 admin_kubectl get --raw /readyz
}

apply_addons() {
  sed -e "s/@DNS_SERVICE_IP@/$DNS_SERVICE_IP/" -e "s/@CONTROL_PLANE_IP@/$CONTROL_PLANE_IP/" \
    "$CLUSTER_SRC/manifests/addons.yaml" \
    | admin_kubectl apply --server-side --field-manager=local-cluster --filename=- >"$LOG_DIR/addons.log" \
    || die "the cluster's own objects could not be applied"
}

create_missing_node_objects() {
  local present number
  present=$(admin_kubectl get nodes --output=name)
  for number; do
    grep -qx "node/$(node_name "$number")" <<<"$present" || create_node_object "$number"
  done
}

# A node that has just died still counts as Ready for 50 s. It has come back when its
# kubelet has renewed its lease since it was started.
node_is_back() {
  local name started renewed ready
  name=$(node_name "$1")
  started=$(in_machine "$name" date --utc --reference=/run/processes/kubelet +%FT%T)
  renewed=$(admin_kubectl get lease "$name" --namespace=kube-node-lease --output=jsonpath='{.spec.renewTime}')
  [[ $renewed > $started ]] || return 1
  ready=$(admin_kubectl get node "$name" \
    --output=jsonpath='{.status.conditions[?(@.type=="Ready")].status}')
  [ "$ready" = True ]
}

wait_for_nodes() {
  local number
  for number; do
    wait_for "$(node_name "$number")" 240 node_is_back "$number"
  done
}

# A Pod that is created before its namespace's default ServiceAccount is refused.
wait_for_service_account() {
  wait_for "the default ServiceAccount" 240 admin_kubectl get serviceaccount default
}
