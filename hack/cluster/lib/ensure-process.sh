#!/usr/bin/env bash
# ensure-process.sh NAME LOG COMMAND…: run inside a machine; COMMAND runs there.
# The record lies on the machine's own /run: it vanishes with the machine.
set -euo pipefail
# shellcheck source=hack/cluster/lib/process.sh
source "$(dirname "${BASH_SOURCE[0]}")/process.sh"
mkdir -p /run/processes
ensure_process "/run/processes/$1" "${@:2}"
