//! The Service.

use api_types::Protocol;
use k8s_openapi::{
    api::core::v1::{Service, ServicePort, ServiceSpec},
    apimachinery::pkg::util::intstr::IntOrString,
};

use super::{metadata, selector};
use crate::validate::{ValidPlan, ValidPort};

/// Absent where the plan has no port.
pub(super) fn build(plan: &ValidPlan) -> Option<Service> {
    (!plan.ports.is_empty()).then(|| Service {
        metadata: metadata(&plan.identity),
        spec: Some(ServiceSpec {
            type_: Some("ClusterIP".into()),
            selector: Some(selector(&plan.identity)),
            ports: Some(plan.ports.iter().map(port).collect()),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    })
}

fn port(port: &ValidPort) -> ServicePort {
    let protocol = match port.protocol {
        Protocol::Tcp => "TCP",
        Protocol::Udp => "UDP",
    };
    ServicePort {
        name: Some(port.name.clone()),
        port: port.port,
        protocol: Some(protocol.into()),
        target_port: Some(IntOrString::Int(port.target)),
        ..ServicePort::default()
    }
}
