# shellcheck shell=bash
# up, down and status: what is missing is made, what is there is kept. None of them
# relies on how an earlier run ended.

# for_each_at_once ITEM… -- COMMAND…: COMMAND with each item as its last argument, all
# at the same time; ends the script when one fails.
for_each_at_once() {
  local items=() item pid children=()
  while [ "$1" != -- ]; do
    items+=("$1")
    shift
  done
  shift
  for item in "${items[@]}"; do
    ("$@" "$item") &
    children+=($!)
  done
  for pid in "${children[@]}"; do
    wait "$pid" || exit 1
  done
}

# How many nodes `up` makes: as told, else as many as there are, else one.
wanted_nodes() {
  local count=${1:-$(node_numbers | wc -l)}
  [ "$count" != 0 ] || [ -n "${1:-}" ] || count=1
  [[ $count =~ ^[1-9]$ && $count -le $MAX_NODES ]] \
    || die "the number of nodes must be between 1 and $MAX_NODES, not '$count'"
  echo "$count"
}

remove_nodes_beyond() {
  local number
  for number in $(node_numbers); do
    [ "$number" -le "$1" ] || remove_node "$number"
  done
}

install_prerequisites() {
  "$CLUSTER_SRC/../deps.sh"
  "$CLUSTER_SRC/../tools/install.sh" kubernetes etcd coredns
  "$CLUSTER_SRC/../images/build.sh" pause
}

start_control_plane() {
  ensure_machine "$CONTROL_PLANE"
  ensure_bridge
  start_etcd
  start_api_server
  ensure_api_relay_inside
  ensure_api_relay_on_host
}

start_controllers() {
  start_controller_manager
  start_scheduler
  start_dns
  start_volume_opener
}

up() {
  local count numbers
  count=$(wanted_nodes "${1:-}")
  mapfile -t numbers < <(seq "$count")
  install_prerequisites
  trap wait EXIT # nothing of this run goes on after it
  began=${EPOCHREALTIME/./} # from built binaries
  (umask 077 && mkdir -p "$CLUSTER_DIR")
  mkdir -p "$LOG_DIR" "$KUBECONFIG_DIR" "$MACHINES_DIR"
  ensure_control_plane_keys
  start_control_plane
  step "control plane started"
  for_each_at_once "${numbers[@]}" -- start_node_runtime &
  local runtimes=$!
  wait_for_api
  step "API server answers at https://127.0.0.1:$CLUSTER_API_PORT"
  start_controllers
  remove_nodes_beyond "$count"
  create_missing_node_objects "${numbers[@]}"
  apply_addons
  wait "$runtimes" || exit 1
  step "container runtimes started"
  for_each_at_once "${numbers[@]}" -- start_node_agents
  wait_for_nodes "${numbers[@]}"
  wait_for_service_account
  step "nodes Ready: $count. Next: eval \"\$($CLUSTER_SRC/cluster env)\""
}

# step TEXT: a line with the time since `up` had all its binaries.
step() {
  local elapsed=$(((${EPOCHREALTIME/./} - began) / 100000))
  say "$((elapsed / 10)).$((elapsed % 10)) s: $1"
}

down() {
  stop_api_relay
  stop_machine ""
  remove_cgroups "$CLUSTER_NAME-node-*"
  ! grep " $CLUSTER_DIR" /proc/self/mountinfo || die "these mounts below $CLUSTER_DIR remain"
  rm -rf "$CLUSTER_DIR"
  rmdir --ignore-fail-on-non-empty --parents "$(dirname "$CLUSTER_DIR")" 2>/dev/null || true
  say "the cluster '$CLUSTER_NAME' is gone"
}

machine_status() {
  local machine=$1 state
  machine_pid "$machine" >/dev/null || { echo "$machine: not running"; return; }
  # shellcheck disable=SC2016 # the inner shell expands
  state=$(in_machine "$machine" bash -c 'source "$1"
    for record in /run/processes/*; do
      recorded_pid "$record" >/dev/null && echo "${record##*/}" || echo "${record##*/}(dead)"
    done' bash "$LIB_DIR/process.sh")
  echo "$machine:" "$(xargs <<<"$state")"
}

status() {
  local number
  [ -d "$CLUSTER_DIR" ] || { echo "the cluster '$CLUSTER_NAME' is not up"; return 1; }
  machine_status "$CONTROL_PLANE"
  for number in $(node_numbers); do
    machine_status "$(node_name "$number")"
  done
  recorded_pid "$CLUSTER_DIR/relay" >/dev/null || echo "relay: not running"
  admin_kubectl get nodes --output=wide 2>/dev/null \
    || die "the API server does not answer at https://127.0.0.1:$CLUSTER_API_PORT: 'cluster up' repairs it"
}
