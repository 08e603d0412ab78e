#!/usr/bin/env bash
# open-volumes.sh DIR: lets every user write to the volumes in DIR, those that exist and
# each one that is made later.
set -euo pipefail
inotifywait --monitor --quiet --event create --format '%w%f' "$1" | {
  find "$1" -mindepth 1 -maxdepth 1 -type d -exec chmod 0777 {} +
  while read -r volume; do
    chmod 0777 "$volume" || true # gone again
  done
}
