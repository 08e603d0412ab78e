#!/usr/bin/env bash
# rootfs.sh NAME OUTPUT.tar: a Debian root file system with the servers of the image NAME
# (postgres or datastores) and little else.
set -euo pipefail

USER_ID=999 # as in Docker Hub's Debian-based images

# Left out: documentation, translations, and the compiler of queries (LLVM), which is
# more than a quarter of everything; PostgreSQL does without it when it is not there.
EXCLUDED=(
  '/usr/share/doc/*' '/usr/share/man/*' '/usr/share/info/*' '/usr/share/locale/*'
  '/usr/lib/*/libLLVM*' '/usr/lib/postgresql/*/lib/bitcode/*' '/usr/lib/postgresql/*/lib/llvmjit*'
)

case $1 in
  postgres) packages=postgresql-15 user=postgres home=/var/lib/postgresql ;;
  datastores) packages=redis-server,memcached,mariadb-server-core,mariadb-client-core,rabbitmq-server,amqp-tools,curl user=redis home=/data ;;
  *) printf 'error: there is no image %s of Debian packages\n' "$1" >&2 && exit 1 ;;
esac

# Runs before the packages are installed, with the new root as $1: the user gets a number
# that does not depend on what else is there, and no database is made inside the image.
# There is no useradd yet, and none is needed.
# shellcheck disable=SC2016 # mmdebstrap's shell expands $1
prepare='set -eu
  echo "'$user':x:'$USER_ID':'$USER_ID':'$user':'$home':/bin/sh" >>"$1/etc/passwd"
  echo "'$user':x:'$USER_ID':" >>"$1/etc/group"
  mkdir -p "$1/etc/postgresql-common" "$1'$home'/data"
  chown -R '$USER_ID:$USER_ID' "$1'$home'"
  echo "create_main_cluster = false" >"$1/etc/postgresql-common/createcluster.conf"'

mmdebstrap --variant=essential --include="$packages" --aptopt='APT::Install-Recommends "false"' \
  "${EXCLUDED[@]/#/--dpkgopt=path-exclude=}" --essential-hook="$prepare" bookworm "$2"
