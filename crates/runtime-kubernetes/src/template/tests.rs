use super::*;
use crate::fixtures::{PLAN, parse, plan};

fn read(values: &Value) -> (Template, Identity, Vec<String>) {
    let yaml = format!("{PLAN}  annotations: {{team: shop}}\n  containers: {{web: {{image: 'web:1'}}}}\n");
    let mut plan = plan(&yaml);
    plan.spec.template.values = serde_json::from_value(values.clone()).unwrap();
    let identity = Identity::of(&plan).unwrap();
    let mut problems = Vec::new();
    let read = Values::read(&plan.spec.template.values, &mut problems);
    let template = Template::read(&read, &identity, &plan, &mut problems);
    (template, identity, problems)
}

fn ports() -> Vec<ValidPort> {
    vec![ValidPort {
        name: "web".into(),
        label: "web".into(),
        port: 80,
        target: 8080,
        protocol: Protocol::Tcp,
    }]
}

fn rendered(values: &str) -> Result<Rendered, Misfit> {
    let (template, identity, problems) = read(&parse(values));
    assert_eq!(problems, [] as [String; 0]);
    template.render(&identity, &ports())
}

fn problems(values: &str) -> Vec<String> {
    read(&parse(values)).2
}

#[test]
fn a_template_knows_the_workload_its_ports_and_its_claims() {
    let rendered = rendered(
        "
objects:
  - apiVersion: v1
    kind: ConfigMap
    metadata: {name: '{{ workload.name }}-{{ workload.annotations.team }}'}
    data:
      who: '{{ workload.namespace }}/{{ workload.uid }}'
      image: '{{ containers.web.image }}'
      port: '{{ service.ports[0].name }}={{ service.ports[0].targetPort }}/{{ service.ports[0].protocol }}'
      host: '{{ claims.db.host }}'
      password: '{{ claims.db.password.secretKeyRef.name }}'
      replicas: 'x{{ values.replicas }}'
claims: {db: {host: db.example, password: {secretKeyRef: {name: db-secret, key: password}}}}
replicas: 2
",
    )
    .unwrap();
    let object = &rendered.extras[0].object;
    assert_eq!(object.metadata.name.as_deref(), Some("hello-shop"));
    assert_eq!(
        object.data["data"],
        parse::<Value>(
            "{who: team-a/workload-uid, image: 'web:1', port: web=8080/TCP, host: db.example, password: db-secret, \
              replicas: x2}"
        )
    );
}

#[test]
fn patches_are_filled_in_too() {
    let rendered = rendered(
        "patches: [{target: {kind: Service}, merge: {metadata: {annotations: {a: '{{ workload.name }}'}}}}]",
    )
    .unwrap();
    let service: k8s_openapi::api::core::v1::Service = parse("{metadata: {name: hello}}");
    let patched = rendered.patches[0].apply(&(), service).unwrap();
    assert_eq!(patched.metadata.annotations.unwrap()["a"], "hello");
}

#[test]
fn a_part_that_does_not_fit_is_named() {
    for (values, part) in [
        ("patches: [{target: {kind: Deployment}, merge: {}}, {target: {kind: Deployment}}]", "patch 2"),
        ("patches: [{target: {kind: Deployment}, merge: {a: '{{ nothing }}'}}]", "patch 1"),
        ("objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}, {kind: ConfigMap}]", "object 2"),
    ] {
        assert_eq!(rendered(values).unwrap_err().part, part, "{values}");
    }
}

#[test]
fn the_gateway_is_preferred_to_the_ingress() {
    let rendered =
        rendered("{ingress: {domain: i.example}, gateway: {parentRefs: [{name: g}], domain: g.example}}")
            .unwrap();
    let urls: Vec<_> = rendered.routes.iter().map(|route| route.url.as_str()).collect();
    assert_eq!(urls, ["http://hello.team-a.g.example", "http://hello.team-a.i.example"]);
}

#[test]
fn what_cannot_be_read_is_listed_at_once() {
    let problems = problems(
        "{service: {type: Magic}, ingress: {}, gateway: {parentRefs: [], host: a.example}, patches: {}, objects: [7, 8]}",
    );
    let said = |key: &str| problems.iter().any(|problem| problem.contains(&format!("`{key}`")));
    assert!(["service", "ingress", "gateway", "patches"].into_iter().all(said), "{problems:?}");
    assert!(problems.iter().all(|problem| problem.contains("ask your platform team")), "{problems:?}");
    assert!(self::problems("{service: {typ: ClusterIP}}")[0].contains("unknown field 'typ'"));
}

#[test]
fn a_service_is_of_the_type_that_is_asked_for() {
    let (template, ..) = read(&parse("{service: {type: LoadBalancer, annotations: {a: b}}}"));
    assert_eq!((template.service.type_.name(), template.service.annotations.len()), ("LoadBalancer", 1));
    assert_eq!(read(&parse("{}")).0.service, ServiceValues::default());
}
