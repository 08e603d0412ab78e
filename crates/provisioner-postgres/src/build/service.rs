//! The Service that gives the database its host name.

use k8s_openapi::{
    api::core::v1::{Service, ServicePort, ServiceSpec},
    apimachinery::pkg::util::intstr::IntOrString,
};

use super::pod_labels;
use crate::{credentials::PORT, validate::Database};

/// The name of the port, in the Service and in the container.
pub(super) const PORT_NAME: &str = "postgres";

/// Not headless: clients keep one address while the database moves, and are refused at once while it is away.
pub(super) fn build(database: &Database) -> Service {
    Service {
        metadata: database.marks.metadata(&database.names.namespace, &database.names.base),
        spec: Some(ServiceSpec {
            type_: Some("ClusterIP".to_owned()),
            selector: Some(pod_labels(&database.names)),
            ports: Some(vec![ServicePort {
                name: Some(PORT_NAME.to_owned()),
                port: i32::from(PORT),
                protocol: Some("TCP".to_owned()),
                target_port: Some(IntOrString::String(PORT_NAME.to_owned())),
                ..ServicePort::default()
            }]),
            ..ServiceSpec::default()
        }),
        status: None,
    }
}
