# shellcheck shell=bash
# The checks of test.sh that ask a real API server. Nothing that they make stays.

kube() {
  kubectl --kubeconfig "$TEST_KUBECONFIG" "$@"
}

test_on_server() {
  local chart values
  TEST_NAMESPACE=chart-test-$$
  trap 'remove_test_namespace; rm -rf "$WORK"' EXIT
  check "server: a namespace that enforces restricted" make_restricted_namespace
  check "server: takes the crds chart" server_takes crds "$CHARTS/crds/ci/default-values.yaml"
  for chart in "${CONTROLLERS[@]}"; do
    for values in "$CHARTS/$chart"/ci/*-values.yaml; do
      check "server: takes $chart with $(basename "$values" -values.yaml) values" \
        server_takes "$chart" "$values"
    done
  done
  check "server: warns of a pod that is not restricted" server_warns_of_a_privileged_pod
}

make_restricted_namespace() {
  kube create namespace "$TEST_NAMESPACE" \
    && kube label namespace "$TEST_NAMESPACE" \
      pod-security.kubernetes.io/enforce=restricted pod-security.kubernetes.io/warn=restricted
}

remove_test_namespace() {
  kube delete namespace "$TEST_NAMESPACE" --wait=false --ignore-not-found >/dev/null
}

# The server admits every manifest, without a warning and without an unknown field.
server_takes() {
  NAMESPACE=$TEST_NAMESPACE render "$1" "$2" >"$WORK/server.yaml" || return 1
  dry_run "$WORK/server.yaml"
}

dry_run() {
  kube apply --server-side --force-conflicts --field-manager=chart-test --dry-run=server \
    --validate=strict --filename "$1" >"$WORK/server.out" 2>&1 || { cat "$WORK/server.out"; return 1; }
  ! grep --ignore-case 'warning' "$WORK/server.out"
}

# That silence means something.
server_warns_of_a_privileged_pod() {
  NAMESPACE=$TEST_NAMESPACE render orchestrator | sed 's/runAsNonRoot: true/runAsNonRoot: false/' >"$WORK/server.yaml"
  ! dry_run "$WORK/server.yaml" || return 1
  grep --quiet 'would violate PodSecurity' "$WORK/server.out" || { cat "$WORK/server.out"; return 1; }
}
