#!/usr/bin/env bash
# Removes what demo.sh has made, for the same CLUSTER.
set -euo pipefail

DEMO_DIR=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
cd "$DEMO_DIR/../.."
# shellcheck source=hack/lib/common.sh
source hack/lib/common.sh
for part in frame config cluster install workloads; do
  # shellcheck source=/dev/null
  source "$DEMO_DIR/lib/$part.sh"
done

begin_demo demo

remove_from_current_cluster() {
  check_current_cluster
  hack/tools/install.sh helm
  use_cluster
  delete_examples
  uninstall_charts "${CONTROLLERS[@]}" crds
  say "The kinds of score.dev stay, because deleting a kind deletes every object of it. To remove them too:
  kubectl delete crd --selector app.kubernetes.io/part-of=score-orchestrator"
}

remove_demo
