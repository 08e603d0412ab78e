#!/usr/bin/env bash
# Converts every Score file below a folder into a Workload, applies each to the current cluster, and tells what became
# of them:
#
#   hack/score/apply.sh [--apart PREFIX] FOLDER [score-convert's options]
#
# Each file is a step of its own: one that is refused, by the converter or by the cluster, does not stop the others.
# Then it waits until all Workloads are Ready, at most WAIT_SECONDS (120) altogether, and shows their conditions.
# Ends with an error if a file was refused or a Workload is not Ready.
#
# Files whose Workloads have one name cannot stand in one namespace. With --apart each file gets a namespace of its own,
# PREFIX and the file's path in FOLDER; it is made if it is not there.
#
# SCORE_CONVERT names the converter to use; without it, that of this repository is built.
set -euo pipefail

REPOSITORY=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../..
# shellcheck source=hack/lib/common.sh
source "$REPOSITORY/hack/lib/common.sh"

WAIT_SECONDS=${WAIT_SECONDS:-120}
APART=
REFUSED=0
# NAMESPACE/NAME of each Workload that was applied, and the file that it came from.
declare -A APPLIED=()

usage() {
  die "usage: apply.sh [--apart PREFIX] FOLDER [score-convert's options]"
}

converter() {
  if [ -n "${SCORE_CONVERT:-}" ]; then
    "$SCORE_CONVERT" "$@"
  else
    cargo run --quiet --locked --manifest-path "$REPOSITORY/Cargo.toml" --package score-convert -- "$@"
  fi
}

refuse() {
  local line
  printf 'refused  %s\n' "$1"
  while IFS= read -r line; do
    printf '         %s\n' "$line"
  done <<<"$2"
  REFUSED=$((REFUSED + 1))
}

# namespace_of FILE: PREFIX and the file's path, without the name that all Score files have.
namespace_of() {
  local path=${1#"$FOLDER"}
  path=${path%.y*ml}
  path=${path%/score}
  path=$(tr '[:upper:]' '[:lower:]' <<<"$APART-$path" | tr --complement --squeeze-repeats 'a-z0-9\n' '-')
  path=${path:0:63}
  printf '%s\n' "${path%-}"
}

# Prints why, and fails, if the file cannot be converted.
converted() {
  local errors status=0
  errors=$(mktemp)
  converter "$@" 2>"$errors" || status=$?
  [ "$status" = 0 ] || cat "$errors"
  rm -f "$errors"
  return "$status"
}

# Workloads of another file that are there already would be changed without a word.
taken_by() {
  local workload
  for workload; do
    [ -z "${APPLIED[$workload]:-}" ] || printf '%s is the Workload of %s: use --apart\n' "$workload" "${APPLIED[$workload]}"
  done
}

# apply_file FILE OPTION…
apply_file() {
  local file=$1 namespace manifest said names name
  shift
  if [ -n "$APART" ]; then
    namespace=$(namespace_of "$file")
    set -- --namespace "$namespace" "$@"
    kubectl get namespace "$namespace" >/dev/null 2>&1 || kubectl create namespace "$namespace" >/dev/null
  fi
  manifest=$(converted "$@" "$file") || { refuse "$file" "$manifest"; return; }
  said=$(kubectl apply --dry-run=server --output=json --filename=- <<<"$manifest" 2>&1) \
    || { refuse "$file" "$said"; return; }
  names=$(jq --raw-output '(.items // [.])[] | "\(.metadata.namespace)/\(.metadata.name)"' <<<"$said")
  # shellcheck disable=SC2086 # one word per Workload
  said=$(taken_by $names)
  [ -z "$said" ] || { refuse "$file" "$said"; return; }
  said=$(kubectl apply --filename=- <<<"$manifest" 2>&1) || { refuse "$file" "$said"; return; }
  for name in $names; do
    APPLIED[$name]=$file
    printf 'applied  %s as %s\n' "$file" "$name"
  done
}

# All at once: the time is that of the slowest.
wait_until_ready() {
  local workload waiting=()
  for workload in "${!APPLIED[@]}"; do
    kubectl wait --namespace="${workload%%/*}" --for=condition=Ready --timeout="${WAIT_SECONDS}s" \
      "workload/${workload#*/}" >/dev/null 2>&1 &
    waiting+=("$!")
  done
  for workload in "${waiting[@]}"; do
    wait "$workload" || true
  done
}

show_conditions() {
  local workload object not_ready=0
  while read -r workload; do
    object=$(kubectl get --namespace="${workload%%/*}" --output=json "workload/${workload#*/}")
    printf '\n%s (%s)\n' "$workload" "${APPLIED[$workload]}"
    jq --raw-output '(.status.conditions // [])[] | [.type, .status, .reason, .message] | @tsv' <<<"$object" \
      | awk -F '\t' '{ printf "  %-13s %-8s %-20s %s\n", $1, $2, $3, $4 }'
    jq --exit-status '[(.status.conditions // [])[] | select(.type == "Ready" and .status == "True")] != []' \
      <<<"$object" >/dev/null || not_ready=$((not_ready + 1))
  done < <(printf '%s\n' "${!APPLIED[@]}" | sort)
  printf '\n%s applied, %s of them not Ready, %s files refused\n' "${#APPLIED[@]}" "$not_ready" "$REFUSED"
  [ "$not_ready" = 0 ]
}

main() {
  local files file
  require_command kubectl "see https://kubernetes.io/docs/tasks/tools"
  require_command jq "install it with your package manager"
  files=$(converter --list "$FOLDER")
  while read -r file; do
    apply_file "$file" "$@" </dev/null
  done <<<"$files"
  [ "${#APPLIED[@]}" = 0 ] || { wait_until_ready; show_conditions; }
  [ "$REFUSED" = 0 ]
}

if [ "${1:-}" = --apart ]; then
  [ -n "${2:-}" ] || usage
  APART=$2
  shift 2
fi
[ -d "${1:-}" ] || usage
FOLDER=${1%/}
shift
main "$@"
