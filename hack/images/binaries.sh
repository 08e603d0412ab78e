#!/usr/bin/env bash
# Builds static release binaries of this workspace, all in one run of cargo:
#
#   hack/images/binaries.sh NAME…
#
# Static, because the images hold nothing but the binary. With glibc linked in, names are
# still resolved by DNS: since version 2.34 its resolver needs no library at run time.
set -euo pipefail

IMAGES_SRC=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
# shellcheck source=hack/lib/common.sh
source "$IMAGES_SRC/../lib/common.sh"
# shellcheck source=hack/images/lib.sh
source "$IMAGES_SRC/lib.sh"

[ $# -gt 0 ] || die "usage: binaries.sh NAME…: binaries of this workspace"
require_command cargo "install Rust with rustup (https://rustup.rs)"

# The target is named although it is the host's: only then do the flags leave out build
# scripts and procedural macros, which cannot be static.
export RUSTFLAGS="${RUSTFLAGS:-} -C target-feature=+crt-static"
cd "$IMAGES_SRC/../.."
exec cargo build --release --locked --target "$RUST_TARGET" "${@/#/--bin=}"
