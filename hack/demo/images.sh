#!/usr/bin/env bash
# Builds the images of the demo; with IMAGE_REGISTRY it also pushes them there.
set -euo pipefail

DEMO_DIR=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
cd "$DEMO_DIR/../.."
[ -z "${IMAGE_REGISTRY:-}" ] || CLUSTER=current
export BUILD_PROFILE=${BUILD_PROFILE:-release}
# shellcheck source=hack/lib/common.sh
source hack/lib/common.sh
for part in config build; do
  # shellcheck source=/dev/null
  source "$DEMO_DIR/lib/$part.sh"
done

LOG_DIR=$PWD/target/demo-logs
mkdir -p "$LOG_DIR"
check_config
check_build_machine
build_images
if [ "$CLUSTER" = current ]; then
  provide_images
else
  for image in "${IMAGES[@]}"; do image_archive "$image"; done
fi
