# shellcheck shell=bash
# How a demo begins and ends. Sourced, by those that make something and those that remove it.

# begin_demo TARGET: a demo that make knows as TARGET. What its steps say is below LOG_DIR.
begin_demo() {
  DEMO_TARGET=$1
  LOG_DIR=$PWD/target/$1-logs
  mkdir -p "$LOG_DIR"
}

# Says how to go on, if the demo ends before its end.
say_how_to_go_on() {
  local status=$?
  [ "$status" = 0 ] \
    || say "The demo is not complete. What its steps said is in $LOG_DIR; 'make $DEMO_TARGET' again goes on from here."
}

# end_demo: how long it took, and what say_next, given the settings of this run, has to say.
end_demo() {
  say "all of it: $((SECONDS / 60)) min $((SECONDS % 60)) s"
  say_next "$([ "$CLUSTER" = local ] || echo " CLUSTER=current IMAGE_REGISTRY=$IMAGE_REGISTRY")"
}

# remove_demo: what was made, by remove_from_current_cluster where the cluster is the user's.
remove_demo() {
  case $CLUSTER in
    # With the cluster goes everything in it.
    local) hack/cluster/cluster down ;;
    current) remove_from_current_cluster ;;
    *) die "CLUSTER=$CLUSTER: use local or current" ;;
  esac
}
