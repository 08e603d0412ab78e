#!/usr/bin/env bash
# From nothing to a pod set that was held, planned and released, and runs as planned. What
# stands already is reused.
#
#   planner.sh                                                   a Kubernetes of three nodes on this machine
#   MODE=extender planner.sh                                     pods held by a scheduler that asks the planner
#   CLUSTER=current IMAGE_REGISTRY=REGISTRY/TEAM planner.sh      the current kubeconfig context
set -euo pipefail

DEMO_DIR=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
cd "$DEMO_DIR/../.."
# shellcheck source=hack/lib/common.sh
source hack/lib/common.sh
for part in frame config planner-config build cluster install workloads planner; do
  # shellcheck source=/dev/null
  source "$DEMO_DIR/lib/$part.sh"
done

begin_demo demo-planner

say_next() {
  printf '\nThe set runs as planned. To try next:\n\n'
  # shellcheck disable=SC2016 # for the user's shell
  [ "$CLUSTER" = current ] \
    || printf '  eval "$(CLUSTER_NAME=%s hack/cluster/cluster env)"   # kubectl for this cluster\n' "$CLUSTER_NAME"
  cat <<TEXT
  kubectl describe st customtrigger                  # how far the set is, and why
  kubectl get sp --output wide                       # the plan
  kubectl scale deployment hello-client --replicas 5 # who joins is planned around the others
  kubectl patch st customtrigger --type merge --patch '{"spec": {"state": "Planning"}}'   # holds who comes next

The guide goes on from here: docs/pod-sets.md. To remove everything: make demo-planner-down${1:-}
TEXT
}

main() {
  check_config
  trap say_how_to_go_on EXIT
  check_machine
  install_tools
  build_images
  start_cluster
  provide_images
  install_planner
  apply_planner_example
  release_set
  show_plan
  end_demo
}

main
