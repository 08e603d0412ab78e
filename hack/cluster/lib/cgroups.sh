# shellcheck shell=bash
# Each node's containers live below a cgroup of their own, /<cluster>-<node>, because
# several kubelets on one host must not clean up each other's pods.

CGROUP_MOUNT=/sys/fs/cgroup
CGROUP_V1_CONTROLLERS="cpu cpuacct cpuset memory devices freezer blkio pids systemd"

# All containers of a node share one cgroup, while the kernel gives as much to a single process
# outside it: on a busy machine every container would starve beside one compiler.
SHARES_OF_A_NODE=8

node_cgroup() { echo "$CLUSTER_NAME-$(node_name "$1")"; }

has_cgroup_v2() { [ -e "$CGROUP_MOUNT/cgroup.controllers" ]; }

ensure_cgroup() {
  if has_cgroup_v2; then
    ensure_cgroup_v2 "$1"
  else
    ensure_cgroup_v1 "$1"
  fi
}

ensure_cgroup_v2() {
  local controller
  for controller in cpu cpuset memory pids; do
    echo "+$controller" >"$CGROUP_MOUNT/cgroup.subtree_control" \
      || die "cannot hand the cgroup controller $controller to the nodes: run on the host or in a privileged container with its own cgroup namespace"
  done
  mkdir -p "$CGROUP_MOUNT/$1"
  echo "$((100 * SHARES_OF_A_NODE))" >"$CGROUP_MOUNT/$1/cpu.weight"
}

ensure_cgroup_v1() {
  local controller parent
  for controller in $CGROUP_V1_CONTROLLERS; do
    parent=$CGROUP_MOUNT/$controller
    [ -d "$parent" ] || continue
    mkdir -p "$parent/$1"
    # A new cpuset holds no CPU and no memory, and so could run nothing.
    [ "$controller" != cpuset ] || copy_cpuset "$parent" "$parent/$1"
    [ "$controller" != cpu ] || echo "$((1024 * SHARES_OF_A_NODE))" >"$parent/$1/cpu.shares"
  done
}

copy_cpuset() {
  cat "$1/cpuset.cpus" >"$2/cpuset.cpus"
  cat "$1/cpuset.mems" >"$2/cpuset.mems"
}

# remove_cgroups PATTERN: removes what matches, children first. A cgroup whose last
# process has just died stays busy for a moment.
remove_cgroups() {
  local pattern=$1 deadline=$((SECONDS + 60)) roots
  while roots=$(compgen -G "$CGROUP_MOUNT/$pattern"; compgen -G "$CGROUP_MOUNT/*/$pattern"); [ -n "$roots" ]; do
    ((SECONDS < deadline)) || die "cgroups remain, some process still runs in them: $(xargs <<<"$roots")"
    # shellcheck disable=SC2086 # one word per folder; none holds a space
    find $roots -depth -type d -exec rmdir {} + 2>/dev/null || sleep 0.05
  done
}
