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
  # A session of its own, so that stop_background reaches all that COMMAND has started.
  setsid "$@" >"$log" 2>&1 </dev/null &
  BACKGROUND[$name]=$!
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
  local earlier=${BACKGROUND[$1]} name=$2
  shift 2
  # shellcheck disable=SC2016 # the inner shell expands them
  begin "$name" bash -c 'tail --pid="$0" --follow=descriptor /dev/null; exec "$@"' "$earlier" "$@"
}

finish() {
  local name=$1 log status=0 began=$SECONDS
  log=$(log_of "$1")
  report_while_running "${BACKGROUND[$name]}" "$name" "$began"
  wait "${BACKGROUND[$name]}" || status=$?
  unset "BACKGROUND[$name]"
  if [ "$status" = 0 ]; then
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
  local pid
  for pid in "${BACKGROUND[@]}"; do
    kill -- "-$pid" 2>/dev/null || true
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
