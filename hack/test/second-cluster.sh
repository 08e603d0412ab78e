#!/usr/bin/env bash
# second-cluster.sh PART OF A NAME…: those of the end-to-end tests `alone` whose names have
# such a part, on a cluster of their own. Each of them needs a cluster for itself, and mostly
# waits: on two clusters they take half the time. What a caller has exported names another.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.."

export CLUSTER_NAME=score-test-second CLUSTER_API_PORT=7445
trap 'make demo-down' EXIT
make demo
hack/test/e2e.sh --only alone "$@"
