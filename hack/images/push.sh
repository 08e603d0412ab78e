#!/usr/bin/env bash
# Pushes images that hack/images/build.sh made to a registry:
#
#   hack/images/push.sh REGISTRY NAME…
#
# as REGISTRY/score/NAME:dev. TLS_VERIFY=false allows a registry without a trusted
# certificate (one on loopback). Log in first with `buildah login`.
set -euo pipefail

IMAGES_SRC=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
# shellcheck source=hack/lib/common.sh
source "$IMAGES_SRC/../lib/common.sh"
# shellcheck source=hack/images/lib.sh
source "$IMAGES_SRC/lib.sh"

TLS_VERIFY=${TLS_VERIFY:-true}

push_image() {
  set -e # this runs in a subshell of its own
  local scratch=$1 name=$2 registry=$3
  run_buildah "$scratch" pull --quiet "docker-archive:$(image_archive "$name")"
  run_buildah "$scratch" push --quiet --tls-verify="$TLS_VERIFY" "$(image_name "$name")" \
    "docker://$registry/score/$name:dev"
}

[ $# -ge 2 ] || die "usage: push.sh REGISTRY NAME…"
registry=$1
shift
require_command buildah "run hack/deps.sh"
scratch=$(mktemp --directory)
trap 'rm -rf "$scratch"' EXIT
for name; do
  [ -f "$(image_archive "$name")" ] || die "image $name is not built: run hack/images/build.sh $name"
  with_progress "push of $registry/score/$name:dev" "$scratch/log" push_image "$scratch" "$name" "$registry"
done
