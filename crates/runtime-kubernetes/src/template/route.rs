//! How a Workload is reached from outside: through an Ingress, or through a Gateway by an HTTPRoute. Pure.

use std::collections::BTreeMap;

use api_types::Protocol;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{objects::Extra, patch::Misfit};
use crate::validate::{Identity, ValidPort};

/// `template.values.ingress`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct IngressValues {
    /// The domain under which every Workload gets a name of its own.
    domain: Option<String>,
    /// The name, instead.
    host: Option<String>,
    /// The class; the cluster's default if absent.
    class_name: Option<String>,
    /// What the class's controller is told.
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    /// Where the certificate is; empty for the controller's own. Absent: no TLS.
    tls_secret_name: Option<String>,
}

/// `template.values.gateway`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct GatewayValues {
    /// The Gateways.
    parent_refs: Vec<ParentRef>,
    /// The domain under which every Workload gets a name of its own.
    domain: Option<String>,
    /// The name, instead.
    host: Option<String>,
    /// What the Gateway's controller is told.
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    /// Whether the Gateway's listener has a certificate.
    #[serde(default)]
    https: bool,
}

/// A Gateway, or one of its listeners.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ParentRef {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    section_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<i32>,
}

/// A way in from outside.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// What users call the port that it leads to.
    pub label: String,
    /// Where it is reached.
    pub url: String,
    /// What makes it.
    pub extra: Extra,
}

impl IngressValues {
    /// Why these values make no name, if they do not.
    pub fn problem(&self) -> Option<&'static str> {
        name_problem(self.host.as_deref(), self.domain.as_deref())
    }

    /// The way to the first TCP port; there is none to a Workload without.
    ///
    /// # Errors
    /// If what the platform configured makes no object.
    pub fn route(&self, identity: &Identity, ports: &[ValidPort]) -> Result<Option<Route>, Misfit> {
        let Some(port) = first_tcp(ports) else { return Ok(None) };
        let host = host(self.host.as_deref(), self.domain.as_deref(), identity);
        let backend = json!({"service": {"name": identity.name, "port": {"number": port.port}}});
        let mut spec = json!({"rules": [{
            "host": host,
            "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]},
        }]});
        if let Some(class) = &self.class_name {
            spec["ingressClassName"] = class.as_str().into();
        }
        if let Some(certificate) = &self.tls_secret_name {
            spec["tls"] = json!([{"hosts": [host]}]);
            if !certificate.is_empty() {
                spec["tls"][0]["secretName"] = certificate.as_str().into();
            }
        }
        let manifest = json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
            "metadata": metadata(identity, &self.annotations), "spec": spec,
        });
        route("ingress", identity, port, url(&host, self.tls_secret_name.is_some()), manifest).map(Some)
    }
}

impl GatewayValues {
    /// Why these values make no way in, if they do not.
    pub fn problem(&self) -> Option<&'static str> {
        if self.parent_refs.is_empty() {
            return Some("needs at least one of parentRefs");
        }
        name_problem(self.host.as_deref(), self.domain.as_deref())
    }

    /// The way to the first TCP port; there is none to a Workload without.
    ///
    /// # Errors
    /// If what the platform configured makes no object.
    pub fn route(&self, identity: &Identity, ports: &[ValidPort]) -> Result<Option<Route>, Misfit> {
        let Some(port) = first_tcp(ports) else { return Ok(None) };
        let host = host(self.host.as_deref(), self.domain.as_deref(), identity);
        let manifest = json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
            "metadata": metadata(identity, &self.annotations),
            "spec": {
                "parentRefs": self.parent_refs,
                "hostnames": [host],
                "rules": [{"backendRefs": [{"name": identity.name, "port": port.port}]}],
            },
        });
        route("gateway", identity, port, url(&host, self.https), manifest).map(Some)
    }
}

fn route(
    part: &str,
    identity: &Identity,
    port: &ValidPort,
    url: String,
    manifest: Value,
) -> Result<Route, Misfit> {
    let extra = Extra::read(part.to_owned(), identity, manifest)?;
    Ok(Route { label: port.label.clone(), url, extra })
}

fn metadata(identity: &Identity, annotations: &BTreeMap<String, String>) -> Value {
    let mut metadata = json!({"name": identity.name});
    if !annotations.is_empty() {
        metadata["annotations"] = json!(annotations);
    }
    metadata
}

fn first_tcp(ports: &[ValidPort]) -> Option<&ValidPort> {
    ports.iter().find(|port| port.protocol == Protocol::Tcp)
}

fn url(host: &str, tls: bool) -> String {
    format!("{}://{host}", if tls { "https" } else { "http" })
}

fn host(host: Option<&str>, domain: Option<&str>, identity: &Identity) -> String {
    match (host, domain) {
        (Some(host), _) => host.to_owned(),
        (None, domain) => format!("{}.{}.{}", identity.name, identity.namespace, domain.unwrap_or_default()),
    }
}

fn name_problem(host: Option<&str>, domain: Option<&str>) -> Option<&'static str> {
    let valid = |name: &str| {
        let label = |label: &str| {
            let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            !label.is_empty()
                && label.len() <= 63
                && label.chars().all(inner)
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        // A name that ends in a number is an address, and one on this machine is nobody else's.
        let top = name.rsplit('.').next().unwrap_or_default();
        name.split('.').all(label) && top != "localhost" && !top.chars().all(|c| c.is_ascii_digit())
    };
    match (host, domain) {
        (None, None) => Some("needs a host or a domain"),
        (Some(host), _) if !valid(host) => Some("has a host that cannot be used as a DNS name"),
        (_, Some(domain)) if !valid(domain) => Some("has a domain that cannot be used as a DNS name"),
        _ => None,
    }
}

/// Whether a way in is open, as far as `live`, the object that makes it, says.
///
/// An Ingress is open when its controller has published an address. An HTTPRoute is open when a Gateway has accepted
/// it, as it is now, has found where it leads, and does not say that it is not in force there. Where no controller says
/// anything it never counts as open.
pub fn open(live: &Value) -> bool {
    let balancers = live.pointer("/status/loadBalancer/ingress").and_then(Value::as_array);
    if balancers.into_iter().flatten().any(has_address) {
        return true;
    }
    let generation = live.pointer("/metadata/generation").and_then(Value::as_i64);
    let parents = live.pointer("/status/parents").and_then(Value::as_array).into_iter().flatten();
    let says = |parent: &Value, type_: &str, status: &str| {
        let conditions = parent["conditions"].as_array().into_iter().flatten();
        conditions
            .filter(|it| it["type"] == type_ && it["observedGeneration"].as_i64() >= generation)
            .any(|it| it["status"] == status)
    };
    let refuses =
        |parent: &Value| ["ResolvedRefs", "Programmed"].iter().any(|type_| says(parent, type_, "False"));
    parents.into_iter().any(|parent| says(parent, "Accepted", "True") && !refuses(parent))
}

fn has_address(balancer: &Value) -> bool {
    ["hostname", "ip"].iter().any(|key| balancer[key].as_str().is_some_and(|address| !address.is_empty()))
}

#[cfg(test)]
#[path = "route_tests.rs"]
mod tests;
