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

# The hook runs before PostgreSQL is installed: the user gets a number that does not
# depend on what else is there, and no database is made inside the image.
# shellcheck disable=SC2016 # mmdebstrap's shell expands $1, the new root
prepare='
  chroot "$1" groupadd --system --gid '$POSTGRES_UID' postgres
  chroot "$1" useradd --system --uid '$POSTGRES_UID' --gid postgres --home-dir /var/lib/postgresql postgres
  mkdir -p "$1/etc/postgresql-common" "$1/var/lib/postgresql/data"
  echo "create_main_cluster = false" >"$1/etc/postgresql-common/createcluster.conf"
  chroot "$1" chown postgres:postgres /var/lib/postgresql /var/lib/postgresql/data'

mmdebstrap --variant=essential --include=postgresql-15 --aptopt='APT::Install-Recommends "false"' \
  "${EXCLUDED[@]/#/--dpkgopt=path-exclude=}" --essential-hook="$prepare" bookworm "$1"
