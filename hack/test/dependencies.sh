#!/usr/bin/env bash
# What the binaries link, checked without a network (deny.toml has the whole policy,
# `make deny` checks it): one TLS provider, and one version of what must agree.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.."

# Two TLS providers in one process: rustls cannot choose, and panics at the first
# connection. OpenSSL would end the static binaries.
FORBIDDEN=(aws-lc-rs aws-lc-sys openssl openssl-sys native-tls)
# Their types cross crate borders: two versions mean types that do not fit.
SINGLE=(kube kube-client kube-runtime k8s-openapi schemars prometheus opentelemetry opentelemetry_sdk tokio rustls)

linked=$(cargo tree --locked --workspace --edges normal --prefix none --format '{p}' \
  | awk '{ print $1, $2 }' | sort --unique)
status=0
for crate in "${FORBIDDEN[@]}"; do
  if grep --quiet "^$crate " <<<"$linked"; then
    echo "$crate is linked; find out by whom: cargo tree --workspace --invert $crate" >&2
    status=1
  fi
done
for crate in "${SINGLE[@]}"; do
  versions=$(awk -v crate="$crate" '$1 == crate { print $2 }' <<<"$linked")
  if [ "$(wc --lines <<<"$versions")" -gt 1 ]; then
    echo "$crate is linked in several versions: $(xargs <<<"$versions"); cargo tree --workspace --duplicates" >&2
    status=1
  fi
done
[ "$status" = 0 ] && echo "checked $(wc --lines <<<"$linked") crates"
exit "$status"
