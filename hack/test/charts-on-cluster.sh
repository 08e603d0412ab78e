#!/usr/bin/env bash
# The charts' tests, with the local cluster's API server to judge the manifests.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.."

# shellcheck disable=SC2016 # the inner shell has KUBECONFIG
exec hack/test/on-cluster.sh bash -c 'TEST_KUBECONFIG=$KUBECONFIG exec charts/test.sh'
