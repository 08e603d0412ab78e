#!/usr/bin/env bash
# Builds container images without a daemon, as docker-archives that `cluster load` takes:
#
#   hack/images/build.sh NAME…
#
# NAME is pause, busybox, postgres, datastores, kube-scheduler, or a Rust binary of this workspace, which is taken from
# BINARIES_DIR (default: where hack/images/binaries.sh puts it). The result is
# <cache>/images/NAME.tar with the image localhost/score/NAME:dev. An image whose inputs
# have not changed is left as it is.
set -euo pipefail

IMAGES_SRC=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
# shellcheck source=hack/lib/common.sh
source "$IMAGES_SRC/../lib/common.sh"
# shellcheck source=hack/images/lib.sh
source "$IMAGES_SRC/lib.sh"

# The one controller that works with charts.
WITH_HELM=score-provisioner-template

# What an image is made of: its key changes when any of it does.
image_key() {
  case $1 in
    pause) cat "$IMAGES_SRC/Dockerfile.pause" /usr/bin/catatonit ;;
    busybox) cat "$IMAGES_SRC/Dockerfile.busybox" /bin/busybox ;;
    postgres) cat "$IMAGES_SRC"/{Dockerfile.postgres,postgres-entrypoint.sh,rootfs.sh} ;;
    datastores) cat "$IMAGES_SRC"/{Dockerfile.datastores,rootfs.sh} "$SCORE_CACHE_DIR/bin/versitygw" ;;
    kube-scheduler) cat "$IMAGES_SRC/Dockerfile.kube-scheduler" "$SCORE_CACHE_DIR/bin/kube-scheduler" ;;
    "$WITH_HELM") cat "$IMAGES_SRC/Dockerfile.helm" "$CA_CERTIFICATES" "$SCORE_CACHE_DIR/bin/helm" "$BINARIES_DIR/$1" ;;
    *) cat "$IMAGES_SRC/Dockerfile.rust" "$CA_CERTIFICATES" "$BINARIES_DIR/$1" ;;
  esac | sha256sum | cut -d ' ' -f 1
}

require_inputs() {
  case $1 in
    pause) [ -x /usr/bin/catatonit ] || die "catatonit is not installed: run hack/deps.sh" ;;
    busybox) [ -x /bin/busybox ] || die "busybox-static is not installed: run hack/deps.sh" ;;
    postgres) ;;
    datastores) "$IMAGES_SRC/../tools/install.sh" versitygw ;;
    kube-scheduler) "$IMAGES_SRC/../tools/install.sh" kubernetes ;;
    *)
      [ "$1" != "$WITH_HELM" ] || "$IMAGES_SRC/../tools/install.sh" helm
      [ -f "$CA_CERTIFICATES" ] || die "ca-certificates is not installed: run hack/deps.sh"
      [ -x "$BINARIES_DIR/$1" ] \
        || die "there is no binary $BINARIES_DIR/$1: build it with hack/images/binaries.sh $1"
      ;;
  esac
}

# make_context NAME DIR: fills DIR, the build context.
make_context() {
  case $1 in
    pause) cp /usr/bin/catatonit "$2/" ;;
    busybox) cp /bin/busybox "$2/" ;;
    postgres)
      cp "$IMAGES_SRC/postgres-entrypoint.sh" "$2/"
      "$IMAGES_SRC/rootfs.sh" postgres "$2/rootfs.tar"
      ;;
    datastores)
      cp "$SCORE_CACHE_DIR/bin/versitygw" "$2/"
      "$IMAGES_SRC/rootfs.sh" datastores "$2/rootfs.tar"
      ;;
    kube-scheduler) cp "$SCORE_CACHE_DIR/bin/kube-scheduler" "$2/" ;;
    *)
      # What a debugger reads is most of a dev binary.
      objcopy --strip-debug "$BINARIES_DIR/$1" "$2/$1"
      cp "$CA_CERTIFICATES" "$2/"
      [ "$1" != "$WITH_HELM" ] || cp "$SCORE_CACHE_DIR/bin/helm" "$2/"
      ;;
  esac
}

dockerfile() {
  case $1 in
    pause | busybox | postgres | datastores | kube-scheduler) echo "$IMAGES_SRC/Dockerfile.$1" ;;
    "$WITH_HELM") echo "$IMAGES_SRC/Dockerfile.helm" ;;
    *) echo "$IMAGES_SRC/Dockerfile.rust" ;;
  esac
}

# build_image NAME SCRATCH: everything of the build lies in SCRATCH, which goes away.
build_image() {
  set -e # this runs in a subshell of its own
  local name=$1 scratch=$2
  mkdir -p "$scratch/context"
  make_context "$name" "$scratch/context"
  run_buildah "$scratch" build --quiet --file "$(dockerfile "$name")" --build-arg "BINARY=$name" \
    --tag "$(image_name "$name")" "$scratch/context"
  run_buildah "$scratch" push --quiet "$(image_name "$name")" \
    "docker-archive:$scratch/image.tar:$(image_name "$name")"
}

ensure_image() {
  local name=$1 key archive scratch
  archive=$(image_archive "$name")
  require_inputs "$name"
  key=$(image_key "$name")
  [ -f "$archive" ] && [ "$(cat "$archive.key" 2>/dev/null)" = "$key" ] && return
  require_root "building images"
  require_command buildah "run hack/deps.sh"
  scratch=$IMAGES_DIR/$name.partial
  rm -rf "$scratch"
  mkdir -p "$scratch"
  with_progress "image $name" "$IMAGES_DIR/$name.log" build_image "$name" "$scratch"
  rm -f "$archive.key" # no key may describe another archive than its own
  mv "$scratch/image.tar" "$archive"
  echo "$key" >"$archive.key"
  rm -rf "$scratch"
}

[ $# -gt 0 ] || die "usage: build.sh NAME…: pause, busybox, postgres, datastores, kube-scheduler or a binary of this workspace"
if [ "$1" = --locked ]; then
  shift
  for name; do
    ensure_image "$name"
  done
else
  locked "$SCORE_CACHE_DIR/locks/images" "${BASH_SOURCE[0]}" --locked "$@"
fi
