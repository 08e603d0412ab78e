#!/usr/bin/env bash
# Builds the Go tools that the local cluster and the checks use, each at the version
# its go.mod pins, and links them into <cache>/bin.
#
#   hack/tools/install.sh            all tools
#   hack/tools/install.sh helm kwok  only these
#
# A tool is a package that its go.mod names, or a main.go of ours where the project's own
# would bring much that nobody here uses, or a file of a module that is not compiled. Versions of modules that tools have in common are
# the same where they can be: what they compile to is then shared.
#
# A tool is built once per content of its folder and build flags. The build
# happens in a folder of its own that is renamed when complete: a run that is killed
# leaves nothing that a later run could mistake for a tool.
set -euo pipefail

TOOLS_DIR=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
# shellcheck source=hack/lib/common.sh
source "$TOOLS_DIR/../lib/common.sh"

BUILDS_DIR=$SCORE_CACHE_DIR/tools
BIN_DIR=$SCORE_CACHE_DIR/bin
# What a debugger reads is a sixth of the time that compiling takes, and is not linked in.
COMPILER_FLAGS=all=-dwarf=false

all_tools() {
  local file
  for file in "$TOOLS_DIR"/*/go.mod; do
    basename "$(dirname "$file")"
  done
}

# pinned_version TOOL MODULE: the version that the tool's go.mod requires.
pinned_version() {
  awk -v module="$2" '$1 == module { print $2; exit } $2 == module { print $3; exit }' \
    "$TOOLS_DIR/$1/go.mod"
}

# The linker flags of a tool. Without a version, kube-apiserver takes itself for
# 0.0.0 and disables APIs, and helm and kwok report none.
linker_flags() {
  local version
  case $1 in
    kubernetes)
      version=$(pinned_version kubernetes k8s.io/kubernetes)
      local minor=${version#v*.}
      local package=k8s.io/component-base/version
      echo "-s -w -X $package.gitVersion=$version -X $package.gitMajor=1 -X $package.gitMinor=${minor%.*}"
      ;;
    helm)
      echo "-s -w -X helm.sh/helm/v4/internal/version.version=$(pinned_version helm helm.sh/helm/v4)"
      ;;
    kwok)
      version=$(pinned_version kwok sigs.k8s.io/kwok)
      echo "-s -w -X sigs.k8s.io/kwok/pkg/consts.Version=${version#v}"
      ;;
    *) echo "-s -w" ;;
  esac
}

# The folder of a tool's build; its name changes with everything the build depends on.
build_dir() {
  local key
  key=$({ cat "$TOOLS_DIR/$1"/*.{mod,sum,go} 2>/dev/null || true; linker_flags "$1"; echo "$COMPILER_FLAGS"; } | sha256sum)
  echo "$BUILDS_DIR/$1-${key:0:16}"
}

compile() {
  local tool=$1 output=$2 package=tool
  cd "$TOOLS_DIR/$tool"
  [ ! -f main.go ] || package=.
  if [ "$package" = tool ] && ! grep --quiet '^tool ' go.mod; then
    exec go mod download
  fi
  # exec: so that a signal to this step reaches the compiler itself
  CGO_ENABLED=0 GOWORK=off exec go build -mod=readonly -trimpath -buildvcs=false \
    -gcflags "$COMPILER_FLAGS" -ldflags "$(linker_flags "$tool")" -o "$output/" "$package"
}

# What a tool needs beside its compiled packages.
finish() {
  local tool=$1 output=$2
  case $tool in
    etcd) mv "$output/server" "$output/etcd" ;; # the package's folder names the binary
    kwok) collect_kwok_stages "$output/stages.yaml" ;;
    gateway-api) copy_route_kind "$output/httproutes.yaml" ;;
  esac
}

# kwok does nothing without stages (how a fake object's status moves on); the ones
# for "everything succeeds at once" are files of its module.
collect_kwok_stages() {
  local module file
  module=$(cd "$TOOLS_DIR/kwok" && go list -m -f '{{.Dir}}' sigs.k8s.io/kwok)
  for file in "$module"/kustomize/stage/{node/fast,node/heartbeat-with-lease,pod/fast}/*.yaml; do
    case $file in
      */kustomization.yaml) ;;
      *) printf -- '---\n'; cat "$file" ;;
    esac
  done >"$1"
}

# What a cluster is given that has the Gateway API: its kind HTTPRoute.
copy_route_kind() {
  local module
  module=$(cd "$TOOLS_DIR/gateway-api" && go list -m -f '{{.Dir}}' sigs.k8s.io/gateway-api)
  install --mode 644 "$module/config/crd/standard/gateway.networking.k8s.io_httproutes.yaml" "$1"
}

build() {
  local tool=$1 final=$2 partial=$2.partial log=$BUILDS_DIR/$1.log
  require_command go "install Go 1.26 or newer (https://go.dev/doc/install)"
  rm -rf "$partial"
  mkdir -p "$partial"
  say "tool $tool: building, which takes minutes the first time"
  with_progress "tool $tool" "$log" compile "$tool" "$partial"
  finish "$tool" "$partial"
  publish_dir "$partial" "$final"
}

link() {
  local final=$1 binary target
  for binary in "$final"/*; do
    [ -x "$binary" ] || continue
    target=$BIN_DIR/$(basename "$binary")
    [ "$(readlink "$target" || true)" = "$binary" ] || ln -sfnT "$binary" "$target"
  done
}

# Only the build in use is kept: an older one can be made again from Go's own cache.
remove_older_builds() {
  local tool=$1 final=$2 other
  for other in "$BUILDS_DIR/$tool"-*; do
    [ "$other" = "$final" ] || rm -rf "$other"
  done
}

install_tool() {
  local tool=$1 final
  final=$(build_dir "$tool")
  if [ ! -d "$final" ]; then
    build "$tool" "$final"
    remove_older_builds "$tool" "$final"
  fi
  link "$final"
}

# Succeeds when the tool's build exists and <cache>/bin points to it.
is_installed() {
  local final binary
  final=$(build_dir "$1")
  [ -d "$final" ] || return 1
  for binary in "$final"/*; do
    [ ! -x "$binary" ] || [ "$BIN_DIR/$(basename "$binary")" -ef "$binary" ] || return 1
  done
}

missing_tools() {
  local tool
  for tool; do
    [ -f "$TOOLS_DIR/$tool/go.mod" ] \
      || die "there is no tool named $tool; known: $(all_tools | tr '\n' ' ')"
    is_installed "$tool" || echo "$tool"
  done
}

main() {
  local missing tool
  mkdir -p "$BIN_DIR"
  # shellcheck disable=SC2046 # the names hold no spaces
  [ $# -gt 0 ] || set -- $(all_tools)
  missing=$(missing_tools "$@")
  for tool in $missing; do
    locked "$SCORE_CACHE_DIR/locks/tool-$tool" "${BASH_SOURCE[0]}" --locked "$tool"
  done
}

# Two callers must not build the same tool at once: what is missing is built by this
# script run again under the tool's lock, where it looks anew at what the other one has
# made. Nobody waits for a tool that another caller alone needs.
if [ "${1:-}" = --locked ]; then
  install_tool "$2"
else
  main "$@"
fi
