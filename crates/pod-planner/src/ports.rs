//! Host ports: a port of a node serves one pod.

use k8s_openapi::api::core::v1::{Container, PodSpec};

/// A port of a node's own network that a pod takes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct HostPort {
    number: i32,
    protocol: String,
    /// All addresses of the node if none is given.
    ip: Option<String>,
}

impl HostPort {
    /// Whether both cannot be had on one node.
    pub(crate) fn clashes(&self, other: &Self) -> bool {
        self.number == other.number
            && self.protocol == other.protocol
            && (self.ip.is_none() || other.ip.is_none() || self.ip == other.ip)
    }
}

/// The host ports of a pod's containers and sidecars. Init containers that end hold none.
pub(crate) fn of(spec: &PodSpec) -> Vec<HostPort> {
    let sidecars = spec.init_containers.iter().flatten().filter(|container| is_sidecar(container));
    let ports = spec.containers.iter().chain(sidecars).flat_map(|container| container.ports.iter().flatten());
    let mut ports: Vec<_> = ports
        .filter_map(|port| {
            let number = port.host_port.filter(|number| *number > 0)?;
            let protocol = port.protocol.clone().unwrap_or_else(|| "TCP".to_owned());
            let ip = port.host_ip.clone().filter(|ip| !ip.is_empty() && ip != "0.0.0.0");
            Some(HostPort { number, protocol, ip })
        })
        .collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

/// An init container that runs on beside the others.
pub(crate) fn is_sidecar(container: &Container) -> bool {
    container.restart_policy.as_deref() == Some("Always")
}
