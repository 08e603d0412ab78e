#!/bin/sh
# Starts PostgreSQL, after making its data folder if there is none.
#
# The environment is that of docker.io/library/postgres:
#   POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE  the superuser's password (required once)
#   POSTGRES_USER   the superuser's name (postgres)
#   POSTGRES_DB     a database to make (as POSTGRES_USER)
#   PGDATA          the data folder: a subfolder of a volume, not the volume itself
#
# Runs as uid 999 with a read-only root file system; /tmp, /dev/shm and
# /var/run/postgresql must be writable (memory volumes will do).
set -eu

POSTGRES_USER=${POSTGRES_USER:-postgres}
POSTGRES_DB=${POSTGRES_DB:-$POSTGRES_USER}

fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# The new data folder is made here and renamed when complete: a container that is killed
# in the middle leaves nothing that the next start could take for a database.
PARTIAL=$PGDATA.partial

password() {
  if [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then
    [ -z "${POSTGRES_PASSWORD:-}" ] || fail "set POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE, not both"
    cat "$POSTGRES_PASSWORD_FILE" || fail "POSTGRES_PASSWORD_FILE=$POSTGRES_PASSWORD_FILE cannot be read"
  else
    printf '%s' "${POSTGRES_PASSWORD:-}"
  fi
}

initialize() {
  secret=$(password)
  [ -n "$secret" ] || fail "there is no database in $PGDATA yet, and none can be made without a password: set POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE"
  mkdir -p "$(dirname "$PGDATA")"
  rm -rf "$PARTIAL" || fail "$PARTIAL cannot be written: PGDATA must be a subfolder of a volume that uid $(id -u) may write to"
  initdb --pgdata="$PARTIAL" --username="$POSTGRES_USER" --pwfile=/dev/stdin \
    --encoding=UTF8 --auth-host=scram-sha-256 --auth-local=scram-sha-256 <<PASSWORD
$secret
PASSWORD
  echo "host all all all scram-sha-256" >>"$PARTIAL/pg_hba.conf"
  echo "listen_addresses = '*'" >>"$PARTIAL/postgresql.conf"
  create_database
  mv -T "$PARTIAL" "$PGDATA"
  sync "$(dirname "$PGDATA")"
}

create_database() {
  [ "$POSTGRES_DB" != postgres ] || return 0
  quoted=$(printf '%s' "$POSTGRES_DB" | sed 's/"/""/g')
  # Without a server: single-user mode reads commands from stdin.
  printf 'CREATE DATABASE "%s"\n' "$quoted" \
    | postgres --single -D "$PARTIAL" postgres >/dev/null
}

# Arguments alone are options of the server.
case ${1:-postgres} in
  postgres) [ $# = 0 ] || shift ;;
  -*) ;;
  *) exec "$@" ;;
esac

trap 'exit 130' INT TERM # as the first process a shell would not even notice
[ -s "$PGDATA/PG_VERSION" ] || initialize
unset POSTGRES_PASSWORD secret
exec postgres "$@"
