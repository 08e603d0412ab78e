# shellcheck shell=bash
# The two example Workloads: apply, wait, look.

apply_examples() {
  local file
  for file in "${EXAMPLES[@]}"; do
    with_image_prefix "$file" | kubectl apply --filename - >&2
  done
}

example_names() {
  kubectl get --ignore-not-found --output name "${EXAMPLES[@]/#/--filename=}"
}

# What a user sees of a Workload, in one line.
status_line() {
  kubectl get "$1" --output jsonpath='{range .status.conditions[?(@.type=="Ready")]}Ready={.status} {.reason}: {.message}{end}'
}

# Shows each new status line until the Workload is Ready.
wait_until_ready() {
  local workload=$1 began=$SECONDS line last=
  until kubectl wait --for=condition=Ready "$workload" --timeout=2s >/dev/null 2>&1; do
    line=$(status_line "$workload")
    [ "$line" = "$last" ] || say "$workload after $((SECONDS - began)) s: ${line:-no status yet}"
    last=$line
    ((SECONDS - began < READY_TIMEOUT)) || explain_and_die "$workload"
  done
  say "$workload is Ready: $((SECONDS - began)) s"
}

explain_and_die() {
  kubectl describe "$1" >&2
  die "$1 is not Ready after $READY_TIMEOUT s. Its conditions and events are above. What else to look at:
       kubectl get resourceclaim.score.dev,workloadplan,workloadexposure
       kubectl get pods --selector app=${1##*/}
       kubectl --namespace $SYSTEM_NAMESPACE logs deployment/score-orchestrator"
}

# An endpoint of scope Cluster answers inside the cluster alone, so that is where the
# request is made: by a pod that does one and ends. A first attempt may come before the
# nodes route to a new address, hence OnFailure.
fetch() {
  local workload=$1 url pod
  url=$(kubectl get "$workload" --output jsonpath='{.status.endpoint}')
  pod=fetch-${workload##*/}
  kubectl delete pod "$pod" --ignore-not-found --wait >/dev/null
  fetch_pod "$pod" "$url" | kubectl create --filename - >/dev/null
  kubectl wait --for=jsonpath='{.status.phase}'=Succeeded "pod/$pod" --timeout=240s >/dev/null 2>&1 || {
    kubectl logs "$pod" >&2 || true
    kubectl delete pod "$pod" --wait=false >/dev/null
    die "$url did not answer; what the request said is above"
  }
  say "$url answers:"
  kubectl logs "$pod" | sed 's/^/    /'
  kubectl delete pod "$pod" --wait=false >/dev/null
}

fetch_pod() {
  cat <<YAML
apiVersion: v1
kind: Pod
metadata:
  name: $1
spec:
  restartPolicy: OnFailure
  activeDeadlineSeconds: 55
  automountServiceAccountToken: false
  securityContext: {runAsNonRoot: true, runAsUser: 65532, seccompProfile: {type: RuntimeDefault}}
  containers:
    - name: fetch
      image: $(image_prefix)/sample-app:dev
      args: [fetch, "$2"]
      resources: {requests: {cpu: 10m, memory: 8Mi}, limits: {memory: 64Mi}}
      securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
YAML
}

delete_examples() {
  local workload
  kubectl get customresourcedefinition workloads.score.dev >/dev/null 2>&1 || return 0
  for workload in $(example_names); do
    kubectl delete "$workload" >&2
    # What it caused goes with it; the database by its provisioner, which must still run then.
    kubectl wait --for=delete resourceclaim.score.dev --selector "score.dev/workload=${workload##*/}" \
      --timeout=240s >&2 || die "the resources of $workload are not gone after 240 s: kubectl describe resourceclaim.score.dev"
  done
}
