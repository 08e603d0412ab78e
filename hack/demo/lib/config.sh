# shellcheck shell=bash disable=SC2034 # the other files use these
# What the demo installs, and where. Sourced after hack/lib/common.sh.

# local: a Kubernetes on this machine, made for the demo. current: that of the current
# kubeconfig context.
CLUSTER=${CLUSTER:-local}
# On this machine it counts how soon the demo stands, and `make test` compiles nothing of it again.
[ "$CLUSTER" = current ] || export BUILD_PROFILE=${BUILD_PROFILE:-dev}
# Where `current` pushes the images, such as registry.example.com/team.
IMAGE_REGISTRY=${IMAGE_REGISTRY:-}

CLUSTER_NODES= # of the local cluster: as many as there are, or one
SYSTEM_NAMESPACE=score-system
# On a namespace that the demo has made and may remove again.
OWNED_LABEL=app.kubernetes.io/managed-by=score-demo

CONTROLLERS=(orchestrator runtime-kubernetes provisioner-postgres provisioner-template)
BINARIES=("${CONTROLLERS[@]/#/score-}" sample-app podset-planner)
IMAGES=("${BINARIES[@]}" postgres)
EXAMPLES=(docs/examples/hello/workload.yaml docs/examples/node-postgres/workload.yaml)

READY_TIMEOUT=300 # seconds for a Workload to become Ready

# The prefix of the images' names: `localhost/score` is what hack/images builds and what
# charts and examples say, `<registry>/score` where hack/images/push.sh puts it.
image_prefix() {
  case $CLUSTER in
    local) echo localhost/score ;;
    current) echo "$IMAGE_REGISTRY/score" ;;
  esac
}

image_archive() { echo "$SCORE_CACHE_DIR/images/$1.tar"; }

# Run in a subshell, so that it only changes what comes out.
with_image_prefix() {
  sed "s|localhost/score/|$(image_prefix)/|g" "$1"
}

check_config() {
  case $CLUSTER in
    local) [ -z "$IMAGE_REGISTRY" ] || die "IMAGE_REGISTRY is for CLUSTER=current: the local cluster needs no registry" ;;
    current)
      [ -n "$IMAGE_REGISTRY" ] || die "CLUSTER=current needs a registry that your nodes can read and you can push to:
       make demo CLUSTER=current IMAGE_REGISTRY=registry.example.com/team"
      [[ $IMAGE_REGISTRY != *://* && $IMAGE_REGISTRY != */ ]] \
        || die "IMAGE_REGISTRY=$IMAGE_REGISTRY: leave out the scheme and the last slash"
      ;;
    *) die "CLUSTER=$CLUSTER: use local or current" ;;
  esac
}
