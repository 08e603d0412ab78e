use super::*;
use crate::fixtures::{PLAN, parse, plan};

fn identity() -> Identity {
    Identity::of(&plan(&format!("{PLAN}  containers: {{}}\n"))).unwrap()
}

fn port(port: i32, protocol: Protocol) -> ValidPort {
    ValidPort { name: format!("port-{port}"), label: port.to_string(), port, target: port, protocol }
}

fn ports() -> Vec<ValidPort> {
    vec![port(53, Protocol::Udp), port(8080, Protocol::Tcp), port(9090, Protocol::Tcp)]
}

fn ingress(values: &str) -> Route {
    parse::<IngressValues>(values).route(&identity(), &ports()).unwrap().unwrap()
}

fn gateway(values: &str) -> Route {
    parse::<GatewayValues>(values).route(&identity(), &ports()).unwrap().unwrap()
}

#[test]
fn a_domain_gives_every_workload_a_name_that_leads_to_its_first_tcp_port() {
    let route = ingress("{domain: apps.example.com}");
    assert_eq!((route.url.as_str(), route.label.as_str()), ("http://hello.team-a.apps.example.com", "8080"));
    assert_eq!(
        route.extra.object.data["spec"],
        parse::<Value>(
            "{rules: [{host: hello.team-a.apps.example.com, http: {paths: [{path: /, pathType: Prefix, \
              backend: {service: {name: hello, port: {number: 8080}}}}]}}]}"
        )
    );
}

#[test]
fn a_certificate_gives_https() {
    let route = ingress(
        "{host: x.example.com, domain: apps.example.com, className: nginx, annotations: {a: b}, tlsSecretName: wildcard}",
    );
    assert_eq!(route.url, "https://x.example.com");
    let spec = &route.extra.object.data["spec"];
    assert_eq!(spec["tls"], parse::<Value>("[{hosts: [x.example.com], secretName: wildcard}]"));
    assert_eq!(spec["ingressClassName"], "nginx");
    assert_eq!(route.extra.object.metadata.annotations.as_ref().unwrap()["a"], "b");
    let controllers_own = ingress("{host: x.example.com, tlsSecretName: ''}");
    assert_eq!(controllers_own.url, "https://x.example.com");
    assert_eq!(
        controllers_own.extra.object.data["spec"]["tls"],
        parse::<Value>("[{hosts: [x.example.com]}]")
    );
}

#[test]
fn a_gateway_is_reached_by_a_route() {
    let route = gateway(
        "{parentRefs: [{name: shared, namespace: infra, sectionName: web}], domain: example.com, https: true}",
    );
    assert_eq!(route.url, "https://hello.team-a.example.com");
    assert_eq!(route.extra.place.to_string(), "gateway.networking.k8s.io/v1/HTTPRoute/hello");
    assert_eq!(
        route.extra.object.data["spec"],
        parse::<Value>(
            "{parentRefs: [{name: shared, namespace: infra, sectionName: web}], \
              hostnames: [hello.team-a.example.com], rules: [{backendRefs: [{name: hello, port: 8080}]}]}"
        )
    );
}

#[test]
fn without_a_tcp_port_there_is_no_way_in() {
    let udp = [port(53, Protocol::Udp)];
    assert_eq!(parse::<IngressValues>("{domain: a.example}").route(&identity(), &udp), Ok(None));
    assert_eq!(
        parse::<GatewayValues>("{parentRefs: [{name: a}], domain: a.example}").route(&identity(), &[]),
        Ok(None)
    );
}

#[test]
fn values_that_make_no_name_are_refused() {
    for (values, why) in [
        ("{}", "host or a domain"),
        ("{host: ''}", "host that cannot be used as a DNS name"),
        ("{host: X.example.com}", "host that cannot be used as a DNS name"),
        ("{host: 10.0.0.1}", "host that cannot be used as a DNS name"),
        ("{host: localhost}", "host that cannot be used as a DNS name"),
        ("{domain: app.localhost}", "domain that cannot be used as a DNS name"),
        ("{domain: -a.example}", "domain that cannot be used as a DNS name"),
        ("{host: '*.example.com'}", "host that cannot be used as a DNS name"),
    ] {
        let problem = parse::<IngressValues>(values).problem();
        assert!(problem.is_some_and(|problem| problem.contains(why)), "{values}: {problem:?}");
    }
    assert_eq!(parse::<IngressValues>("{domain: apps.example.com}").problem(), None);
    let nowhere = parse::<GatewayValues>("{parentRefs: [], domain: a.example}").problem();
    assert!(nowhere.is_some_and(|problem| problem.contains("parentRefs")));
}

#[test]
fn an_ingress_is_open_when_it_has_an_address() {
    for (status, expected) in [
        ("{}", false),
        ("{status: {loadBalancer: {}}}", false),
        ("{status: {loadBalancer: {ingress: []}}}", false),
        ("{status: {loadBalancer: {ingress: [{}]}}}", false),
        ("{status: {loadBalancer: {ingress: [{ip: '', hostname: ''}]}}}", false),
        ("{status: {loadBalancer: {ingress: [{ip: 192.0.2.1}]}}}", true),
        (
            "{status: {loadBalancer: {ingress: [{ip: '2001:db8::1', ports: [{port: 443, protocol: TCP}]}]}}}",
            true,
        ),
        ("{status: {loadBalancer: {ingress: [{hostname: lb.example.com}]}}}", true),
        ("{status: {loadBalancer: {ingress: [{}, {hostname: lb.example.com}]}}}", true),
    ] {
        assert_eq!(open(&parse(status)), expected, "{status}");
    }
}

#[test]
fn a_route_is_open_when_a_gateway_has_accepted_it_as_it_is() {
    let live = |conditions: &str| -> Value {
        parse(&format!(
            "{{metadata: {{generation: 2}}, status: {{parents: [{{conditions: {conditions}}}]}}}}"
        ))
    };
    let accepted = "{type: Accepted, status: 'True', observedGeneration: 2}";
    assert!(open(&live(&format!("[{accepted}]"))));
    assert!(open(&live(&format!(
        "[{accepted}, {{type: ResolvedRefs, status: 'True', observedGeneration: 2}}]"
    ))));
    for conditions in [
        "[]".to_owned(),
        "[{type: Accepted, status: 'True', observedGeneration: 1}]".to_owned(),
        "[{type: Accepted, status: 'False', observedGeneration: 2}]".to_owned(),
        "[{type: Accepted, status: 'Unknown', observedGeneration: 2}]".to_owned(),
        "[{type: Accepted, status: 'True'}]".to_owned(),
        "[{type: ResolvedRefs, status: 'True', observedGeneration: 2}]".to_owned(),
        format!("[{accepted}, {{type: ResolvedRefs, status: 'False', observedGeneration: 2}}]"),
        format!("[{accepted}, {{type: Programmed, status: 'False', observedGeneration: 2}}]"),
    ] {
        assert!(!open(&live(&conditions)), "{conditions}");
    }
    for conditions in [
        format!("[{accepted}, {{type: Programmed, status: 'True', observedGeneration: 2}}]"),
        format!("[{accepted}, {{type: Programmed, status: 'False', observedGeneration: 1}}]"),
    ] {
        assert!(open(&live(&conditions)), "{conditions}");
    }
}

#[test]
fn one_gateway_of_several_is_enough() {
    let parents = |parents: &str| -> Value {
        parse(&format!("{{metadata: {{generation: 1}}, status: {{parents: {parents}}}}}"))
    };
    let condition = |status: &str| {
        format!("{{conditions: [{{type: Accepted, status: '{status}', observedGeneration: 1}}]}}")
    };
    assert!(open(&parents(&format!("[{}, {}]", condition("False"), condition("True")))));
    assert!(!open(&parents(&format!("[{}, {}]", condition("False"), condition("False")))));
    for none in ["[]", "[{}]"] {
        assert!(!open(&parents(none)), "{none}");
    }
    assert!(!open(&parse("{metadata: {generation: 1}}")), "no status yet");
}
