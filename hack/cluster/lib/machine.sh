# shellcheck shell=bash
# Machines: the control plane and the nodes, each a set of namespaces (see
# machine-init.sh). Network namespaces keep every cluster address off the host's
# network: nothing that the cluster sends can leave the host.

machine_dir() { echo "$MACHINES_DIR/$1"; }

# machine_pid NAME: the host's pid of the machine's first process, if it runs.
machine_pid() { recorded_pid "$(machine_dir "$1")/pid"; }

# in_machine NAME COMMAND…: runs COMMAND inside.
in_machine() {
  local pid
  pid=$(machine_pid "$1") || die "machine $1 does not run: 'cluster up' starts it"
  shift
  nsenter --target "$pid" --mount --net --pid --uts --ipc -- "$@"
}

# in_network NAME COMMAND…: runs a command of the host in the machine's network only.
in_network() {
  local pid
  pid=$(machine_pid "$1") || die "machine $1 does not run: 'cluster up' starts it"
  shift
  nsenter --net="/proc/$pid/ns/net" -- "$@"
}

# machine_processes [NAME]: the pids of the machine's first process (of every machine
# when no name is given) and of what waits for it, also of one that a killed run had
# started and not yet recorded.
machine_processes() {
  pgrep --full -- "machine-init\.sh $MACHINES_DIR/${1:+$1 }" || true
}

stop_machine() {
  local pid
  for pid in $(machine_processes "$1"); do
    kill -KILL "$pid" 2>/dev/null || continue
  done
  # The first process is reaped only after every process of its namespace.
  for pid in $(machine_processes "$1"); do
    wait_until_gone 30 "$pid" || die "process $pid of machine $1 does not end (see /proc/$pid/stack)"
  done
  rm -f "$(machine_dir "$1")/pid"
}

start_machine() {
  local name=$1 dir log=$LOG_DIR/$1-init.log
  dir=$(machine_dir "$name")
  mkdir -p "$dir" "$VOLUMES_DIR"
  setsid --fork unshare --net --mount --pid --uts --ipc --fork --propagation private \
    bash "$LIB_DIR/machine-init.sh" "$dir" "$name" "$VOLUMES_DIR" \
    "$CLUSTER_DIR" "$SCORE_CACHE_DIR" "$LIB_DIR" </dev/null >>"$log" 2>&1
  wait_for_file "$dir/pid" || die "machine $name did not start: $(tail -n 3 "$log")"
}

ensure_machine() {
  machine_pid "$1" >/dev/null && return
  stop_machine "$1"
  start_machine "$1"
}

# run_in_machine MACHINE NAME COMMAND…: COMMAND keeps running inside, restarted when
# its arguments have changed; it logs to <machine>-<name>.log.
run_in_machine() {
  local machine=$1 name=$2
  shift 2
  in_machine "$machine" bash "$LIB_DIR/ensure-process.sh" "$name" "$LOG_DIR/$machine-$name.log" "$@" \
    || die "$name did not start on $machine: $(tail -n 3 "$LOG_DIR/$machine-$name.log")"
}

# stop_in_machine MACHINE NAME: ends what run_in_machine started.
stop_in_machine() {
  # shellcheck disable=SC2016 # the inner shell expands
  in_machine "$1" bash -c 'source "$1"; ! pid=$(recorded_pid "$2") || stop_process "$pid"; rm -f "$2"' \
    bash "$LIB_DIR/process.sh" "/run/processes/$2"
}

# process_identity MACHINE NAME: changes when the process has been started anew.
process_identity() {
  in_machine "$1" cat "/run/processes/$2" 2>/dev/null || true
}

# tool NAME: where its binary is. The path without links names the build, so a process
# of an older build differs in its command line and is restarted.
tool() { readlink -f "$BIN_DIR/$1"; }
