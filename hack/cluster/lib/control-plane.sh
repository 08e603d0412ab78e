# shellcheck shell=bash
# The control plane's processes: etcd, the API server, the controller manager and the
# scheduler. Each logs to log/control-plane-<name>.log.

start_etcd() {
  # Without fsync a write takes microseconds: what a power cut of the host would lose is
  # a cluster that can be made again in seconds.
  run_in_machine "$CONTROL_PLANE" etcd "$(tool etcd)" \
    --data-dir=/var/lib/etcd --unsafe-no-fsync --log-level=warn \
    --listen-client-urls=http://127.0.0.1:2379 --advertise-client-urls=http://127.0.0.1:2379 \
    --listen-peer-urls=http://127.0.0.1:2380 --initial-advertise-peer-urls=http://127.0.0.1:2380 \
    --initial-cluster=default=http://127.0.0.1:2380
}

start_api_server() {
  local extra flags before
  before=$(process_identity "$CONTROL_PLANE" apiserver)
  read -r -a extra <<<"$API_SERVER_EXTRA_ARGS"
  mapfile -t flags < <(api_server_flags)
  run_in_machine "$CONTROL_PLANE" apiserver "$(tool kube-apiserver)" "${flags[@]}" "${extra[@]}"
  [ "$before" = "$(process_identity "$CONTROL_PLANE" apiserver)" ] || stop_controllers
}

# The controllers that lost their API server wait longer and longer between attempts to
# watch, up to minutes, and see nothing meanwhile: `up` starts them anew.
stop_controllers() {
  stop_in_machine "$CONTROL_PLANE" controller-manager
  stop_in_machine "$CONTROL_PLANE" scheduler
}

api_server_flags() {
  cat <<FLAGS
--etcd-servers=http://127.0.0.1:2379
--bind-address=0.0.0.0
--advertise-address=$CONTROL_PLANE_IP
--secure-port=6443
--service-cluster-ip-range=$SERVICE_CIDR
--allow-privileged=true
--authorization-mode=Node,RBAC
--enable-admission-plugins=NodeRestriction
--client-ca-file=$PKI_DIR/ca.crt
--tls-cert-file=$PKI_DIR/apiserver.crt
--tls-private-key-file=$PKI_DIR/apiserver.key
--service-account-issuer=https://kubernetes.default.svc
--service-account-key-file=$PKI_DIR/service-account.pub
--service-account-signing-key-file=$PKI_DIR/service-account.key
--kubelet-certificate-authority=$PKI_DIR/ca.crt
--kubelet-client-certificate=$PKI_DIR/apiserver-kubelet.crt
--kubelet-client-key=$PKI_DIR/apiserver-kubelet.key
FLAGS
  # Logs and exec would otherwise resolve the node's name, which no DNS knows.
  echo --kubelet-preferred-address-types=InternalIP
  # No kube-proxy runs beside the API server: it must reach webhooks and aggregated APIs
  # by the addresses of their pods.
  echo --enable-aggregator-routing=true
  front_proxy_flags
  audit_flags
}

front_proxy_flags() {
  cat <<FLAGS
--requestheader-client-ca-file=$PKI_DIR/front-proxy-ca.crt
--requestheader-allowed-names=front-proxy-client
--requestheader-extra-headers-prefix=X-Remote-Extra-
--requestheader-group-headers=X-Remote-Group
--requestheader-username-headers=X-Remote-User
--proxy-client-cert-file=$PKI_DIR/front-proxy.crt
--proxy-client-key-file=$PKI_DIR/front-proxy.key
FLAGS
}

# The audit log tells who wrote what (see manifests/audit-policy.yaml). In batch mode no
# request waits for it. At most two files of 200 MB, some 400,000 writes, are kept.
audit_flags() {
  cat <<FLAGS
--audit-policy-file=$(audit_policy)
--audit-log-path=$AUDIT_LOG
--audit-log-mode=batch
--audit-log-batch-buffer-size=50000
--audit-log-maxsize=200
--audit-log-maxbackup=1
FLAGS
}

audit_policy() { config_file "$CLUSTER_DIR/audit-policy" <"$CLUSTER_SRC/manifests/audit-policy.yaml"; }

# config_file PREFIX: writes stdin to PREFIX-<hash of it> and prints that path. As the
# name changes with the content, so does the command line of the process that reads it,
# and the process is restarted.
config_file() {
  local prefix=$1 content path
  content=$(cat)
  path=$prefix-$(sha256sum <<<"$content" | head -c 12)
  [ -f "$path" ] || { rm -f "$prefix"-*; write_if_changed "$path" <<<"$content"; }
  echo "$path"
}

# The default of 20 requests a second lets the controller manager make about four
# Deployments a second, and the default of one to five workers per controller holds back
# the rest: a test or benchmark would measure these limits and not what it means to.
start_controller_manager() {
  local extra kubeconfig=$KUBECONFIG_DIR/controller-manager
  read -r -a extra <<<"$CONTROLLER_MANAGER_EXTRA_ARGS"
  run_in_machine "$CONTROL_PLANE" controller-manager "$(tool kube-controller-manager)" \
    --kubeconfig="$kubeconfig" --authentication-kubeconfig="$kubeconfig" --authorization-kubeconfig="$kubeconfig" \
    --bind-address=127.0.0.1 --leader-elect=false --use-service-account-credentials \
    --root-ca-file="$PKI_DIR/ca.crt" --service-account-private-key-file="$PKI_DIR/service-account.key" \
    --cluster-signing-cert-file="$PKI_DIR/ca.crt" --cluster-signing-key-file="$PKI_DIR/ca.key" \
    --allocate-node-cidrs=false --cluster-cidr="$POD_CIDR" --service-cluster-ip-range="$SERVICE_CIDR" \
    --enable-hostpath-provisioner=true \
    --kube-api-qps=1000 --kube-api-burst=2000 \
    --concurrent-deployment-syncs=50 --concurrent-replicaset-syncs=50 \
    --concurrent-statefulset-syncs=50 --concurrent-endpoint-syncs=50 \
    --concurrent-service-endpoint-syncs=50 --concurrent-namespace-syncs=20 \
    --concurrent-gc-syncs=50 "${extra[@]}"
}

start_scheduler() {
  local extra kubeconfig=$KUBECONFIG_DIR/scheduler
  read -r -a extra <<<"$SCHEDULER_EXTRA_ARGS"
  run_in_machine "$CONTROL_PLANE" scheduler "$(tool kube-scheduler)" \
    --kubeconfig="$kubeconfig" --authentication-kubeconfig="$kubeconfig" --authorization-kubeconfig="$kubeconfig" \
    --bind-address=127.0.0.1 --leader-elect=false --kube-api-qps=1000 --kube-api-burst=2000 "${extra[@]}"
}

start_dns() {
  run_in_machine "$CONTROL_PLANE" coredns "$(tool coredns)" -conf "$(corefile)"
}

# Every name of the cluster is answered, every other one is said not to exist: there is
# nobody to ask.
corefile() {
  config_file "$CLUSTER_DIR/Corefile" <<COREFILE
cluster.local:53 in-addr.arpa:53 {
    bind $CONTROL_PLANE_IP
    errors
    ready 127.0.0.1:8181
    kubernetes cluster.local in-addr.arpa {
        kubeconfig $KUBECONFIG_DIR/coredns $CLUSTER_NAME
        endpoint_pod_names
    }
    cache 5
    loadbalance
}
.:53 {
    bind $CONTROL_PLANE_IP
    template ANY ANY . {
        rcode NXDOMAIN
    }
}
COREFILE
}

# The controller manager makes volumes as 0750 root, useless to a pod that runs as
# another user.
start_volume_opener() {
  run_in_machine "$CONTROL_PLANE" volume-opener bash "$LIB_DIR/open-volumes.sh" "$HOST_PATH_ROOT"
}
