# shellcheck shell=bash
# Running steps and counting them. Sourced by run.sh after hack/lib/common.sh.

PASSED=0
FAILED=0
declare -A OUTCOME=() # step → passed | failed

# step NAME COMMAND…: runs COMMAND with its output in a log file; one line says how it
# went. A failure is counted and shown, and the next step runs: one run shows everything
# that is wrong. Use `after` for a step that cannot say anything without an earlier one.
step() {
  local name=$1 log
  log=$(log_of "$1")
  shift
  if with_progress "$name" "$log" "$@"; then
    pass "$name"
  else
    fail "$name"
  fi
}

# after EARLIER step NAME COMMAND…: fails NAME without running it unless EARLIER passed.
after() {
  local earlier=$1
  shift
  if [ "${OUTCOME[$earlier]:-}" = passed ]; then
    "$@"
    return
  fi
  local name=$2
  say "$name: not run, because it needs the step '$earlier'"
  fail "$name"
}

log_of() { echo "$LOG_DIR/${1//[^a-zA-Z0-9]/-}.log"; }

pass() {
  OUTCOME[$1]=passed
  PASSED=$((PASSED + 1))
}

fail() {
  OUTCOME[$1]=failed
  FAILED=$((FAILED + 1))
}

# begin NAME COMMAND…: starts COMMAND beside the steps. `finish NAME` is the step that waits
# for it.
declare -A BACKGROUND=()
begin() {
  local name=$1 log
  log=$(log_of "$1")
  shift
  rm -f "$log.status"
  # A session of its own, so that stop_background reaches all that COMMAND has started. How it
  # ended stands in a file: by the time somebody asks, its number may be another process's.
  # shellcheck disable=SC2016 # the inner shell expands them
  setsid bash -c '"${@:2}"; echo "$?" >"$1.partial"; mv "$1.partial" "$1"' bash "$log.status" "$@" \
    >"$log" 2>&1 </dev/null &
  BACKGROUND[$name]=$!
}

in_background() {
  [ ! -e "$(log_of "$1").status" ] && is_running "${BACKGROUND[$1]}"
}

# begin_when_idle NAME COMMAND…: the same, for what shall run only while the steps leave a
# processor idle. `nice` orders the processes of one session; where the kernel shares out the
# processors by session, as it does by default, a session has a priority of its own.
begin_when_idle() {
  local name=$1
  shift
  # shellcheck disable=SC2016 # the inner shell expands them
  begin "$name" nice -n 19 bash -c '{ echo 19 >/proc/self/autogroup; } 2>/dev/null; exec "$@"' bash "$@"
}

# begin_after EARLIER NAME COMMAND…: the same, once what was begun as EARLIER has ended.
begin_after() {
  local earlier name=$2
  earlier=$(log_of "$1")
  shift 2
  # shellcheck disable=SC2016 # the inner shell expands them
  begin "$name" bash -c 'until [ -e "$0" ]; do sleep 1; done; exec "$@"' "$earlier.status" "$@"
}

finish() {
  local name=$1 log began=$SECONDS
  log=$(log_of "$1")
  report_while "$name" "$began" in_background "$name"
  unset "BACKGROUND[$name]"
  if [ "$(cat "$log.status" 2>/dev/null)" = 0 ]; then
    say "$name: $((SECONDS - began)) s more after the steps above"
    pass "$name"
  else
    tail -n 20 "$log" >&2
    say "$name: failed, complete output in $log"
    fail "$name"
  fi
}

# Ends what `begin` started and nobody waited for.
stop_background() {
  local name
  for name in "${!BACKGROUND[@]}"; do
    ! in_background "$name" || kill -- "-${BACKGROUND[$name]}" 2>/dev/null || true
  done
}

# The reader of a long run may see no more than its end, so what went wrong is told again.
summary() {
  local name
  for name in "${!OUTCOME[@]}"; do
    [ "${OUTCOME[$name]}" = passed ] && continue
    say "failed: $name"
    grep --extended-regexp --max-count 12 --after-context 1 --no-group-separator \
      '^(Error|error|test .* FAILED|FAILED )|panicked at' "$(log_of "$name")" | cut -c 1-400 >&2 || true
  done
  say "complete output of every step: $LOG_DIR"
  say "all steps: $((SECONDS / 60)) min $((SECONDS % 60)) s"
  echo "$PASSED passed, $FAILED failed"
  [ "$FAILED" = 0 ]
}
