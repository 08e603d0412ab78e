#!/usr/bin/env bash
# rootfs.sh OUTPUT.tar: a Debian root file system with PostgreSQL and little else.
set -euo pipefail

POSTGRES_UID=999 # as in Docker Hub's Debian-based image

# Left out: documentation, translations, and the compiler of queries (LLVM), which is
# more than a quarter of everything; PostgreSQL does without it when it is not there.
EXCLUDED=(
  '/usr/share/doc/*' '/usr/share/man/*' '/usr/share/info/*' '/usr/share/locale/*'
  '/usr/lib/*/libLLVM*' '/usr/lib/postgresql/*/lib/bitcode/*' '/usr/lib/postgresql/*/lib/llvmjit*'
)

# Runs before PostgreSQL is installed, with the new root as $1: the user gets a number
# that does not depend on what else is there, and no database is made inside the image.
# There is no useradd yet, and none is needed.
# shellcheck disable=SC2016 # mmdebstrap's shell expands $1
prepare='set -eu
  echo "postgres:x:'$POSTGRES_UID':'$POSTGRES_UID':PostgreSQL:/var/lib/postgresql:/bin/sh" >>"$1/etc/passwd"
  echo "postgres:x:'$POSTGRES_UID':" >>"$1/etc/group"
  mkdir -p "$1/etc/postgresql-common" "$1/var/lib/postgresql/data"
  chown -R '$POSTGRES_UID:$POSTGRES_UID' "$1/var/lib/postgresql"
  echo "create_main_cluster = false" >"$1/etc/postgresql-common/createcluster.conf"'

mmdebstrap --variant=essential --include=postgresql-15 --aptopt='APT::Install-Recommends "false"' \
  "${EXCLUDED[@]/#/--dpkgopt=path-exclude=}" --essential-hook="$prepare" bookworm "$1"
