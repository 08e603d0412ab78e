# shellcheck shell=bash
# Counting checks, and what the checks of the cluster ask.

PASSED=0
FAILED=0

# Seconds that something may take that normally takes a few: generous, since a small machine
# may be busy with other tests.
PATIENCE=180

# check SENTENCE COMMAND…: one line; the output of COMMAND is shown when it fails.
check() {
  local sentence=$1 began=${EPOCHREALTIME/./} output
  shift
  if output=$("$@" 2>&1); then
    PASSED=$((PASSED + 1))
    printf 'ok      %s (%d ms)\n' "$sentence" $(((${EPOCHREALTIME/./} - began) / 1000))
  else
    FAILED=$((FAILED + 1))
    printf 'FAILED  %s\n%s\n' "$sentence" "$output"
  fi
}

summary() {
  echo "$PASSED passed, $FAILED failed"
  [ "$FAILED" = 0 ]
}

# soon COMMAND…: COMMAND succeeds before PATIENCE is over.
soon() {
  local deadline=$((SECONDS + PATIENCE)) output
  until output=$("$@" 2>&1); do
    ((SECONDS < deadline)) || { echo "$output"; return 1; }
    sleep 0.1
  done
}

# contains TEXT COMMAND…: COMMAND prints TEXT.
contains() {
  local text=$1 output
  shift
  output=$("$@" 2>&1) || true
  [[ $output == *"$text"* ]] || { echo "no '$text' in: $output"; return 1; }
}

in_client() { kubectl exec client -- /bin/busybox "$@"; }

# wget's own option for a timeout crashes in Debian's static busybox.
fetch() { in_client timeout 10 /bin/busybox wget -q -O - "http://$1"; }

web_pod_field() {
  kubectl get pods --selector=app=web --field-selector="spec.nodeName=$1" --output="jsonpath={.items[0].$2}"
}

# The pod on a node answers from the client's node, by its own address.
pod_answers() {
  local node=$1
  contains "$(web_pod_field "$node" metadata.name)" fetch "$(web_pod_field "$node" status.podIP):8080/hostname"
}

becomes_ready() { kubectl wait --for=condition=Ready "$1" --timeout="${PATIENCE}s"; }

web_is_ready_on_every_node() { kubectl rollout status daemonset/web --timeout="${PATIENCE}s"; }

only_loopback_listens() {
  local listeners
  listeners=$(ss --no-header --listening --numeric --tcp "sport = :$CLUSTER_API_PORT" | awk '{ print $4 }')
  [ "$listeners" = "127.0.0.1:$CLUSTER_API_PORT" ] || { echo "listeners: $listeners"; return 1; }
}

audit_log_has_writes_only() {
  local verbs
  verbs=$(jq --raw-output .verb "$CLUSTER_DIR/audit.log" | sort --unique | xargs)
  [[ $verbs == *create* && $verbs == *patch* && ! $verbs =~ (get|list|watch) ]] || { echo "verbs: $verbs"; return 1; }
}

host_settings() {
  sysctl kernel.panic kernel.panic_on_oops kernel.keys.root_maxkeys kernel.keys.root_maxbytes \
    vm.overcommit_memory vm.panic_on_oom
}

# The first process of a machine, in the host's numbers.
machine_pid() { cut -d ' ' -f 1 "$CLUSTER_DIR/machines/$1/pid"; }

# process_tree PID…: these and all that descend from them.
process_tree() {
  local pid
  for pid; do
    echo "$pid"
    # shellcheck disable=SC2046 # one word per child
    process_tree $(cat "/proc/$pid"/task/*/children 2>/dev/null)
  done
}

cluster_pids() {
  local machine
  for machine in "$CLUSTER_DIR"/machines/*; do
    process_tree "$(machine_pid "$(basename "$machine")")"
  done
  process_tree "$(cut -d ' ' -f 1 "$CLUSTER_DIR/relay")"
}

# with_start_times PID…: a pid may be used again, but not with the same start time.
with_start_times() {
  local pid start
  for pid; do
    start=$(process_start_time "$pid") && echo "$pid:$start"
  done
  true
}

all_processes() {
  # shellcheck disable=SC2046 # one word per process
  with_start_times $(ps --no-headers -e -o pid)
}

# network_namespaces PID…: theirs, without the host's.
network_namespaces() {
  local pid
  for pid; do
    readlink "/proc/$pid/ns/net" || true
  done 2>/dev/null | sort --unique | grep --invert-match --fixed-strings "$(readlink /proc/self/ns/net)"
}

all_network_namespaces() { readlink /proc/[0-9]*/ns/net | sort --unique; }

# none_of LINES COMMAND…: none of the LINES is part of what COMMAND prints.
none_of() {
  local lines=$1 output
  shift
  [ -n "$lines" ] || { echo "nothing to look for"; return 1; }
  output=$("$@") || true
  ! grep --fixed-strings "$lines" <<<"$output"
}
