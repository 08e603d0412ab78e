#!/usr/bin/env bash
# The cluster's own test: what runs on it, what survives a power cut, what `down` leaves.
# It makes a cluster of its own beside any other one. It also removes it, so its name is
# not the caller's to choose: what a caller has exported names a cluster in use.
set -euo pipefail

export CLUSTER_NAME=selftest
export CLUSTER_API_PORT=16443
export CLUSTER_DIR=/var/tmp/score-orchestrator-cluster/$CLUSTER_NAME

HERE=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
CLUSTER=$HERE/cluster
# shellcheck source=hack/lib/common.sh
source "$HERE/../lib/common.sh"
# shellcheck source=hack/cluster/test/checks.sh
source "$HERE/test/checks.sh"
# shellcheck source=hack/cluster/lib/process.sh
source "$HERE/lib/process.sh"

load_test_image() { "$CLUSTER" load "$SCORE_CACHE_DIR/images/busybox.tar"; }

# up_with NODES: as a user would, with the test's image in every node.
up_with() { "$CLUSTER" up "$@" && load_test_image; }

test_one_node() {
  check "one node comes up from nothing" up_with 1
  eval "$("$CLUSTER" env)"
  check "manifests apply" kubectl apply --filename="$HERE/test/workloads.yaml"
  check "a pod becomes ready" web_is_ready_on_every_node
  check "a pod with a volume becomes ready" becomes_ready pod/client
  check "logs are read" soon contains serving kubectl logs daemonset/web
  check "a command runs in a pod" soon contains uid=65532 in_client id
  check "a Service has a name" soon contains 10.96.0.80 in_client nslookup web.default.svc.cluster.local
  check "a name that is not the cluster's does not exist" soon contains NXDOMAIN in_client nslookup example.com.
  check "a Service is reached by its address" soon contains web- fetch 10.96.0.80/hostname
  check "a pod reaches the API server's Service" soon contains "400 Bad Request" fetch 10.96.0.1:443
  check "an ordinary user writes to a volume" soon in_client sh -c "/bin/busybox echo kept >/data/file"
  check "the audit log holds writes and nothing else" soon audit_log_has_writes_only
  check "only loopback listens" only_loopback_listens
  check "a second 'up' changes nothing" same_processes_after_up
  check "flags of the API server are changed" env API_SERVER_EXTRA_ARGS=--v=1 "$CLUSTER" up
  check "and changed back" "$CLUSTER" up
}

same_processes_after_up() {
  local before after
  before=$(cluster_services)
  "$CLUSTER" up
  after=$(cluster_services)
  diff <(echo "$before") <(echo "$after")
}

# Records name the processes that `up` has started; a restart writes a new one.
cluster_services() {
  local machine
  for machine in control-plane node-1; do
    "$CLUSTER" in "$machine" sh -c 'head /run/processes/*'
  done
}

test_three_nodes() {
  check "two nodes join" up_with 3
  check "pods become ready on all" web_is_ready_on_every_node
  check "a pod reaches one on the second node" soon pod_answers node-2
  check "a pod reaches one on the third node" soon pod_answers node-3
  kubectl apply --filename="$HERE/test/second-client.yaml" >/dev/null
  check "a volume's pod starts on another node" becomes_ready pod/second-client
  check "a volume's data is there too" soon contains kept kubectl exec second-client -- /bin/busybox cat /data/file
}

test_fake_nodes() {
  check "fake nodes become ready" "$CLUSTER" kwok 2
  kubectl apply --filename="$HERE/test/fake-pods.yaml" >/dev/null
  check "a pod that tolerates them runs on a fake node" becomes_ready pod/fake
  check "other pods do not" soon contains Unschedulable kubectl get pod not-fake --output=yaml
  kubectl delete --filename="$HERE/test/fake-pods.yaml" --now >/dev/null
  check "fake nodes are removed" "$CLUSTER" kwok 0
  check "the other nodes stay" contains 3 eval "kubectl get nodes --no-headers | wc -l"
}

test_power_cuts() {
  kill -KILL "$(machine_pid node-2)"
  check "a node that was killed comes back" "$CLUSTER" up
  check "its pod answers again" soon pod_answers node-2
  kill -KILL "$(machine_pid control-plane)"
  check "a control plane that was killed comes back" "$CLUSTER" up
  check "with what it knew" soon contains client kubectl get pods
  check "and its nodes are reached again" soon pod_answers node-3
  kill -KILL "$(cut -d ' ' -f 1 "$CLUSTER_DIR/relay")"
  check "a relay that was killed comes back" "$CLUSTER" up
  check "fewer nodes are made of more" "$CLUSTER" up 1
  check "the others are gone" contains 1 eval "kubectl get nodes --no-headers | wc -l"
}

test_down() {
  local pids processes namespaces
  pids=$(cluster_pids)
  # shellcheck disable=SC2086 # one word per process
  { processes=$(with_start_times $pids); namespaces=$(network_namespaces $pids); }
  check "down succeeds" "$CLUSTER" down
  check "no process remains" none_of "$processes" all_processes
  check "no network namespace remains" none_of "$namespaces" all_network_namespaces
  check "no cgroup remains" none_of "$CLUSTER_NAME-node" find /sys/fs/cgroup -type d
  check "no mount remains" none_of "$CLUSTER_DIR" cat /proc/self/mountinfo
  check "no file remains" test ! -e "$CLUSTER_DIR"
  check "no port remains open" none_of ":$CLUSTER_API_PORT" ss -Hltn
  check "the host's settings are as they were" diff <(echo "$SETTINGS_BEFORE") <(host_settings)
}

# Kills `up` and everything it is just doing, at several moments.
test_interrupted_up() {
  local delay up
  for delay in 0.2 0.8 2 4; do
    setsid "$CLUSTER" up 1 >/dev/null 2>&1 &
    up=$!
    sleep "$delay"
    kill -KILL -- "-$up" 2>/dev/null || true
    wait "$up" 2>/dev/null || true
  done
  check "up succeeds after it was killed four times" "$CLUSTER" up 1
  kill -KILL "$(machine_pid node-1)"
  check "down succeeds after a power cut" "$CLUSTER" down
  check "no machine remains" none_of "$CLUSTER_DIR" ps --no-headers -e -o args
}

require_root "the test of the cluster"
"$HERE/../deps.sh"
"$HERE/../tools/install.sh" kubernetes etcd coredns kwok
"$HERE/../images/build.sh" pause busybox
SETTINGS_BEFORE=$(host_settings)
trap '"$CLUSTER" down >/dev/null 2>&1' EXIT
"$CLUSTER" down 2>/dev/null
test_one_node
test_three_nodes
test_fake_nodes
test_power_cuts
test_down
test_interrupted_up
summary
