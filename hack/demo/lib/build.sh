# shellcheck shell=bash
# From nothing to images, and where they are needed.

check_machine() {
  case $CLUSTER in
    local)
      require_root "the local cluster"
      check_distribution
      hack/deps.sh
      ;;
    current)
      check_current_cluster
      check_build_machine
      ;;
  esac
}

check_distribution() {
  local release
  release=$(sed -n 's/^PRETTY_NAME="\(.*\)"$/\1/p' /etc/os-release 2>/dev/null || true)
  [[ $release == *bookworm* ]] \
    || say "this is '$release': the demo is made for Debian 12 (bookworm), and may need other packages here"
}

# Nothing is installed on a machine whose cluster is elsewhere: it says what is missing.
check_build_machine() {
  local command missing=()
  require_root "building images"
  for command in buildah cargo cc go jq mmdebstrap; do
    have_commands "$command" || missing+=("$command")
  done
  [ "${#missing[@]}" = 0 ] || die "building the images needs these commands, which are not installed: ${missing[*]}
       On Debian: apt-get install buildah gcc jq libc6-dev mmdebstrap
       Rust: https://rustup.rs   Go: https://go.dev/doc/install"
}

install_tools() {
  case $CLUSTER in
    local) hack/tools/install.sh coredns etcd helm kubernetes ;;
    current) hack/tools/install.sh helm ;;
  esac
}

build_images() {
  local log=$LOG_DIR/binaries.log
  with_progress "built the static binaries" "$log" hack/images/binaries.sh "${BINARIES[@]}"
  hack/images/build.sh "${IMAGES[@]}"
}

provide_images() {
  local image archives=()
  case $CLUSTER in
    local)
      for image in "${IMAGES[@]}"; do archives+=("$(image_archive "$image")"); done
      hack/cluster/cluster load "${archives[@]}"
      ;;
    current) hack/images/push.sh "$IMAGE_REGISTRY" "${IMAGES[@]}" ;;
  esac
}
