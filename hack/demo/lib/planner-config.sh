# shellcheck shell=bash disable=SC2034 # the other files use these
# What the demo of the pod-set planner has instead of what config.sh says. Sourced after it.

# A local cluster of its own, so that both demos can stand side by side.
export CLUSTER_NAME=${CLUSTER_NAME:-planner} CLUSTER_API_PORT=${CLUSTER_API_PORT:-8443}
CLUSTER_NODES=3

SYSTEM_NAMESPACE=planner-system
CONTROLLER=planner-controller-manager
SCHEDULER=podset-planner-scheduler
BINARIES=(podset-planner sample-app)
IMAGES=("${BINARIES[@]}" busybox)

# How pods are held, as the value `mode` of the chart: auto, gates or extender.
MODE=${MODE:-auto}
# On a cluster of the user's the scheduler is the official image, of that cluster's version.
SCHEDULER_VALUES=()
if [ "$MODE $CLUSTER" = "extender local" ]; then
  IMAGES+=(kube-scheduler)
  SCHEDULER_VALUES=(--set "scheduler.image.repository=localhost/score/kube-scheduler,scheduler.image.tag=dev")
fi

TRIGGER=docs/examples/pod-set/trigger.yaml
EXAMPLES=(docs/examples/pod-set/workloads.yaml)
SET=planner-podset
