# shellcheck shell=bash
# Long-running processes: started once, found again by a later run, started anew when
# their command line has changed. A process is known by a record file that holds its
# pid and its start time, so that a pid used again by another process is not taken
# for it. Used on the host and, through ensure-process.sh, inside the machines.

# process_start_time PID: its start in clock ticks since boot; fails when it is gone
# or a zombie.
process_start_time() {
  local stat
  # Not $(<file): in bash 5.2 a missing file there ends a script that runs with set -e,
  # even where its status is tested.
  read -r stat 2>/dev/null <"/proc/$1/stat" || return 1
  # The name, in parentheses, may hold spaces: count the fields after it.
  read -r -a stat <<<"${stat##*) }"
  [ "${stat[0]:-Z}" != Z ] && echo "${stat[19]}"
}

# recorded_pid RECORD: the pid in the record file, if that process still runs.
recorded_pid() {
  local pid start
  { read -r pid start <"$1"; } 2>/dev/null || return 1
  [ "$(process_start_time "$pid")" = "$start" ] && echo "$pid"
}

# wait_until_gone SECONDS PID
wait_until_gone() {
  local deadline=$((SECONDS + $1))
  while process_start_time "$2" >/dev/null; do
    ((SECONDS < deadline)) || return 1
    sleep 0.05
  done
}

# Asks first, insists soon: the API server would take 10 s to let go of its watchers, and
# nothing here loses data when it is killed.
stop_process() {
  kill -TERM "$1" 2>/dev/null || return 0
  wait_until_gone 3 "$1" || { kill -KILL "$1" 2>/dev/null || true; wait_until_gone 60 "$1"; }
}

# record_and_exec RECORD COMMAND…: becomes COMMAND after noting itself in RECORD.
record_and_exec() {
  local record=$1
  shift
  echo "$$ $(process_start_time $$)" >"$record.partial"
  mv "$record.partial" "$record"
  exec "$@"
}

has_command_line() {
  local pid=$1
  shift
  printf '%s\0' "$@" | cmp --silent - "/proc/$pid/cmdline"
}

# ensure_process RECORD LOG COMMAND…: COMMAND runs, with exactly these arguments.
ensure_process() {
  local record=$1 log=$2 pid
  shift 2
  if pid=$(recorded_pid "$record"); then
    has_command_line "$pid" "$@" && return
    stop_process "$pid"
  fi
  rm -f "$record"
  # A session of its own: Ctrl-C in the terminal is not meant for it.
  # shellcheck disable=SC2016 # the inner shell expands
  setsid --fork bash -c 'source "$1"; shift; record_and_exec "$@"' \
    bash "${BASH_SOURCE[0]}" "$record" "$@" >>"$log" 2>&1 </dev/null
  wait_for_file "$record"
}

wait_for_file() {
  local deadline=$((SECONDS + 60))
  until [ -s "$1" ]; do
    ((SECONDS < deadline)) || return 1
    sleep 0.01
  done
}
