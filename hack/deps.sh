#!/usr/bin/env bash
# Installs the Debian packages that the local cluster, the images and the checks need:
#
#   hack/deps.sh          what the demo needs
#   hack/deps.sh tests    and what only the tests need
#
# Does nothing, and asks nothing of the network, when all of them are there.
set -euo pipefail

HACK_DIR=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
# shellcheck source=hack/lib/common.sh
source "$HACK_DIR/lib/common.sh"

packages() {
  # Package, then what it is for.
  sed 's/ .*//' <<'LIST'
busybox-static            the image with which the cluster tests itself
ca-certificates           fetching Go modules and crates; what the binaries in the images trust
catatonit                 the pause image: a static init that reaps and waits
conntrack                 kube-proxy cleans up UDP flows with it
containerd                the container runtime of the nodes
containernetworking-plugins  the pods' network
curl                      probes in scripts
gcc                       links the Rust binaries
libc6-dev                 the C library to link them with
buildah                   builds images without a daemon
inotify-tools             tells of new volumes
iproute2                  bridges, veth pairs and routes of the machines
iptables                  the CNI plugin for host ports calls it
jq                        reads JSON in scripts
make                      the entry point to everything
mmdebstrap                the root filesystem of the PostgreSQL image
nftables                  kube-proxy's mode
openssl                   the cluster's certificates
procps                    sysctl
runc                      runs the containers
socat                     carries the API server's port out of its namespace
util-linux                unshare, nsenter and flock
LIST
  [ "$FOR" != tests ] || sed 's/ .*//' <<'LIST'
postgresql-15             the server that logins are tried on
shellcheck                checks these scripts
LIST
}

# The tests start servers of their own: none is to run beside them, or after.
prevent_postgresql_service() {
  mkdir -p /etc/postgresql-common
  [ -e /etc/postgresql-common/createcluster.conf ] \
    || echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
}

installed_packages() {
  # shellcheck disable=SC2016,SC2046 # ${…} is dpkg's own syntax; one word per package
  dpkg-query --show --showformat='${db:Status-Status} ${Package}\n' $(packages) 2>/dev/null \
    | awk '$1 == "installed" { print $2 }'
}

missing_packages() {
  comm -23 <(packages | sort --unique) <(installed_packages | sort --unique)
}

# The Debian packages cannot bring these: the versions in Debian are too old.
require_toolchains() {
  require_command go "install Go 1.26 or newer (https://go.dev/doc/install)"
  require_command cargo "install Rust with rustup (https://rustup.rs)"
}

install_packages() {
  export DEBIAN_FRONTEND=noninteractive
  local log
  [[ " $* " != *" postgresql-15 "* ]] || prevent_postgresql_service
  log=$(mktemp --suffix=-deps.log)
  with_progress "package lists" "$log" apt-get update --quiet
  with_progress "packages $*" "$log" apt-get install --yes --quiet --no-install-recommends "$@"
  rm -f "$log"
}

main() {
  local missing
  have_commands dpkg-query apt-get \
    || die "this is not Debian (no apt-get): install the equivalents of: $(packages | xargs)"
  missing=$(missing_packages)
  [ -n "$missing" ] || return 0
  [ "$(id -u)" = 0 ] \
    || die "these Debian packages are missing and only root can install them: $(xargs <<<"$missing")"
  # Only one at a time may ask apt, and who comes second finds them installed.
  [ -n "${SCORE_DEPS_LOCKED:-}" ] || {
    SCORE_DEPS_LOCKED=1 locked "$SCORE_CACHE_DIR/locks/packages" "$HACK_DIR/deps.sh" "$FOR"
    return
  }
  # shellcheck disable=SC2086 # one word per package
  install_packages $missing
}

FOR=${1:-demo}
case $FOR in
  demo | tests) ;;
  *) die "usage: deps.sh [tests]" ;;
esac
main
require_toolchains
