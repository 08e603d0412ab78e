#!/usr/bin/env bash
# Checks every shell script of the repository, found by its first line.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.."

mapfile -t scripts < <(
  grep --recursive --files-with-matches --extended-regexp \
    --exclude-dir=target --exclude-dir=.git '^(#!.*\b(bash|sh)$|# shellcheck shell=)' . | sort
)
[ "${#scripts[@]}" -gt 0 ] || { echo "found no shell script: is this the repository?" >&2; exit 1; }
printf '%s\n' "${scripts[@]}"
shellcheck --external-sources "${scripts[@]}"
