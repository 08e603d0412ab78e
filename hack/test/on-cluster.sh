#!/usr/bin/env bash
# on-cluster.sh COMMAND…: runs COMMAND with KUBECONFIG and PATH set for the local cluster.
set -euo pipefail

settings=$("$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../cluster/cluster" env)
eval "$settings"
exec "$@"
