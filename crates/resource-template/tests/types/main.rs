//! The resource types in `docs/examples/resource-types`: what each makes of a claim, and what it gives.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests too")]

use std::{collections::BTreeMap, fs, path::PathBuf};

use api_types::ResourceClaim;
use platform::config::Config;
use resource_template::{Declaration, Live, Manifest, Method, Part, Readiness, Scope, Step, visible};
use serde::Deserialize;
use serde_json::{Value, json};

/// One claim, and what becomes of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// The file with the type.
    file: String,
    class: String,
    #[serde(default)]
    params: Value,
    /// The ports of the Workload.
    #[serde(default)]
    ports: Value,
    /// What the cluster says of the objects, by id.
    #[serde(default)]
    status: BTreeMap<String, Value>,
    #[serde(default)]
    reads: BTreeMap<String, Value>,
    /// The objects that are made.
    #[serde(default)]
    objects: Vec<Value>,
    /// What is said before there is the status.
    #[serde(default)]
    waits: Option<String>,
    outputs: Value,
}

fn examples() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/examples/resource-types")
}

/// The parameters that the platform's configuration gives to a claim of the type in `file`.
fn parameters(file: &str, class: &str) -> serde_json::Map<String, Value> {
    configured(file, &fs::read_to_string(examples().join(file)).unwrap(), class)
}

/// The parameters that the platform's configuration gives to a claim of the one type in `text`.
fn configured(file: &str, text: &str, class: &str) -> serde_json::Map<String, Value> {
    let types: Value = serde_yaml_ng::from_str(text).unwrap();
    let document = json!({
        "apiVersion": "score.dev/v1b1", "kind": "OrchestratorConfig", "metadata": {"name": "test"},
        "spec": {
            "profiles": [{"name": "web", "backends": [
                {"backendId": "k", "runtimeClass": "kubernetes", "template": {"kind": "manifests", "values": {}}},
            ]}],
            "provisioners": types,
        },
    });
    let config: Config = document.to_string().parse().unwrap_or_else(|errors| panic!("{file}: {errors}"));
    let [provisioner] = config.provisioners.as_slice() else { panic!("{file}: one type") };
    let class = provisioner.classes.get(class).unwrap_or_else(|| panic!("{file}: {class}"));
    class.parameters.0.clone()
}

/// The first block of YAML in a section of a page.
fn example_of<'a>(page: &'a str, section: &str) -> &'a str {
    let (_, rest) = page.split_once(&format!("\n## {section}\n")).unwrap();
    let (_, rest) = rest.split_once("```yaml\n").unwrap();
    rest.split_once("```").unwrap().0
}

fn claim(case: &Case) -> ResourceClaim {
    serde_json::from_value(json!({
        "metadata": {"namespace": "team", "name": "shop-it", "uid": "claim-uid"},
        "spec": {
            "workloadRef": {"name": "shop", "uid": "w"}, "key": "it", "type": "any", "class": case.class,
            "provisioner": "provisioner-template", "deprovisionPolicy": "Delete",
            "params": case.params, "service": {"ports": case.ports.as_array().cloned().unwrap_or_default()},
        },
    }))
    .unwrap()
}

/// The object as it would be written, with secrets in words.
fn written(manifest: &Manifest) -> Value {
    let place = &manifest.place;
    let mut object = Value::Object(manifest.fields.clone());
    object["apiVersion"] = place.kind.api_version().into();
    object["kind"] = place.kind.kind().into();
    object["metadata"] = json!({"name": place.name.as_str(), "generation": 1});
    for (key, parts) in &manifest.secret {
        object["stringData"][key] = parts.iter().map(in_words).collect::<String>().into();
    }
    object
}

fn in_words(part: &Part) -> String {
    match part {
        Part::Text(text) => text.clone(),
        Part::Generated(generated) => format!("<{} of {}>", generated.name, generated.length),
        Part::Copied(reference) => format!("<{} of {}>", reference.key, reference.name),
        Part::Credential(key) => format!("<credential {key}>"),
    }
}

fn run(name: &str, case: &Case) {
    let declaration = Declaration::read(&parameters(&case.file, &case.class))
        .unwrap_or_else(|problems| panic!("{name}: {problems:?}"));
    let inputs = declaration.inputs(&claim(case)).unwrap_or_else(|why| panic!("{name}: {why}"));
    let rendered = declaration.render(&inputs).unwrap_or_else(|why| panic!("{name}: {why}"));
    let mut live = Live {
        reads: rendered.reads.keys().map(|id| (id.clone(), Value::Null)).collect(),
        ..Live::default()
    };
    let mut objects = Vec::new();
    for manifest in &rendered.manifests {
        let object = written(manifest);
        let mut shown = object.clone();
        shown["metadata"] = json!({"name": object["metadata"]["name"]});
        objects.push(shown);
        live.objects.insert(manifest.id.clone(), visible(&manifest.place.kind, object));
    }
    assert_eq!(Value::from(objects), Value::from(case.objects.clone()), "{name}");
    let before = declaration.readiness(&Scope::of(&inputs, &live)).unwrap();
    let expected = case.waits.clone().map_or(Readiness::Ready, |message| Readiness::NotYet(Some(message)));
    assert_eq!(before, expected, "{name}");
    let waits_for = declaration.waits_for(&Scope::of(&inputs, &live)).unwrap_or_default();
    assert!(waits_for.is_empty() || case.waits.is_some(), "{name}: {waits_for}");
    for (id, status) in &case.status {
        live.objects.get_mut(id).unwrap()["status"] = status.clone();
    }
    live.reads.extend(case.reads.clone());
    let scope = Scope::of(&inputs, &live);
    assert_eq!(declaration.readiness(&scope).unwrap(), Readiness::Ready, "{name}");
    let outputs = declaration.outputs(&scope).unwrap_or_else(|why| panic!("{name}: {why}"));
    let mut found = json!(outputs.values);
    for (output, reference) in outputs.secrets {
        found[output] = json!({"secretKeyRef": reference});
    }
    assert_eq!(found, case.outputs, "{name}");
}

#[test]
fn every_type_makes_and_gives_what_is_expected() {
    let cases: BTreeMap<String, Case> = serde_yaml_ng::from_str(include_str!("cases.yaml")).unwrap();
    cases.iter().for_each(|(name, case)| run(name, case));
    let mut tried: Vec<_> = cases.values().map(|case| case.file.clone()).collect();
    tried.sort();
    tried.dedup();
    let mut files: Vec<_> = fs::read_dir(examples())
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    assert_eq!(tried, files, "every type is tried");
}

#[test]
fn a_route_to_a_port_that_the_workload_does_not_have_is_the_users_to_correct() {
    let declaration = Declaration::read(&parameters("route.yaml", "default")).unwrap();
    let case = Case {
        file: "route.yaml".into(),
        class: "default".into(),
        params: json!({"host": "a.example.com", "path": "/", "port": "admin"}),
        ports: json!([{"name": "web", "port": 80}, {"port": 81}]),
        status: BTreeMap::new(),
        reads: BTreeMap::new(),
        objects: Vec::new(),
        waits: None,
        outputs: Value::Null,
    };
    let error = declaration.inputs(&claim(&case)).unwrap_err().to_string();
    assert_eq!(error, "params.port is no port of service.ports: use the name or the number of one");
}

#[test]
fn a_port_that_the_other_workload_does_not_have_is_waited_for() {
    let declaration = Declaration::read(&parameters("service-port.yaml", "default")).unwrap();
    let case = "{file: service-port.yaml, class: default, params: {workload: api, port: web}, outputs: {}}";
    let inputs = declaration.inputs(&claim(&serde_yaml_ng::from_str(case).unwrap())).unwrap();
    let named = |name: &str| json!({"ports": [{"port": 9}, {"name": name, "port": 80}]});
    for (spec, waits) in [
        (json!({}), true),
        (json!({"service": {}}), true),
        (json!({"service": {"ports": []}}), true),
        (json!({"service": named("admin")}), true),
        (json!({"service": named("web")}), false),
    ] {
        let other = json!({"metadata": {"name": "api"}, "spec": spec});
        let live = Live { reads: [("other".to_owned(), other)].into(), ..Live::default() };
        let message = "the other Workload has no such port".to_owned();
        let expected = if waits { Readiness::NotYet(Some(message)) } else { Readiness::Ready };
        assert_eq!(declaration.readiness(&Scope::of(&inputs, &live)).unwrap(), expected, "{spec}");
    }
}

#[test]
fn the_example_of_the_page_works_in_less_than_sixty_lines() {
    let page = include_str!("../../../../docs/provisioners.md");
    let text = example_of(page, "A type of your own");
    assert!(text.lines().count() < 60);
    let declaration = Declaration::read(&configured("page", text, "large")).unwrap();
    let case: Case =
        serde_yaml_ng::from_str("{file: page, class: large, params: {connections: 5}, outputs: {}}").unwrap();
    let inputs = declaration.inputs(&claim(&case)).unwrap();
    let rendered = declaration.render(&inputs).unwrap();
    let [service, deployment] = rendered.manifests.as_slice() else { panic!("{rendered:?}") };
    let container = written(deployment)["spec"]["template"]["spec"]["containers"][0].clone();
    assert_eq!(container["args"], json!(["--memory-limit=1024", "--conn-limit=5"]));
    assert_eq!(container["resources"]["requests"]["memory"], "2048Mi");
    let mut shown = written(deployment);
    shown["status"] = json!({"readyReplicas": 1});
    let objects = [("service".to_owned(), written(service)), ("deployment".to_owned(), shown)];
    let scope = Scope::of(&inputs, &Live { objects: objects.into(), ..Live::default() });
    assert_eq!(declaration.readiness(&scope).unwrap(), Readiness::Ready);
    let outputs = declaration.outputs(&scope).unwrap();
    assert_eq!(json!(outputs.values), json!({"host": "shop-it-memcached.team.svc", "port": 11211}));
}

#[test]
fn the_example_of_a_type_behind_an_api_works() {
    let page = include_str!("../../../../docs/provisioners.md");
    let text = example_of(page, "A type behind an API");
    assert!(text.lines().count() < 60);
    let declaration = Declaration::read(&configured("page", text, "default")).unwrap();
    let case: Case =
        serde_yaml_ng::from_str("{file: page, class: default, params: {sizeGi: 5}, outputs: {}}").unwrap();
    let inputs = declaration.inputs(&claim(&case)).unwrap();
    let api = declaration.external_api().unwrap();
    assert_eq!(api.origin().to_string(), "https://storage.example.com");
    let create = api.request(&Step::Create, &inputs).unwrap();
    let join = |parts: &[Part]| Some(parts.iter().map(in_words).collect());
    let body = create.asked.body.unwrap().open(&join).unwrap();
    assert_eq!(body, json!({"name": "team-b4962d3622", "sizeGi": 5}));
    assert_eq!(join(&create.headers["authorization"]).unwrap(), "Bearer <credential token>");
    let mut answer = json!({
        "id": "a/b", "name": "team-b4962d3622", "state": "available", "host": "s3.example.com", "sizeGi": 5,
        "credentials": {"accessKey": "AK", "secretKey": "SK"},
    });
    let secrets = declaration.take_secrets(&mut answer);
    assert_eq!(json!(secrets), json!({"access_key": "AK", "secret_key": "SK"}));
    let id = api.id(&inputs, answer.clone()).unwrap();
    let update = api.request(&Step::Update(id.clone()), &inputs).unwrap().asked;
    assert_eq!(
        (update.method, update.body.unwrap().open(&join).unwrap()),
        (Method::Patch, json!({"sizeGi": 5}))
    );
    let lasting = api.lasting(&inputs);
    assert_eq!(lasting.keys().collect::<Vec<_>>(), ["claim.guid", "claim.namespace"]);
    let read = api.request(&Step::Read(id), &inputs).unwrap();
    assert_eq!(read.asked.url, "https://storage.example.com/api/v1/buckets/a%2Fb?view=full");
    let scope = Scope::of(&inputs, &Live { answer: Some(answer), ..Live::default() });
    assert_eq!(declaration.readiness(&scope).unwrap(), Readiness::Ready);
    assert_eq!(api.failure(&scope).unwrap(), None);
    let outputs = declaration.outputs(&scope).unwrap();
    let expected = json!({"name": "team-b4962d3622", "endpoint": "https://s3.example.com", "sizeGi": 5});
    assert_eq!(json!(outputs.values), expected);
}

#[test]
fn a_type_is_written_on_a_page() {
    for file in fs::read_dir(examples()).unwrap() {
        let path = file.unwrap().path();
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= 95, "{} has {lines} lines", path.display());
    }
}
