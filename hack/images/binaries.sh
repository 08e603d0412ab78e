#!/usr/bin/env bash
# Builds static binaries of this workspace, all in one run of cargo:
#
#   hack/images/binaries.sh NAME…
#
# BUILD_PROFILE=dev makes them of what the tests are made of, so that hardly anything is
# compiled for both, in half the time, with overflow checks and debug assertions. With BINARIES_DIR
# nothing is built: somebody has, and put them there.
set -euo pipefail

[ -z "${BINARIES_DIR:-}" ] || exit 0
IMAGES_SRC=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
# shellcheck source=hack/lib/common.sh
source "$IMAGES_SRC/../lib/common.sh"
# shellcheck source=hack/images/lib.sh
source "$IMAGES_SRC/lib.sh"

[ $# -gt 0 ] || die "usage: binaries.sh NAME…: binaries of this workspace"
require_command cargo "install Rust with rustup (https://rustup.rs)"

build_static
cd "$IMAGES_SRC/../.."
case $BUILD_PROFILE in
  # With a test, a small one, so that dependencies have the features that they have there; and
  # without what would help the next compilation, as the tests are built.
  dev) CARGO_INCREMENTAL=0 exec cargo build --locked "${@/#/--bin=}" --test crds ;;
  *) exec cargo build --locked --profile "$BUILD_PROFILE" "${@/#/--bin=}" ;;
esac
