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
    assert_eq!(public, ["https://shop.example.com/cart", "http://[2001:db8::1]", "https://[2001:db8::1]"]);
    assert_eq!(urls.len(), 5);
}

#[test]
fn the_machine_of_whoever_asks_is_no_address() {
    for address in ["{hostname: localhost}", "{ip: 127.0.0.1}", "{ip: '::1'}", "{hostname: a.localhost}"] {
        let service = format!("{{status: {{loadBalancer: {{ingress: [{address}]}}}}}}");
        assert_eq!(urls(&[], &service, true).len(), 2, "{address}");
    }
    for url in ["http://localhost:8080/x", "http://u@127.0.0.1", "http://[::1]:80", "https://x.localhost"] {
        assert_eq!(urls(&[("route", url)], NO_ADDRESS, true).len(), 2, "{url}");
    }
}

#[test]
fn the_first_balancer_with_an_address_counts() {
    let service =
        "{status: {loadBalancer: {ingress: [{ip: ''}, {hostname: lb.example.com, ip: 192.0.2.1}]}}}";
    assert_eq!(urls(&[], service, true)[0].0, "http://lb.example.com");
}

/// The public URLs of the ports 80 and 443 with this status of the load balancer, and whether each answers.
fn balanced_urls(status: &str) -> Vec<(String, bool)> {
    let service = format!("{{status: {{loadBalancer: {status}}}}}");
    let public =
        urls(&[], &service, true).into_iter().filter(|(_, scope, _)| *scope == ExposureScope::Public);
    public.map(|(url, _, ready)| (url, ready)).collect()
}

fn answering(urls: &[&str]) -> Vec<(String, bool)> {
    urls.iter().map(|url| ((*url).to_owned(), true)).collect()
}

#[test]
fn a_balancer_without_an_address_gives_no_url() {
    for status in ["{}", "{ingress: []}", "{ingress: [{}]}", "{ingress: [{ip: '', hostname: ''}]}"] {
        assert_eq!(balanced_urls(status), answering(&[]), "{status}");
    }
    assert_eq!(urls(&[], "{spec: {type: LoadBalancer}}", true).len(), 2, "no status at all");
}

#[test]
fn a_balancer_is_reached_by_its_name_or_else_by_its_address() {
    for (status, expected) in [
        ("{ingress: [{ip: 192.0.2.1}]}", ["http://192.0.2.1", "https://192.0.2.1"]),
        ("{ingress: [{ip: '2001:db8::1', ipMode: VIP}]}", ["http://[2001:db8::1]", "https://[2001:db8::1]"]),
        ("{ingress: [{hostname: lb.example.com}]}", ["http://lb.example.com", "https://lb.example.com"]),
        (
            "{ingress: [{hostname: lb.example.com, ip: 192.0.2.1}]}",
            ["http://lb.example.com", "https://lb.example.com"],
        ),
        (
            "{ingress: [{}, {ip: 127.0.0.1}, {ip: 192.0.2.2}, {ip: 192.0.2.3}]}",
            ["http://192.0.2.2", "https://192.0.2.2"],
        ),
    ] {
        assert_eq!(balanced_urls(status), answering(&expected), "{status}");
    }
}

#[test]
fn a_port_that_the_balancer_cannot_serve_does_not_answer() {
    let ports = "[{port: 80, protocol: TCP, error: example.com/PortTaken}, {port: 443, protocol: TCP}]";
    let urls = balanced_urls(&format!("{{ingress: [{{ip: 192.0.2.1, ports: {ports}}}]}}"));
    assert_eq!(urls, [("http://192.0.2.1".to_owned(), false), ("https://192.0.2.1".to_owned(), true)]);
    let others =
        "[{port: 80, protocol: UDP, error: example.com/PortTaken}, {port: 443, protocol: TCP, error: ''}]";
    let urls = balanced_urls(&format!("{{ingress: [{{ip: 192.0.2.1, ports: {others}}}]}}"));
    assert_eq!(urls, answering(&["http://192.0.2.1", "https://192.0.2.1"]));
}

#[test]
fn nothing_answers_while_the_plan_does_not_run() {
    let service = "{status: {loadBalancer: {ingress: [{ip: 192.0.2.1}]}}}";
    let urls = urls(&[("route", "https://shop.example.com")], service, false);
    assert_eq!(urls.len(), 5);
    assert!(urls.iter().all(|(_, _, ready)| !ready));
}
