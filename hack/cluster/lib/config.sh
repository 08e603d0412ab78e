# shellcheck shell=bash disable=SC2034 # the other files use these
# Names, addresses and places of the cluster. What is in capitals with a default from
# the environment may be set by the caller; two clusters with different CLUSTER_NAME
# and CLUSTER_API_PORT run side by side.

CLUSTER_NAME=${CLUSTER_NAME:-score}
# Where the API server answers on the host: https://127.0.0.1:<port>.
CLUSTER_API_PORT=${CLUSTER_API_PORT:-6443}
# Everything that the cluster keeps on disk; removed by `down`.
CLUSTER_DIR=${CLUSTER_DIR:-/var/tmp/score-orchestrator-cluster/$CLUSTER_NAME}

# More flags for a control plane process, split at spaces. `up` restarts a process
# whose flags have changed, so leaving them out later takes them away again.
API_SERVER_EXTRA_ARGS=${API_SERVER_EXTRA_ARGS:-}
CONTROLLER_MANAGER_EXTRA_ARGS=${CONTROLLER_MANAGER_EXTRA_ARGS:-}
SCHEDULER_EXTRA_ARGS=${SCHEDULER_EXTRA_ARGS:-}

# How long the lease of a fake node lasts; it is renewed four times as often.
FAKE_NODE_LEASE_SECONDS=${FAKE_NODE_LEASE_SECONDS:-40}

MAX_NODES=9           # node i has the address 10.250.0.(10+i) and the pods 10.244.i.0/24
MAX_PODS_PER_NODE=250 # what a /24 of pod addresses has room for

CONTROL_PLANE=control-plane
CONTROL_PLANE_IP=10.250.0.1
SERVICE_CIDR=10.96.0.0/16
KUBERNETES_SERVICE_IP=10.96.0.1 # the first of SERVICE_CIDR, by Kubernetes' own rule
DNS_SERVICE_IP=10.96.0.10
POD_CIDR=10.244.0.0/16

# The address of the API server inside the control plane's machine, and from the nodes.
API_URL_LOCAL=https://127.0.0.1:6443
API_URL_NODES=https://$CONTROL_PLANE_IP:6443

MACHINES_DIR=$CLUSTER_DIR/machines
LOG_DIR=$CLUSTER_DIR/log
PKI_DIR=$CLUSTER_DIR/pki
KUBECONFIG_DIR=$CLUSTER_DIR/kubeconfig
VOLUMES_DIR=$CLUSTER_DIR/volumes # one store for all nodes: a volume follows its pod
AUDIT_LOG=$CLUSTER_DIR/audit.log
API_SOCKET=$CLUSTER_DIR/api.sock
ADMIN_KUBECONFIG=$KUBECONFIG_DIR/admin

# The controller manager puts host-path volumes here; the path cannot be configured.
HOST_PATH_ROOT=/tmp/hostpath_pv

PAUSE_IMAGE=localhost/score/pause:dev
BIN_DIR=$SCORE_CACHE_DIR/bin
IMAGES_DIR=$SCORE_CACHE_DIR/images
CLUSTER_LOCK=$SCORE_CACHE_DIR/locks/cluster-$CLUSTER_NAME

check_config() {
  [[ $CLUSTER_DIR == /* && $CLUSTER_DIR != /run/* ]] \
    || die "CLUSTER_DIR=$CLUSTER_DIR: use an absolute path outside /run"
  [[ $CLUSTER_NAME =~ ^[a-z0-9][a-z0-9-]{0,30}$ ]] \
    || die "CLUSTER_NAME=$CLUSTER_NAME: use up to 31 of a-z, 0-9 and -"
}

node_name() { echo "node-$1"; }
node_ip() { echo "10.250.0.$((10 + $1))"; }
node_pod_cidr() { echo "10.244.$1.0/24"; }
# A fixed hardware address: a random one leaves stale neighbour entries behind when the
# machine is made again, and its traffic stalls for ten seconds.
node_mac() { printf '02:00:0a:fa:00:%02x' $((10 + $1)); }

# The numbers of the nodes that exist, running or not.
node_numbers() {
  local dir
  for dir in "$MACHINES_DIR"/node-*; do
    [ -d "$dir" ] && echo "${dir##*-}"
  done | sort -n
}
