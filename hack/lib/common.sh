# shellcheck shell=bash
# What every script under hack/ shares: messages, the cache folder, progress.
# Sourced, never run. The sourcing script has already done `set -euo pipefail`.

# Everything that is expensive to make and safe to keep lives here; it survives
# `make clean`. Delete the folder to start from nothing.
SCORE_CACHE_DIR=${SCORE_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/score-orchestrator}

# Seconds between two signs of life of a long step.
PROGRESS_INTERVAL=30

say() {
  printf '%s\n' "$*" >&2
}

die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# Succeeds when every named command can be found.
have_commands() {
  local command
  for command; do
    command -v "$command" >/dev/null || return 1
  done
}

# require_command COMMAND HINT: ends the script, naming what is missing and what to do.
require_command() {
  have_commands "$1" || die "$1 is not installed: $2"
}

require_root() {
  [ "$(id -u)" = 0 ] || die "$1 needs root (it creates namespaces and mounts): run it as root"
}

# with_progress LABEL LOG COMMAND…: runs COMMAND with its output in LOG, shows a
# sign of life every PROGRESS_INTERVAL seconds, then one line with the seconds it
# took. On failure shows the end of LOG and returns COMMAND's status.
with_progress() {
  local label=$1 log=$2 began=$SECONDS status=0 child
  shift 2
  "$@" >"$log" 2>&1 </dev/null &
  child=$!
  # A background job of a script ignores Ctrl-C: pass it on by hand.
  trap 'kill '"$child"' 2>/dev/null; exit 130' INT TERM
  report_while "$label" "$began" is_running "$child"
  wait "$child" || status=$?
  trap - INT TERM
  if [ "$status" != 0 ]; then
    tail -n 20 "$log" >&2
    say "$label: failed after $((SECONDS - began)) s, complete output in $log"
    return "$status"
  fi
  say "$label: $((SECONDS - began)) s"
}

is_running() { kill -0 "$1" 2>/dev/null; }

# report_while LABEL BEGAN COMMAND…: until COMMAND fails, with a sign of life now and then.
report_while() {
  local label=$1 began=$2 next=$((SECONDS + PROGRESS_INTERVAL))
  shift 2
  while "$@"; do
    sleep 0.2
    if ((SECONDS >= next)); then
      say "$label: still running after $((SECONDS - began)) s"
      next=$((SECONDS + PROGRESS_INTERVAL))
    fi
  done
}

# locked LOCKFILE COMMAND…: runs COMMAND while nobody else runs one under the same
# file. The descriptor is closed before COMMAND starts, so that no process it leaves
# running can hold the lock.
locked() {
  local file=$1
  shift
  mkdir -p "$(dirname "$file")"
  flock --nonblock "$file" true || say "waiting for another run to release $file"
  flock --close "$file" "$@"
}

# publish_dir NEW FINAL: makes a finished folder visible under its final name in one
# step, so that FINAL either is complete or does not exist.
publish_dir() {
  rm -rf "$2"
  mv -T "$1" "$2"
}
