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

/// At the address of a load balancer, once it has one.
fn balanced(sources: Sources<'_>) -> impl Iterator<Item = Exposure> {
    let status = sources.service.and_then(|service| service.status.as_ref()?.load_balancer.as_ref());
    let address = status.and_then(|status| status.ingress.iter().flatten().find_map(address));
    address.into_iter().flat_map(move |host| {
        tcp(sources.ports).map(move |port| public(&port.label, url(&host, port), sources.running))
    })
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
mod tests {
    use super::*;
    use crate::fixtures::{PLAN, parse, plan};

    fn port(port: i32, label: &str, protocol: Protocol) -> ValidPort {
        ValidPort { name: label.into(), label: label.into(), port, target: port, protocol }
    }

    fn urls(claims: &[(&str, &str)], service: &str, running: bool) -> Vec<(String, ExposureScope, bool)> {
        let identity = Identity::of(&plan(&format!("{PLAN}  containers: {{}}\n"))).unwrap();
        let claims: Vec<_> = claims.iter().map(|(key, url)| ((*key).to_owned(), (*url).to_owned())).collect();
        let ports =
            [port(53, "dns", Protocol::Udp), port(80, "80", Protocol::Tcp), port(443, "web", Protocol::Tcp)];
        let sources = Sources {
            identity: &identity,
            ports: &ports,
            claims: &claims,
            routes: &[],
            service: Some(&parse(service)),
            cluster_domain: "cluster.local",
            running,
        };
        exposures(sources).into_iter().map(|it| (it.url, it.scope, it.ready)).collect()
    }

    #[test]
    fn a_url_has_the_scheme_and_the_port_of_what_answers() {
        for (label, number, expected) in [
            ("web", 80, "http://host"),
            ("8080", 8080, "http://host:8080"),
            ("secure", 443, "https://host"),
            ("https", 8443, "https://host:8443"),
            ("httpsish", 81, "http://host:81"),
        ] {
            assert_eq!(url("host", &port(number, label, Protocol::Tcp)), expected);
        }
    }

    const NO_ADDRESS: &str = "{spec: {type: LoadBalancer}, status: {loadBalancer: {}}}";

    #[test]
    fn inside_the_cluster_every_tcp_port_has_a_name() {
        let internal = |ready| {
            vec![
                ("http://hello.team-a.svc.cluster.local".to_owned(), ExposureScope::Cluster, ready),
                ("https://hello.team-a.svc.cluster.local".to_owned(), ExposureScope::Cluster, ready),
            ]
        };
        assert_eq!(urls(&[], NO_ADDRESS, true), internal(true));
        assert_eq!(urls(&[], NO_ADDRESS, false), internal(false));
    }

    #[test]
    fn a_resource_comes_first_and_an_address_of_its_own_before_the_internal_name() {
        let service = "{status: {loadBalancer: {ingress: [{ip: '2001:db8::1'}]}}}";
        let urls = urls(&[("route", "https://shop.example.com/cart")], service, true);
        let public: Vec<_> = urls
            .iter()
            .filter(|(_, scope, _)| *scope == ExposureScope::Public)
            .map(|(url, ..)| url.as_str())
            .collect();
        assert_eq!(
            public,
            ["https://shop.example.com/cart", "http://[2001:db8::1]", "https://[2001:db8::1]"]
        );
        assert_eq!(urls.len(), 5);
    }

    #[test]
    fn the_machine_of_whoever_asks_is_no_address() {
        for address in ["{hostname: localhost}", "{ip: 127.0.0.1}", "{ip: '::1'}", "{hostname: a.localhost}"]
        {
            let service = format!("{{status: {{loadBalancer: {{ingress: [{address}]}}}}}}");
            assert_eq!(urls(&[], &service, true).len(), 2, "{address}");
        }
        for url in ["http://localhost:8080/x", "http://u@127.0.0.1", "http://[::1]:80", "https://x.localhost"]
        {
            assert_eq!(urls(&[("route", url)], NO_ADDRESS, true).len(), 2, "{url}");
        }
    }

    #[test]
    fn the_first_balancer_with_an_address_counts() {
        let service =
            "{status: {loadBalancer: {ingress: [{ip: ''}, {hostname: lb.example.com, ip: 192.0.2.1}]}}}";
        assert_eq!(urls(&[], service, true)[0].0, "http://lb.example.com");
    }
}
