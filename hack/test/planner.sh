#!/usr/bin/env bash
# All of the pod-set planner: its demo, twice, and its end-to-end tests. It is a system of its
# own and has a cluster of its own, so this can run beside everything else. What a caller has
# exported names another cluster.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.."

export CLUSTER_NAME=score-test-planner CLUSTER_API_PORT=7444
trap 'make demo-planner-down' EXIT
make demo-planner
echo "again, on what stands"
make demo-planner
hack/test/e2e.sh --only planner
