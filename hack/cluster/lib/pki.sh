# shellcheck shell=bash
# Keys, certificates and kubeconfigs. A set of keys is made in a folder that is renamed
# when complete: half a set cannot be mistaken for one.

CERTIFICATE_DAYS=3650

new_ec_key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:prime256v1 -out "$1"; }

# new_ca NAME: NAME.key and NAME.crt in the current folder.
new_ca() {
  new_ec_key "$1.key"
  openssl req -x509 -new -key "$1.key" -subj "/CN=$1" -days "$CERTIFICATE_DAYS" -out "$1.crt"
}

# new_certificate CA NAME SUBJECT [ALT_NAMES]: NAME.key and NAME.crt in the current
# folder; CA is the path of the authority without its ending.
new_certificate() {
  local ca=$1 name=$2 subject=$3 alternative_names=${4:-}
  new_ec_key "$name.key"
  openssl req -new -key "$name.key" -subj "$subject" -out "$name.csr"
  openssl x509 -req -in "$name.csr" -CA "$ca.crt" -CAkey "$ca.key" \
    -set_serial "0x$(openssl rand -hex 16)" -days "$CERTIFICATE_DAYS" -out "$name.crt" \
    -extfile <(certificate_extensions "$alternative_names")
  rm "$name.csr"
}

certificate_extensions() {
  echo "extendedKeyUsage=clientAuth,serverAuth"
  [ -z "$1" ] || echo "subjectAltName=$1"
}

# make_key_set DIR COMMAND…: DIR holds what COMMAND makes in its current folder.
make_key_set() {
  local dir=$1 log=$LOG_DIR/openssl.log
  shift
  [ -d "$dir" ] && return
  rm -rf "$dir.partial"
  mkdir -p "$dir.partial"
  (umask 077 && cd "$dir.partial" && "$@") >"$log" 2>&1 \
    || die "openssl could not make $dir: $(tail -n 3 "$log")"
  publish_dir "$dir.partial" "$dir"
}

control_plane_keys() {
  set -e # this runs in a subshell of its own
  local names=DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc
  names+=,DNS:kubernetes.default.svc.cluster.local
  new_ca ca
  new_ca front-proxy-ca
  new_ec_key service-account.key
  openssl pkey -in service-account.key -pubout -out service-account.pub
  new_certificate ca apiserver /CN=kube-apiserver \
    "$names,IP:127.0.0.1,IP:$KUBERNETES_SERVICE_IP,IP:$CONTROL_PLANE_IP"
  new_certificate front-proxy-ca front-proxy /CN=front-proxy-client
  new_certificate ca admin /O=system:masters/CN=admin
  new_certificate ca apiserver-kubelet /O=system:masters/CN=kube-apiserver-kubelet-client
  new_certificate ca controller-manager /CN=system:kube-controller-manager
  new_certificate ca scheduler /CN=system:kube-scheduler
  new_certificate ca proxy /CN=system:kube-proxy
  new_certificate ca coredns /CN=coredns
}

node_keys() {
  set -e
  local number=$1 name
  name=$(node_name "$number")
  new_certificate "$PKI_DIR/ca" kubelet "/O=system:nodes/CN=system:node:$name" \
    "DNS:$name,IP:$(node_ip "$number")"
}

# write_kubeconfig FILE SERVER KEYS: KEYS is the path of key and certificate without
# their ending.
write_kubeconfig() {
  write_if_changed "$1" <<YAML
apiVersion: v1
kind: Config
clusters:
- name: $CLUSTER_NAME
  cluster: {server: "$2", certificate-authority-data: $(base64 --wrap=0 <"$PKI_DIR/ca.crt")}
users:
- name: user
  user:
    client-certificate-data: $(base64 --wrap=0 <"$3.crt")
    client-key-data: $(base64 --wrap=0 <"$3.key")
contexts:
- name: $CLUSTER_NAME
  context: {cluster: $CLUSTER_NAME, user: user}
current-context: $CLUSTER_NAME
YAML
}

# write_if_changed FILE: stdin becomes the content of FILE, at once or not at all. An
# equal file stays untouched: kube-proxy ends when its configuration is written to.
write_if_changed() {
  cat >"$1.partial"
  if cmp --silent "$1.partial" "$1"; then
    rm "$1.partial"
  else
    mv "$1.partial" "$1"
  fi
}

ensure_control_plane_keys() {
  make_key_set "$PKI_DIR" control_plane_keys
  write_kubeconfig "$ADMIN_KUBECONFIG" "https://127.0.0.1:$CLUSTER_API_PORT" "$PKI_DIR/admin"
  write_kubeconfig "$KUBECONFIG_DIR/controller-manager" "$API_URL_LOCAL" "$PKI_DIR/controller-manager"
  write_kubeconfig "$KUBECONFIG_DIR/scheduler" "$API_URL_LOCAL" "$PKI_DIR/scheduler"
  write_kubeconfig "$KUBECONFIG_DIR/coredns" "$API_URL_LOCAL" "$PKI_DIR/coredns"
  write_kubeconfig "$KUBECONFIG_DIR/proxy" "$API_URL_NODES" "$PKI_DIR/proxy"
}

# ensure_node_keys NUMBER
ensure_node_keys() {
  local dir
  dir=$(machine_dir "$(node_name "$1")")
  make_key_set "$dir/pki" node_keys "$1"
  write_kubeconfig "$dir/kubelet.kubeconfig" "$API_URL_NODES" "$dir/pki/kubelet"
}
