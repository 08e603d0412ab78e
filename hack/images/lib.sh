# shellcheck shell=bash disable=SC2034 # the scripts that source this use them
# What the scripts of this folder share: names, places and how buildah is called.

RUST_TARGET=x86_64-unknown-linux-gnu
# Cargo's profile for the binaries: release, or dev.
BUILD_PROFILE=${BUILD_PROFILE:-release}
TARGET_DIR=${CARGO_TARGET_DIR:-$(readlink -m "$IMAGES_SRC/../../target")}
BINARIES_DIR=${BINARIES_DIR:-$TARGET_DIR/$RUST_TARGET/${BUILD_PROFILE/#dev/debug}}
IMAGES_DIR=$SCORE_CACHE_DIR/images
# Where Debian's package has them.
CA_CERTIFICATES=/etc/ssl/certs/ca-certificates.crt

image_name() { echo "localhost/score/$1:dev"; }

image_archive() { echo "$IMAGES_DIR/$1.tar"; }

# From here on cargo builds static binaries, because the images hold nothing but the binary.
# With glibc linked in, names are still resolved by DNS: since version 2.34 its resolver
# needs no library at run time. The target is named although it is the host's: only then do
# the flags leave out build scripts and procedural macros, which cannot be static.
build_static() {
  local flag="-C target-feature=+crt-static"
  export CARGO_BUILD_TARGET=$RUST_TARGET
  [[ ${RUSTFLAGS:-} == *"$flag"* ]] || export RUSTFLAGS="${RUSTFLAGS:+$RUSTFLAGS }$flag"
}

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
