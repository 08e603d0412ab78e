//! The Service.

use api_types::Protocol;
use k8s_openapi::{
    api::core::v1::{Service, ServicePort, ServiceSpec},
    apimachinery::pkg::{apis::meta::v1::ObjectMeta, util::intstr::IntOrString},
};

use super::{governing_name, metadata, selector};
use crate::{
    validate::{ValidPlan, ValidPort},
    values::Kind,
};

/// Absent where the plan has no port.
pub(super) fn build(plan: &ValidPlan) -> Option<Service> {
    let asked = &plan.template.service;
    let annotations = Some(asked.annotations.clone()).filter(|annotations| !annotations.is_empty());
    (!plan.ports.is_empty()).then(|| Service {
        metadata: ObjectMeta { annotations, ..metadata(&plan.identity) },
        spec: Some(ServiceSpec {
            type_: Some(asked.type_.name().into()),
            selector: Some(selector(&plan.identity)),
            ports: Some(plan.ports.iter().map(port).collect()),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    })
}

/// Only for instances that have names: it gives each of them an address, also before it is ready, since they may have
/// to find each other to become so.
pub(super) fn governing(plan: &ValidPlan) -> Option<Service> {
    let mut metadata = metadata(&plan.identity);
    metadata.name = Some(governing_name(&plan.identity));
    (plan.work.kind() == Kind::StatefulSet).then(|| Service {
        metadata,
        spec: Some(ServiceSpec {
            type_: Some("ClusterIP".into()),
            cluster_ip: Some("None".into()),
            publish_not_ready_addresses: Some(true),
            selector: Some(selector(&plan.identity)),
            ports: (!plan.ports.is_empty()).then(|| plan.ports.iter().map(port).collect()),
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
