# shellcheck shell=bash
# The controllers as their charts would run them, but as processes of this machine: fake
# nodes run nothing.

FIRST_HEALTH_PORT=${BENCH_HEALTH_PORT:-18551} # each controller takes the next one
RUNNING=() # name=pid of each controller
declare -A HEALTH_PORTS=()

# The client's own requests queue as everybody's: an administrator's would pass them by.
make_client() {
  kubectl create serviceaccount score-bench --namespace="$SYSTEM_NAMESPACE" >/dev/null
  kubectl create clusterrolebinding score-bench --clusterrole=cluster-admin \
    --serviceaccount="$SYSTEM_NAMESPACE:score-bench" >/dev/null
}

install_chart() {
  local chart=$1
  shift
  helm install "score-$chart" "charts/$chart" --namespace="$SYSTEM_NAMESPACE" "$@" >"$LOG_DIR/helm-$chart.log" 2>&1 \
    || die "chart $chart: $(tail -n 3 "$LOG_DIR/helm-$chart.log")"
}

# kubeconfig_of SERVICE-ACCOUNT: the path of a kubeconfig that holds a token of it.
kubeconfig_of() {
  local account=$1 file=$CLUSTER_DIR/kubeconfig/$1
  [ -f "$file" ] || (
    umask 077
    # shellcheck disable=SC2030 # for this subshell alone
    export KUBECONFIG=$file.partial
    cp "$CLUSTER_DIR/kubeconfig/admin" "$KUBECONFIG"
    kubectl config set-credentials "$account" --token="$(token_of "$account")"
    kubectl config set-context --current --user="$account" --namespace="$SYSTEM_NAMESPACE"
    kubectl config delete-user user
    mv "$KUBECONFIG" "$file"
  ) >/dev/null
  echo "$file"
}

token_of() {
  kubectl --kubeconfig="$CLUSTER_DIR/kubeconfig/admin" create token "$1" \
    --namespace="$SYSTEM_NAMESPACE" --duration=24h
}

# chart_says NAME JQ-FILTER: something of the container that the chart of a controller runs.
chart_says() {
  # shellcheck disable=SC2031 # the variable of this shell is meant
  kubectl get deployment "$1" --namespace="$SYSTEM_NAMESPACE" --output=json \
    | jq --raw-output ".spec.template.spec.containers[0] | $2"
}

# start_controller NAME BINARY VARIABLE…: as the Deployment of that name would run it, but for
# these variables.
start_controller() {
  local name=$1 binary flags variables
  binary=$(binary "$2")
  HEALTH_PORTS[$name]=$((FIRST_HEALTH_PORT + ${#RUNNING[@]}))
  mapfile -t flags < <(chart_says "$name" '.args[]')
  mapfile -t variables < <(chart_says "$name" '.env[] | select(.value) | "\(.name)=\(.value)"')
  # The variables come after what a process needs here: they are the chart's word.
  env KUBECONFIG="$(kubeconfig_of "$name")" POD_NAME="$name" POD_NAMESPACE="$SYSTEM_NAMESPACE" \
    SCORE_LISTEN="127.0.0.1:${HEALTH_PORTS[$name]}" "${@:3}" "${variables[@]}" \
    "$binary" "${flags[@]}" >"$LOG_DIR/$name.log" 2>&1 </dev/null &
  RUNNING+=("$name=$!")
  say "$name ${flags[*]}"
}

wait_until_ready() {
  local name=$1 url deadline=$((SECONDS + 30))
  url=http://127.0.0.1:${HEALTH_PORTS[$name]}/ready
  until curl --silent --fail --output /dev/null "$url"; do
    ((SECONDS < deadline)) || die "$name is not ready: $(tail -n 3 "$LOG_DIR/$name.log")"
    sleep 0.1
  done
}

stop_controllers() {
  local entry
  for entry in "${RUNNING[@]}"; do kill "${entry##*=}" 2>/dev/null || true; done
  for entry in "${RUNNING[@]}"; do wait "${entry##*=}" 2>/dev/null || true; done
}
