//! Where a Workload is reached, in the order in which users prefer it. Pure.

use api_types::{Exposure, ExposureScope, Protocol};
use k8s_openapi::api::core::v1::{LoadBalancerIngress, Service};

use crate::{
    template::Route,
    validate::{Identity, ValidPort},
};

/// Everything that says where a Workload is reached.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    /// Whose addresses.
    pub identity: &'a Identity,
    /// The ports, in the user's order.
    pub ports: &'a [ValidPort],
    /// By the names of resources, the URLs that they give the Workload.
    pub claims: &'a [(String, String)],
    /// The ways in from outside, and whether each is open.
    pub routes: &'a [(Route, bool)],
    /// The Service, as it is.
    pub service: Option<&'a Service>,
    /// The domain of the cluster's DNS.
    pub cluster_domain: &'a str,
    /// Whether the plan runs.
    pub running: bool,
}

/// The addresses, the preferred one first: what a resource of the Workload's own gives it, what the platform's profile
/// gives it, an address of its own, and at last its name inside the cluster. A port that is not TCP has no URL.
pub fn exposures(sources: Sources<'_>) -> Vec<Exposure> {
    let claims = sources.claims.iter().filter(|(_, url)| !is_local(host_of(url)));
    let claims = claims.map(|(key, url)| public(key, url.clone(), sources.running));
    let routes = sources.routes.iter();
    let routes =
        routes.map(|(route, open)| public(&route.label, route.url.clone(), sources.running && *open));
    claims.chain(routes).chain(balanced(sources)).chain(internal(sources)).collect()
}

fn public(name: &str, url: String, ready: bool) -> Exposure {
    Exposure { name: name.to_owned(), url, scope: ExposureScope::Public, ready }
}

/// At the address of a load balancer, once it has one. Of several the first counts: they all lead to the same.
fn balanced(sources: Sources<'_>) -> impl Iterator<Item = Exposure> {
    let status = sources.service.and_then(|service| service.status.as_ref()?.load_balancer.as_ref());
    let balancers = status.into_iter().flat_map(|status| status.ingress.iter().flatten());
    let first = balancers.filter_map(|balancer| Some((balancer, address(balancer)?))).next();
    first.into_iter().flat_map(move |(balancer, host)| {
        tcp(sources.ports).map(move |port| {
            public(&port.label, url(&host, port), sources.running && !is_in_error(balancer, port))
        })
    })
}

/// Whether the balancer says that it cannot serve this port.
fn is_in_error(balancer: &LoadBalancerIngress, port: &ValidPort) -> bool {
    let ports = balancer.ports.iter().flatten();
    let mut mine = ports.filter(|it| it.port == port.port && it.protocol == "TCP");
    mine.any(|it| it.error.as_ref().is_some_and(|error| !error.is_empty()))
}

/// The name, or the address as it stands in a URL. That of this machine is nobody else's.
fn address(balancer: &LoadBalancerIngress) -> Option<String> {
    let name = balancer.hostname.clone().filter(|name| !name.is_empty());
    let address = || {
        let address = balancer.ip.clone().filter(|address| !address.is_empty())?;
        Some(if address.contains(':') { format!("[{address}]") } else { address })
    };
    name.or_else(address).filter(|host| !is_local(host))
}

fn internal(sources: Sources<'_>) -> impl Iterator<Item = Exposure> {
    let Identity { name, namespace, .. } = sources.identity;
    let host = format!("{name}.{namespace}.svc.{}", sources.cluster_domain);
    tcp(sources.ports).map(move |port| Exposure {
        name: port.label.clone(),
        url: url(&host, port),
        scope: ExposureScope::Cluster,
        ready: sources.running,
    })
}

fn tcp(ports: &[ValidPort]) -> impl Iterator<Item = &ValidPort> {
    ports.iter().filter(|port| port.protocol == Protocol::Tcp)
}

fn url(host: &str, port: &ValidPort) -> String {
    let https = port.port == 443 || port.label == "https" || port.label.starts_with("https-");
    match (https, port.port) {
        (true, 443) => format!("https://{host}"),
        (true, port) => format!("https://{host}:{port}"),
        (false, 80) => format!("http://{host}"),
        (false, port) => format!("http://{host}:{port}"),
    }
}

/// What stands between `://` and the path, without port.
fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    match host.find(']') {
        Some(end) => &host[..=end],
        None => host.split(':').next().unwrap_or_default(),
    }
}

/// Whether `host` is the machine of whoever asks.
fn is_local(host: &str) -> bool {
    host == "localhost" || host.ends_with(".localhost") || host.starts_with("127.") || host == "[::1]"
}

#[cfg(test)]
mod tests;
