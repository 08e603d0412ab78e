# shellcheck shell=bash
# Loading images from docker-archives into the nodes.

# The manifest of an archive names its configuration and layers by their hashes.
archive_manifest() {
  tar --extract --to-stdout --file "$1" manifest.json 2>/dev/null \
    || die "$1 is not an image archive: make one with hack/images/build.sh or 'docker save'"
}

# note_of NODE MANIFEST: the file that holds the manifest of what the node has under this
# name. With one note per name, an older build can be loaded again too.
note_of() {
  local tag
  tag=$(jq --raw-output '.[0].RepoTags[0]' <<<"$2")
  echo "$(machine_dir "$1")/images/${tag//\//_}"
}

# load_into_node NODE ARCHIVE: does nothing when the node has just that.
load_into_node() {
  local name=$1 archive=$2 log=$LOG_DIR/$1-images.log manifest note
  manifest=$(archive_manifest "$archive")
  note=$(note_of "$name" "$manifest")
  [ "$(cat "$note" 2>/dev/null)" != "$manifest" ] || return 0
  # From stdin: a machine does not see every folder of the host.
  in_machine "$name" ctr --namespace k8s.io images import - <"$archive" >"$log" 2>&1 \
    || die "$archive could not be loaded into $name: $(tail -n 3 "$log")"
  mkdir -p "${note%/*}"
  write_if_changed "$note" <<<"$manifest"
}

# load_images ARCHIVE…: into every node, the nodes at the same time.
load_images() {
  local archive began numbers
  mapfile -t numbers < <(node_numbers)
  [ "${#numbers[@]}" -gt 0 ] || die "the cluster is not up: run 'cluster up' first"
  for archive; do
    [ -f "$archive" ] || die "$archive does not exist: build it with hack/images/build.sh"
    began=$SECONDS
    for_each_at_once "${numbers[@]}" -- load_into_numbered_node "$archive"
    say "loaded $(basename "$archive"): $((SECONDS - began)) s"
  done
}

load_into_numbered_node() { load_into_node "$(node_name "$2")" "$1"; }
