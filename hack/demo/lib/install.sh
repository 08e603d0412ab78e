# shellcheck shell=bash
# Installing the charts, and removing them.

# Helm cannot label the namespace that it creates, and without the label nothing would
# enforce what the charts promise.
make_namespace() {
  kubectl get namespace "$SYSTEM_NAMESPACE" >/dev/null 2>&1 || {
    kubectl create namespace "$SYSTEM_NAMESPACE" >/dev/null
    kubectl label namespace "$SYSTEM_NAMESPACE" "$OWNED_LABEL" >/dev/null
  }
  kubectl label namespace "$SYSTEM_NAMESPACE" --overwrite \
    pod-security.kubernetes.io/enforce=restricted >/dev/null
}

install_charts() {
  local chart
  make_namespace
  install_chart crds
  for chart in "${CONTROLLERS[@]}"; do
    install_controller "$chart" "score-$chart"
  done
  for chart in "${CONTROLLERS[@]}"; do
    wait_for_controller "score-$chart"
  done
}

# install_controller CHART IMAGE FLAG…
install_controller() {
  install_chart "$1" --values <(with_image_prefix "charts/$1/values.yaml") \
    --set "image.pullPolicy=$(pull_policy),podAnnotations.checksum/image=$(image_checksum "$2")" "${@:3}"
}

# A registry may have a newer image under the same tag than a node; the local cluster's nodes
# have just been given theirs.
pull_policy() {
  [ "$CLUSTER" = local ] && echo IfNotPresent || echo Always
}

# A tag that is built again keeps its name: with this in the pods, a new image rolls them.
image_checksum() {
  sha256sum "$(image_archive "$1")" | cut -c 1-16
}

install_chart() {
  local chart=$1
  shift
  remove_unfinished "score-$chart"
  helm upgrade --install "score-$chart" "charts/$chart" --namespace "$SYSTEM_NAMESPACE" "$@" \
    >"$LOG_DIR/helm-$chart.log" 2>&1 \
    || die "helm could not install charts/$chart: $(tail -n 5 "$LOG_DIR/helm-$chart.log")"
  say "installed charts/$chart"
}

# A run that was killed in the middle of an installation leaves a release that Helm
# refuses to upgrade.
remove_unfinished() {
  local unfinished
  unfinished=$(helm list --namespace "$SYSTEM_NAMESPACE" --pending --uninstalling --filter "^$1\$" --short)
  [ -z "$unfinished" ] || helm uninstall "$1" --namespace "$SYSTEM_NAMESPACE" --wait >/dev/null
}

wait_for_controller() {
  with_progress "$1 is ready" "$LOG_DIR/$1.log" \
    kubectl --namespace "$SYSTEM_NAMESPACE" rollout status "deployment/$1" --timeout=300s || {
    kubectl --namespace "$SYSTEM_NAMESPACE" describe pods --selector "app.kubernetes.io/name=$1" | tail -n 20 >&2
    kubectl --namespace "$SYSTEM_NAMESPACE" logs "deployment/$1" --tail=20 >&2 || true
    die "$1 did not become ready; its pods and the end of its log are above"
  }
}

uninstall_charts() {
  local chart
  for chart; do
    helm uninstall "score-$chart" --namespace "$SYSTEM_NAMESPACE" --ignore-not-found --wait >/dev/null
    say "removed charts/$chart"
  done
  # A namespace that the demo has not made stays.
  kubectl delete namespace --selector "$OWNED_LABEL,kubernetes.io/metadata.name=$SYSTEM_NAMESPACE"
}
