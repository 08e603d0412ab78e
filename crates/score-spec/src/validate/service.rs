//! Ports (Score, `service.ports`).

use std::collections::BTreeMap;

use api_types::{Service, ServicePort};

use super::{Errors, ValidPort};
use crate::path::FieldPath;

const PORTS: usize = 64;

pub(super) fn valid_ports(
    service: Option<&Service>,
    path: &FieldPath,
    errors: &mut Errors,
) -> Vec<ValidPort> {
    let ports = service.map_or(&[][..], |service| &service.ports);
    let path = path.field("ports");
    errors.at_most(PORTS, ports.len(), &path, "ports");
    let valid = ports
        .iter()
        .enumerate()
        .filter_map(|(index, port)| valid(port, &path.index(index), errors))
        .collect();
    check_unique(ports.iter().map(|port| port.name.as_ref()), "name", &path, errors);
    let number = |port: &ServicePort| Some((port.port, port.protocol.unwrap_or_default()));
    check_unique(ports.iter().map(number), "port", &path, errors);
    valid
}

fn valid(port: &ServicePort, path: &FieldPath, errors: &mut Errors) -> Option<ValidPort> {
    let name = port.name.as_ref().map(|name| errors.keep(name.parse(), &path.field("name")));
    let number = valid_port(port.port, &path.field("port"), errors);
    let target =
        port.target_port.map_or(number, |target| valid_port(target, &path.field("targetPort"), errors));
    let protocol = port.protocol.unwrap_or_default();
    Some(ValidPort { name: name.flatten(), port: number?, target_port: target?, protocol })
}

/// Checks a port number.
pub(super) fn valid_port(port: i32, path: &FieldPath, errors: &mut Errors) -> Option<u16> {
    let number = u16::try_from(port).ok().filter(|&port| port > 0);
    errors.keep(number.ok_or_else(|| format!("is {port}, must be 1 to 65535: correct it")), path)
}

/// Checks that no two ports have the same value in a field; those without one are left out.
fn check_unique<T: Ord>(
    values: impl Iterator<Item = Option<T>>,
    field: &str,
    path: &FieldPath,
    errors: &mut Errors,
) {
    let mut seen = BTreeMap::new();
    for (index, value) in values.enumerate() {
        let Some(value) = value else { continue };
        match seen.get(&value) {
            Some(&first) => {
                let message =
                    format!("is the same as that of {}: choose another, or remove one", path.index(first));
                errors.add(&path.index(index).field(field), message);
            }
            None => drop(seen.insert(value, index)),
        }
    }
}
