#!/usr/bin/env bash
# machine-init.sh DIR NAME VOLUMES KEEP…: PID 1 of a machine of the cluster.
#
# A machine is a set of namespaces (network, mount, pid, host name, ipc) in which this
# is the first process. Killing it is a power cut: processes, mounts and network go
# with it. It makes what a host's boot would make, then reaps orphans for ever.
#
# DIR holds the machine's private folders. VOLUMES is shared by all machines of the
# cluster. The KEEP folders stay visible at their own path.
set -euo pipefail

dir=$1 name=$2 volumes=$3
shift 3
here=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=hack/cluster/lib/process.sh
source "$here/process.sh"

# Where the API server's provisioner makes volumes.
HOST_PATH_ROOT=/tmp/hostpath_pv

# The kubelet sets these at start, and they belong to the whole host, not to a
# namespace. It gets files of its own to write to instead, so that the host keeps its
# settings and nothing has to be restored.
KUBELET_SYSCTLS="vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops
  kernel/keys/root_maxkeys kernel/keys/root_maxbytes"

# containerd and the kubelet use these folders by fixed paths: each machine has its own.
mount_private_folders() {
  local keep=() folder path i=0
  mount -t tmpfs -o mode=755 tmpfs /run
  mkdir /run/machine
  mount --bind "$dir" /run/machine
  for path; do
    keep+=("$path")
    mkdir -p "/run/keep/${#keep[@]}"
    mount --rbind "$path" "/run/keep/${#keep[@]}"
  done
  for folder in lib:/var/lib log:/var/log tmp:/tmp; do
    mkdir -p "/run/machine/${folder%%:*}"
    mount --bind "/run/machine/${folder%%:*}" "${folder#*:}"
  done
  umount /run/machine
  chmod 1777 /tmp
  for path in "${keep[@]}"; do
    i=$((i + 1))
    restore_hidden_folder "/run/keep/$i" "$path"
  done
}

# A folder that lies below one of the private ones is brought back to its path.
restore_hidden_folder() {
  if ! [ "$1" -ef "$2" ]; then
    mkdir -p "$2"
    mount --rbind "$1" "$2"
  fi
  umount --lazy "$1"
}

mount_volumes() {
  mkdir -p "$HOST_PATH_ROOT"
  mount --bind "$volumes" "$HOST_PATH_ROOT"
}

shield_host_sysctls() {
  local setting
  for setting in $KUBELET_SYSCTLS; do
    [ -e "/proc/sys/$setting" ] || continue
    mkdir -p "/run/sysctl/${setting%/*}"
    cat "/proc/sys/$setting" >"/run/sysctl/$setting"
    mount --bind "/run/sysctl/$setting" "/proc/sys/$setting"
  done
}

configure_network() {
  ip link set lo up
  sysctl --quiet --write net.ipv4.ip_forward=1 \
    net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.default.send_redirects=0
}

# /proc is still the host's: this is the pid by which the host knows this process.
read -r host_pid _ </proc/self/stat
start_time=$(process_start_time "$host_pid")

mount -t proc proc /proc
mount_private_folders "$@"
mount_volumes
shield_host_sysctls
# From here on what the kubelet mounts shows in its pods; nothing reaches the host, as
# the namespace was made with private mounts.
mount --make-rshared /
hostname "$name"
configure_network
cd /

# Written last: the record's existence tells that the machine is complete.
echo "$host_pid $start_time" >"$dir/pid.partial"
mv "$dir/pid.partial" "$dir/pid"

# A shell that waits also reaps the shims and other orphans that become its children;
# an exec'ed sleep would leave them as zombies.
trap : TERM INT HUP
set +e
while :; do
  sleep 86400 &
  wait
done
