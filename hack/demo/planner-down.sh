#!/usr/bin/env bash
# Removes what planner.sh has made, for the same CLUSTER.
set -euo pipefail

DEMO_DIR=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
cd "$DEMO_DIR/../.."
# shellcheck source=hack/lib/common.sh
source hack/lib/common.sh
for part in frame config planner-config cluster install planner; do
  # shellcheck source=/dev/null
  source "$DEMO_DIR/lib/$part.sh"
done

begin_demo demo-planner

remove_from_current_cluster() {
  check_current_cluster
  hack/tools/install.sh helm
  use_cluster
  delete_planner_example
  uninstall_charts podset-planner
  say "The kinds of planner.ciena.io stay, because deleting a kind deletes every object of it. To remove them too:
  kubectl delete crd --selector app.kubernetes.io/part-of=podset-planner"
}

remove_demo
