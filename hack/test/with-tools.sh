#!/usr/bin/env bash
# with-tools.sh COMMAND…: runs COMMAND with the tools of hack/tools in its PATH.
set -euo pipefail

# shellcheck source=hack/lib/common.sh
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../lib/common.sh"
PATH=$SCORE_CACHE_DIR/bin:$PATH exec "$@"
