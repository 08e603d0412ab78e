//! The ports, with everything that may be left out filled in.

use api_types::{Protocol, ServicePort};

/// A port with everything that may be left out filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidPort {
    /// Unique among the ports: the user's name, or one made from number and protocol.
    pub name: String,
    /// What users call it: their name, or the number.
    pub label: String,
    /// The port that others use.
    pub port: i32,
    /// The port that the container listens on.
    pub target: i32,
    /// The transport protocol.
    pub protocol: Protocol,
}

/// The ports in the user's order.
pub(super) fn valid(given: &[ServicePort]) -> Vec<ValidPort> {
    let mut taken: Vec<String> = given.iter().filter_map(|port| port.name.clone()).collect();
    given.iter().map(|port| valid_port(port, &mut taken)).collect()
}

fn valid_port(given: &ServicePort, taken: &mut Vec<String>) -> ValidPort {
    let protocol = given.protocol.unwrap_or_default();
    ValidPort {
        name: given.name.clone().unwrap_or_else(|| free_name(given.port, protocol, taken)),
        label: given.name.clone().unwrap_or_else(|| given.port.to_string()),
        port: given.port,
        target: given.target_port.unwrap_or(given.port),
        protocol,
    }
}

/// A name for a port without one: Kubernetes wants names as soon as there are two ports.
fn free_name(port: i32, protocol: Protocol, taken: &mut Vec<String>) -> String {
    let mut name = match protocol {
        Protocol::Tcp => format!("port-{port}"),
        Protocol::Udp => format!("port-{port}-udp"),
    };
    while taken.contains(&name) {
        name.push('x');
    }
    taken.push(name.clone());
    name
}
