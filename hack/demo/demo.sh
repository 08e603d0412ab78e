#!/usr/bin/env bash
# From nothing to two Workloads that are Ready and answer. What stands already is reused.
#
#   demo.sh                                                     a Kubernetes on this machine
#   CLUSTER=current IMAGE_REGISTRY=REGISTRY/TEAM demo.sh        the current kubeconfig context
set -euo pipefail

DEMO_DIR=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
cd "$DEMO_DIR/../.."
# shellcheck source=hack/lib/common.sh
source hack/lib/common.sh
for part in frame config build cluster install workloads; do
  # shellcheck source=/dev/null
  source "$DEMO_DIR/lib/$part.sh"
done

begin_demo demo

say_next() {
  printf '\nBoth Workloads are Ready. To try next:\n\n'
  # shellcheck disable=SC2016 # for the user's shell
  [ "$CLUSTER" = current ] || printf '  eval "$(hack/cluster/cluster env)"   # kubectl for this cluster\n'
  cat <<TEXT
  kubectl get workload                 # what a developer sees
  kubectl describe workload node-postgres-app
  kubectl get resourceclaim.score.dev,workloadplan,workloadexposure   # what is behind it
  kubectl get pods --namespace $SYSTEM_NAMESPACE   # the controllers

The guide goes on from here: docs/getting-started.md. To remove everything: make demo-down${1:-}
TEXT
}

main() {
  local workload
  check_config
  trap say_how_to_go_on EXIT
  check_machine
  install_tools
  build_images
  start_cluster
  provide_images
  install_charts
  apply_examples
  for workload in $(example_names); do wait_until_ready "$workload"; done
  for workload in $(example_names); do fetch "$workload"; done
  end_demo
}

main
