#!/usr/bin/env bash
# The end-to-end tests on the local cluster, which is given the images more that they need:
# busybox, to look at a container from inside, and datastores, for resource types of the
# platform's own; and the kind HTTPRoute, so that there is a Gateway API.
#
#   e2e.sh                      all of them, but for those of the pod-set planner
#   e2e.sh PART OF A NAME…      those whose names have such a part
#   e2e.sh --only together …    of those that may run side by side; or `alone`
#   e2e.sh --only planner …     those of the pod-set planner, on the cluster of `make demo-planner`
set -euo pipefail

cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.."
# shellcheck source=hack/lib/common.sh
source hack/lib/common.sh

# run TESTS AT_ONCE NAME…: those of E2E_PROGRAMS if somebody has put them there, else of the
# whole workspace, so that what the unit tests have compiled is used again. A trace of the
# test's own calls would hide what the test says.
run() {
  local program=${E2E_PROGRAMS:+$E2E_PROGRAMS/$1} command
  command=(cargo test --locked --workspace --test "$1" --)
  [ -z "$program" ] || command=("$program")
  RUST_BACKTRACE=0 hack/test/on-cluster.sh "${command[@]}" --test-threads "$2" "${@:3}"
}

# The demo's own cluster, unless told otherwise. The guide's commands get its name from here.
prepare_planner() {
  export CLUSTER_NAME=${CLUSTER_NAME:-planner} CLUSTER_API_PORT=${CLUSTER_API_PORT:-8443}
  # The first fake node brings what makes those of each test ready.
  hack/cluster/cluster kwok 1
}

prepare() {
  hack/images/build.sh busybox datastores
  hack/cluster/cluster load "$SCORE_CACHE_DIR"/images/{busybox,datastores}.tar
  hack/tools/install.sh gateway-api
  hack/test/on-cluster.sh kubectl apply --server-side \
    --filename="$(echo "$SCORE_CACHE_DIR"/tools/gateway-api-*/httproutes.yaml)"
  # Not `kubectl wait`: to it a kind that is too new to have conditions is an error.
  hack/test/on-cluster.sh timeout 240 bash -c \
    'until kubectl get httproutes --all-namespaces >/dev/null 2>&1; do sleep 0.2; done' \
    || die "the kind HTTPRoute is not served four minutes after it was made: see kubectl get crd"
}

suites=(together alone)
if [ "${1:-}" = --only ]; then
  suites=("${2:?together, alone or planner}")
  shift 2
fi

if [ "${suites[*]}" = planner ]; then prepare_planner; else prepare; fi
failed=0
for suite in "${suites[@]}"; do
  case $suite in
    together) run together 8 "$@" || failed=1 ;; # they wait more than they work
    alone) run alone 1 "$@" || failed=1 ;;
    planner) run podsets 6 "$@" || failed=1 ;;
    *) die "there are no tests '$suite', only together, alone and planner" ;;
  esac
done
exit "$failed"
