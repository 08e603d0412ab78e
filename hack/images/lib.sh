# shellcheck shell=bash disable=SC2034 # the scripts that source this use them
# What the scripts of this folder share: names, places and how buildah is called.

RUST_TARGET=x86_64-unknown-linux-gnu
TARGET_DIR=${CARGO_TARGET_DIR:-$(readlink -m "$IMAGES_SRC/../../target")}
BINARIES_DIR=${BINARIES_DIR:-$TARGET_DIR/$RUST_TARGET/release}
IMAGES_DIR=$SCORE_CACHE_DIR/images
# Where Debian's package has them.
CA_CERTIFICATES=/etc/ssl/certs/ca-certificates.crt

image_name() { echo "localhost/score/$1:dev"; }

image_archive() { echo "$IMAGES_DIR/$1.tar"; }

# run_buildah SCRATCH ARG…: buildah with a storage of its own below SCRATCH, so that
# nothing of a build stays behind, its temporary files included: by default they lie in
# /var/tmp, which not every machine has. chroot isolation and the vfs driver work where
# containers and overlays cannot be nested.
run_buildah() {
  local scratch=$1
  shift
  mkdir -p "$scratch/tmp"
  TMPDIR=$scratch/tmp BUILDAH_ISOLATION=chroot buildah --storage-driver vfs \
    --root "$scratch/storage" --runroot "$scratch/run" "$@"
}
