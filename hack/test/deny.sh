#!/usr/bin/env bash
# Checks the dependencies against deny.toml. The first time, cargo-deny is built into the
# cache folder. Its advisories come from the network, which is why `make test`, which must
# say the same thing today and tomorrow, does not include it.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.."
# shellcheck source=hack/lib/common.sh
source hack/lib/common.sh

VERSION=0.20.2
ROOT=$SCORE_CACHE_DIR/cargo-deny-$VERSION

if [ ! -x "$ROOT/bin/cargo-deny" ]; then
  mkdir -p "$SCORE_CACHE_DIR"
  # Not a temporary folder: a build that was interrupted goes on where it was.
  CARGO_TARGET_DIR=$ROOT.build with_progress "built cargo-deny $VERSION" "$ROOT.log" \
    cargo install cargo-deny --version "$VERSION" --locked --root "$ROOT"
  rm -rf "$ROOT.build"
fi
# Given names of checks, only these: `deny.sh bans licenses sources` needs no network.
exec "$ROOT/bin/cargo-deny" --locked check "$@"
