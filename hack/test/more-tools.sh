#!/usr/bin/env bash
# What the tests on the cluster need beyond what the demo does.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.."

hack/tools/install.sh versitygw gateway-api kwok
hack/images/build.sh datastores busybox
