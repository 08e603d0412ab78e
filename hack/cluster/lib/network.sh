# shellcheck shell=bash
# The network between the machines, and the way in from the host.

BRIDGE=br0
BRIDGE_MAC=02:00:0a:fa:00:01

# The bridge lies in the control plane's machine. There is no default route, so that no
# packet finds a way out; the API server needs none when told its address.
ensure_bridge() {
  in_network "$CONTROL_PLANE" ip link show "$BRIDGE" >/dev/null 2>&1 && return
  in_network "$CONTROL_PLANE" sh -euc "
    ip link add $BRIDGE address $BRIDGE_MAC type bridge
    ip addr add $CONTROL_PLANE_IP/24 dev $BRIDGE
    # no rule has a say over what the bridge only switches
    sysctl --quiet --write net.bridge.bridge-nf-call-iptables=0
    ip link set $BRIDGE up" || die "cannot make the bridge of the machines: does the kernel have the bridge module?"
}

# ensure_node_network NUMBER: the node's eth0, plugged into the bridge, and a route to
# its pods. In the nodes bridge-nf-call-iptables stays 1: without it a pod cannot reach
# another one on its own node by the Service's address.
ensure_node_network() {
  local number=$1 name
  name=$(node_name "$number")
  in_network "$name" ip addr show eth0 2>/dev/null | grep -q "$(node_ip "$number")" \
    || connect_node "$number" "$name" "$(machine_pid "$name")"
  in_network "$CONTROL_PLANE" ip route replace "$(node_pod_cidr "$number")" via "$(node_ip "$number")"
}

connect_node() {
  local number=$1 name=$2 pid=$3
  in_network "$CONTROL_PLANE" sh -euc "
    ip link delete v-$name 2>/dev/null || true
    ip link add v-$name type veth peer name eth0 address $(node_mac "$number") netns $pid
    ip link set v-$name master $BRIDGE up"
  in_network "$name" sh -euc "
    ip addr add $(node_ip "$number")/24 dev eth0
    ip link set eth0 up
    ip route add default via $CONTROL_PLANE_IP"
}

# The API server's port comes to the host through a socket in the file system: unlike
# an address, it can cross network namespaces.
ensure_api_relay_inside() {
  # shellcheck disable=SC2016 # the inner shell expands
  in_machine "$CONTROL_PLANE" bash -c 'source "$1"; recorded_pid /run/processes/relay' \
    bash "$LIB_DIR/process.sh" >/dev/null || rm -f "$API_SOCKET"
  run_in_machine "$CONTROL_PLANE" relay \
    socat "UNIX-LISTEN:$API_SOCKET,fork,mode=600" "TCP:127.0.0.1:6443,nodelay"
}

ensure_api_relay_on_host() {
  local record=$CLUSTER_DIR/relay log=$LOG_DIR/relay.log
  recorded_pid "$record" >/dev/null || { stop_api_relay; require_free_port; }
  ensure_process "$record" "$log" \
    socat "TCP-LISTEN:$CLUSTER_API_PORT,bind=127.0.0.1,fork,reuseaddr,nodelay" "UNIX-CONNECT:$API_SOCKET"
}

require_free_port() {
  [ -z "$(ss --no-header --listening --numeric --tcp "sport = :$CLUSTER_API_PORT")" ] \
    || die "port $CLUSTER_API_PORT is in use (ss -ltnp shows by what): free it or set CLUSTER_API_PORT"
}

# Also ends the one process per connection that socat forks.
stop_api_relay() {
  local pid
  for pid in $(pgrep --full -- "UNIX-CONNECT:$API_SOCKET\$"); do
    stop_process "$pid"
  done
}
