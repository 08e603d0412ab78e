# shellcheck shell=bash
# A node: containerd, the kubelet and kube-proxy in a machine of their own. Each logs to
# log/node-<number>-<name>.log.

# What a node needs before the API server answers. Nodes are made at the same time.
start_node_runtime() {
  local number=$1 name
  name=$(node_name "$number")
  # A dead machine's container cgroups cost the next kubelet seconds each.
  machine_pid "$name" >/dev/null || { stop_machine "$name"; remove_cgroups "$(node_cgroup "$number")"; }
  ensure_cgroup "$(node_cgroup "$number")"
  ensure_machine "$name"
  ensure_node_keys "$number"
  ensure_node_network "$number"
  start_containerd "$number" "$name"
  load_into_node "$name" "$IMAGES_DIR/pause.tar"
}

start_containerd() {
  local number=$1 name=$2
  run_in_machine "$name" containerd containerd --log-level warn --config "$(containerd_config "$number" "$name")"
  wait_for "containerd on $name" 240 in_machine "$name" ctr version
}

containerd_config() {
  local number=$1 dir
  dir=$(machine_dir "$2")
  mkdir -p "$dir/cni"
  cni_config "$number" | write_if_changed "$dir/cni/10-pods.conflist"
  # restrict_oom_score_adj: lowering the score needs a capability that not every host gives.
  config_file "$dir/containerd" <<TOML
version = 2
[plugins."io.containerd.internal.v1.opt"]
  path = "/var/lib/containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "$PAUSE_IMAGE"
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$dir/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
TOML
}

# The leases of addresses lie on /run: they end with the pods, when the machine does.
cni_config() {
  cat <<JSON
{
  "cniVersion": "1.0.0",
  "name": "pods",
  "plugins": [
    {
      "type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": false, "hairpinMode": true,
      "ipam": {
        "type": "host-local", "dataDir": "/run/cni-leases",
        "ranges": [[{"subnet": "$(node_pod_cidr "$1")"}]], "routes": [{"dst": "0.0.0.0/0"}]
      }
    },
    {"type": "portmap", "capabilities": {"portMappings": true}}
  ]
}
JSON
}

# What a node needs the API server for.
start_node_agents() {
  local number=$1 name dir
  name=$(node_name "$number")
  dir=$(machine_dir "$name")
  run_in_machine "$name" kubelet "$(tool kubelet)" --config="$(kubelet_config "$number" "$dir")" \
    --kubeconfig="$dir/kubelet.kubeconfig" --hostname-override="$name" --node-ip="$(node_ip "$number")"
  run_in_machine "$name" kube-proxy "$(tool kube-proxy)" --config="$(kube_proxy_config "$name" "$dir")"
}

kubelet_config() {
  local number=$1 dir=$2
  echo "nameserver $CONTROL_PLANE_IP" | write_if_changed "$dir/resolv.conf"
  config_file "$dir/kubelet" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $(node_ip "$number")
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: "$PKI_DIR/ca.crt"}
authorization: {mode: Webhook}
tlsCertFile: $dir/pki/kubelet.crt
tlsPrivateKeyFile: $dir/pki/kubelet.key
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
clusterDNS: [$DNS_SERVICE_IP]
clusterDomain: cluster.local
resolvConf: $dir/resolv.conf
maxPods: $MAX_PODS_PER_NODE
serializeImagePulls: false
# cgroups: of this node's own, made by hand, on either version
cgroupDriver: cgroupfs
cgroupRoot: /$(node_cgroup "$number")
failCgroupV1: false
enforceNodeAllocatable: []
# the host's own affairs: its swap, and scores that need a capability
failSwapOn: false
oomScoreAdj: 0
# images are loaded by hand and could not be fetched again: never collect them
imageGCHighThresholdPercent: 100
evictionHard: {memory.available: 100Mi, nodefs.available: "1%", imagefs.available: "1%"}
YAML
}

kube_proxy_config() {
  # The conntrack limits belong to the host: leave them alone.
  config_file "$2/kube-proxy" <<YAML
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {kubeconfig: "$KUBECONFIG_DIR/proxy"}
mode: nftables
clusterCIDR: $POD_CIDR
hostnameOverride: $1
conntrack: {maxPerCore: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
YAML
}

# The Node objects are made here because a kubelet may set neither its pods' addresses
# nor a node-role label.
create_node_object() {
  local number=$1 name
  name=$(node_name "$number")
  admin_kubectl create --filename=- >/dev/null <<YAML
apiVersion: v1
kind: Node
metadata:
  name: $name
  labels:
    node-role.kubernetes.io/worker: ""
    topology.kubernetes.io/zone: zone-$number
spec:
  podCIDR: $(node_pod_cidr "$number")
  podCIDRs: [$(node_pod_cidr "$number")]
YAML
}

remove_node() {
  local number=$1 name
  name=$(node_name "$number")
  stop_machine "$name"
  remove_cgroups "$(node_cgroup "$number")"
  admin_kubectl delete node "$name" --ignore-not-found --wait=false >/dev/null
  in_network "$CONTROL_PLANE" ip route delete "$(node_pod_cidr "$number")" 2>/dev/null || true
  rm -rf "$(machine_dir "$name")"
}
