# shellcheck shell=bash
# The example of the pod-set planner: held, planned, released, compared.

install_planner() {
  make_namespace
  install_controller podset-planner podset-planner --set "mode=$MODE" "${SCHEDULER_VALUES[@]}"
  wait_for_controller "$CONTROLLER"
  # Whichever the chart has chosen.
  if kubectl --namespace "$SYSTEM_NAMESPACE" get deployment "$SCHEDULER" >/dev/null 2>&1; then
    wait_for_controller "$SCHEDULER"
  else
    with_progress "the admission policy holds pods of sets" "$LOG_DIR/planner-policy.log" wait_for_policy
  fi
}

# The API server takes a moment to notice a new policy. A pod that came before would be
# scheduled around its trigger.
wait_for_policy() {
  local deadline=$((SECONDS + 180))
  until kubectl create --dry-run=server --output yaml --filename - <<<"$(probe)" | grep 'name: planner.ciena.io/pod-set'; do
    ((SECONDS < deadline)) || die "pods of sets get no gate: kubectl describe mutatingadmissionpolicy podset-planner"
    sleep 0.2
  done
}

probe() {
  cat <<YAML
apiVersion: v1
kind: Pod
metadata: {name: probe, labels: {planner.ciena.io/pod-set: probe}}
spec: {containers: [{name: none, image: none.invalid/none}]}
YAML
}

# A trigger that is there keeps its state, so that a second run holds nothing again that runs.
apply_planner_example() {
  kubectl get --filename "$TRIGGER" >/dev/null 2>&1 || kubectl apply --filename "$TRIGGER" >&2
  apply_examples
}

pods_of_set() {
  kubectl get pods --selector "planner.ciena.io/pod-set=$SET" "$@"
}

unbound_pods() {
  pods_of_set --field-selector spec.nodeName= --output name
}

# What is held is shown, and released by hand: the quiet time would do it in two minutes.
release_set() {
  with_progress "both pods are there" "$LOG_DIR/planner-members.log" \
    kubectl wait --for=jsonpath='{.status.replicas}' deployment/hello-server deployment/hello-client --timeout=180s
  if [ -n "$(unbound_pods)" ]; then
    say "they are held until the trigger says Schedule:"
    pods_of_set | indented
  fi
  kubectl patch scheduletrigger customtrigger --type merge --patch '{"spec": {"state": "Schedule"}}' >&2
  with_progress "both pods are bound to their planned nodes" "$LOG_DIR/planner-scheduled.log" \
    kubectl wait --for=condition=Scheduled scheduletrigger/customtrigger --timeout=180s || explain_set
  with_progress "both pods run" "$LOG_DIR/planner-running.log" \
    kubectl wait --for=condition=Available deployment/hello-server deployment/hello-client --timeout=240s || explain_set
}

explain_set() {
  kubectl describe scheduletrigger customtrigger >&2
  pods_of_set --output wide >&2
  die "the set does not run. Its trigger and pods are above. What else to look at:
       kubectl describe scheduleplan --selector planner.ciena.io/pod-set=$SET
       kubectl --namespace $SYSTEM_NAMESPACE logs deployment/$CONTROLLER"
}

show_plan() {
  say "the plan:"
  kubectl get scheduleplan --selector "planner.ciena.io/pod-set=$SET" --output wide | indented
  say "where the pods run:"
  pods_of_set --output custom-columns=NAME:.metadata.name,STATUS:.status.phase,NODE:.spec.nodeName | indented
  say "podset-planner verify:"
  verify | indented
}

verify() {
  local namespace
  namespace=$(kubectl config view --minify --output jsonpath='{.contexts[0].context.namespace}')
  kubectl --namespace "$SYSTEM_NAMESPACE" exec "deployment/$CONTROLLER" -- \
    /app verify --strict --namespace "${namespace:-default}"
}

indented() { sed 's/^/    /' >&2; }

# Pods that are held would stay held without the planner, so they go first.
delete_planner_example() {
  kubectl delete --ignore-not-found --filename "${EXAMPLES[0]}" >&2
  pods_of_set --output name | xargs --no-run-if-empty kubectl wait --for=delete --timeout=240s >&2
  ! kubectl get customresourcedefinition scheduletriggers.planner.ciena.io >/dev/null 2>&1 \
    || kubectl delete --ignore-not-found --filename "$TRIGGER" >&2
}
