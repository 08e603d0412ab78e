#!/usr/bin/env bash
# All of the pod-set planner: its demo, twice, and its end-to-end tests. Then again, with fewer
# pods, where a scheduler that asks the planner holds them. It is a system of its own and has a
# cluster of its own, so this can run beside everything else. What a caller has exported names
# another cluster.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.."

export CLUSTER_NAME=score-test-planner CLUSTER_API_PORT=7444
trap 'make demo-planner-down' EXIT
make demo-planner
echo "again, on what stands"
make demo-planner
hack/test/e2e.sh --only planner
echo "again, with a scheduler that asks the planner"
make demo-planner MODE=extender
E2E_PODS=200 E2E_SET=100 E2E_QUIET_SECONDS=20 hack/test/e2e.sh --only planner \
  change:: crash:: examples:: extender:: external:: held:: hold_all:: nodes:: quiet:: release:: reserve:: room:: scale::
