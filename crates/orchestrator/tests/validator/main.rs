//! The validator, and that it says what the API server and the controller say.

#![allow(clippy::unwrap_used, clippy::panic)]

mod verdicts;

use std::{collections::BTreeMap, path::Path};

use clap::Parser as _;
use orchestrator::{
    Args, Command,
    validator::{Found, Report, check, validate},
};
use serde::Deserialize;
use serde_json::{Value, json};
use verdicts::Platform;

/// The file of a test.
fn path(name: &str) -> String {
    format!("{}/tests/validator/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// What `score-orchestrator validate` prints, with the folder left out, and whether everything is valid.
fn run(arguments: &[&str]) -> (String, bool) {
    let args = Args::parse_from([&["score-orchestrator", "validate"], arguments].concat());
    let Some(Command::Validate(args)) = args.command else { panic!("another command") };
    let mut output = Vec::new();
    let valid = validate(&args, &mut output).unwrap();
    (String::from_utf8(output).unwrap().replace(&path(""), ""), valid)
}

#[test]
fn everything_is_told_with_file_and_line_and_what_a_valid_workload_gets() {
    let (printed, valid) = run(&[
        "--config",
        &path("config.yaml"),
        "--policy",
        &path("policy.yaml"),
        "--namespace-labels",
        "env=prod",
        &path("workloads.yaml"),
    ]);
    let file = path("report.txt");
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        std::fs::write(&file, &printed).unwrap();
    }
    assert_eq!(printed, std::fs::read_to_string(file).unwrap());
    assert!(!valid);
}

/// A claim of Workload `shop`, as kubectl prints it.
fn claim(key: &str, type_: &str, policy: &str, params: Value) -> Value {
    json!({
        "apiVersion": "score.dev/v1b1", "kind": "ResourceClaim",
        "metadata": {"name": format!("shop-{key}"), "namespace": "default", "uid": format!("uid-{key}")},
        "spec": {
            "workloadRef": {"name": "shop", "uid": "uid-shop"}, "key": key, "type": type_, "class": "default",
            "provisioner": "provisioner-postgres", "deprovisionPolicy": policy, "params": params,
        },
    })
}

#[test]
fn it_is_told_what_becomes_of_each_resource_that_is_there() {
    let postgres = json!({"type": "postgres"});
    let workload = json!({
        "apiVersion": "score.dev/v1b1", "kind": "Workload", "metadata": {"name": "shop"},
        "spec": {
            "containers": {"main": {"image": "example.com/shop:1"}},
            "resources": {"same": postgres, "other": postgres, "more": postgres, "renamed": postgres},
        },
    });
    let mut protected = claim("safe", "postgres", "Retain", Value::Null);
    protected["metadata"]["labels"] = json!({"score.dev/protected": "true"});
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [
        protected,
        claim("same", "postgres", "Delete", Value::Null),
        claim("more", "postgres", "Retain", json!({"size": 1})),
        claim("renamed", "redis", "Delete", Value::Null),
        claim("gone", "postgres", "Delete", Value::Null),
        claim("kept", "postgres", "Retain", Value::Null),
        claim("left", "postgres", "Orphan", Value::Null),
    ]});
    let workloads = [Found::new("w.yaml", workload.to_string())];
    let report = check(None, &[], &workloads, &[Found::new("live.yaml", list.to_string())], BTreeMap::new());
    let printed = report.to_string();
    for expected in [
        "resource `same`: stays as it is",
        "resource `other`: will be created",
        "resource `more`: changes: deprovisionPolicy, params",
        "resource `renamed`: it was provided as `redis` (default) and cannot become `postgres`",
        "resource `gone`: will be deleted with its data, once this version runs",
        "resource `kept`: will be released",
        "resource `left`: will be orphaned",
        "resource `safe`: is protected, so it will be released, and kept",
    ] {
        assert!(printed.contains(expected), "{expected} is not in:\n{printed}");
    }
    let none = [Found::new("live.yaml", "kind: Pod")];
    let report = check(None, &[], &workloads, &none, BTreeMap::new());
    assert!(!report.is_valid() && report.to_string().contains("kubectl get resourceclaim.score.dev"));
}

#[test]
fn valid_files_are_valid_and_the_builtin_configuration_serves_where_none_is_named() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/examples/node-postgres/workload.yaml");
    let (printed, valid) = run(&[example]);
    assert!(valid, "{printed}");
    assert!(printed.contains("runs on backend `kubernetes` of runtime class `kubernetes`"), "{printed}");
    assert!(printed.contains("resource `db` comes from `provisioner-postgres`"), "{printed}");
}

/// A file of the examples for platform teams.
fn example(name: &str) -> String {
    format!("{}/../../docs/examples/platform/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_examples_of_the_guide_are_valid_and_give_what_it_shows() {
    let (printed, valid) = run(&[
        "--config",
        &example("config.yaml"),
        "--policy",
        &example("policy.yaml"),
        "--namespace-labels",
        "env=prod",
        &example("workload.yaml"),
    ]);
    assert!(valid, "{printed}");
    let guide = std::fs::read_to_string(example("../../platform.md")).unwrap();
    let shown = guide.split("```console\n").nth(1).unwrap().split("```").next().unwrap();
    assert_eq!(printed.replace(&example(""), "docs/examples/platform/"), shown);
}

#[test]
fn the_admission_policy_of_the_guide_wants_a_team() {
    let text = std::fs::read_to_string(example("admission-policy.yaml")).unwrap();
    let policy = platform::document::parse_all(&text).unwrap().remove(0).value;
    let validation = &policy["spec"]["validations"][0];
    let expression = kube_cel::VapExpression {
        expression: validation["expression"].as_str().unwrap().to_owned(),
        message: validation["message"].as_str().map(str::to_owned),
        message_expression: None,
    };
    let allows = |labels: Value| {
        let object = json!({"apiVersion": "score.dev/v1b1", "kind": "Workload", "metadata": labels});
        let results = kube_cel::VapEvaluator::builder()
            .object(object)
            .build()
            .evaluate(std::slice::from_ref(&expression));
        results[0].passed
    };
    assert!(allows(json!({"name": "shop", "labels": {"team": "checkout"}})));
    assert!(!allows(json!({"name": "shop", "labels": {"app": "shop"}})));
    assert!(!allows(json!({"name": "shop"})));
}

#[test]
fn a_configuration_that_is_not_valid_is_told_line_by_line() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/examples/hello/workload.yaml");
    let (printed, valid) = run(&["--config", example]);
    assert!(
        !valid && printed.contains("workload.yaml:4: error: kind: must be `OrchestratorConfig`"),
        "{printed}"
    );
}

#[test]
fn what_is_wrong_with_a_workload_itself_is_told_beside_a_wrong_configuration() {
    let config = Found::new("config.yaml", "kind: OrchestratorConfig");
    let told = |image: &str, annotations: Value| {
        let workload = json!({
            "apiVersion": "score.dev/v1b1", "kind": "Workload",
            "metadata": {"name": "web", "annotations": annotations},
            "spec": {"containers": {"main": {"image": image}}},
        });
        let files = [Found::new("w.yaml", workload.to_string())];
        check(Some(&config), &[], &files, &[], BTreeMap::new()).to_string()
    };
    let printed = told(".", json!({"score.dev/replica": "1"}));
    for expected in [
        "error: apiVersion: is missing",
        "w.yaml:1: error: spec.containers.main.image: must name an image",
        "w.yaml:1: error: metadata.annotations[score.dev/replica]: unknown annotation",
        "w.yaml:1: Workload default/web is not checked against the rules of the platform",
    ] {
        assert!(printed.contains(expected), "{expected} is not in:\n{printed}");
    }
    let printed = told("registry.example.com/web:1", json!({}));
    assert!(printed.contains("is not checked against") && !printed.contains("is valid"), "{printed}");
}

#[test]
fn a_namespace_has_the_label_with_its_name() {
    let is_allowed = |selected: &str, namespace: Value, labels: &[(&str, &str)]| {
        let policy = json!({
            "apiVersion": "score.dev/v1b1", "kind": "PlatformPolicy", "metadata": {"name": "images"},
            "spec": {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": selected}},
                "allowedImages": ["registry.example.com"],
            },
        });
        let workload = json!({
            "apiVersion": "score.dev/v1b1", "kind": "Workload", "metadata": {"name": "web", "namespace": namespace},
            "spec": {"containers": {"main": {"image": "docker.io/library/nginx:1"}}},
        });
        let (policies, workloads) =
            (Found::new("p.yaml", policy.to_string()), Found::new("w.yaml", workload.to_string()));
        let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        check(None, &[policies], &[workloads], &[], labels).is_valid()
    };
    assert!(!is_allowed("prod", json!("prod"), &[]));
    assert!(is_allowed("prod", json!("dev"), &[]));
    assert!(!is_allowed("default", Value::Null, &[("env", "prod")]));
    assert!(!is_allowed("prod", Value::Null, &[("kubernetes.io/metadata.name", "prod")]));
}

#[test]
fn who_leaves_out_params_of_a_shared_resource_is_judged_by_those_that_another_file_gives() {
    let config = json!({
        "apiVersion": "score.dev/v1b1", "kind": "OrchestratorConfig", "metadata": {"name": "test"},
        "spec": {
            "profiles": [{"name": "web", "backends": [
                {"backendId": "b", "runtimeClass": "r", "template": {"kind": "manifests"}},
            ]}],
            "provisioners": [{
                "type": "postgres", "provisioner": "gold", "selector": {"params": {"tier": "gold"}},
                "params": {"required": ["size"]},
            }],
        },
    });
    let config = Found::new("config.yaml", config.to_string());
    let file = |name: &str, params: Value| {
        let workload = json!({
            "apiVersion": "score.dev/v1b1", "kind": "Workload", "metadata": {"name": name},
            "spec": {
                "containers": {"main": {"image": "registry.example.com/web:1"}},
                "resources": {"db": {"type": "postgres", "id": "main", "params": params}},
            },
        });
        Found::new(format!("{name}.yaml"), workload.to_string())
    };
    // The younger of two that were not applied yet is the later one in the alphabet.
    for (giving, leaving_out) in [("aa", "bb"), ("bb", "aa")] {
        let files = [file(giving, json!({"tier": "gold", "size": "s"})), file(leaving_out, Value::Null)];
        let report = check(Some(&config), &[], &files, &[], BTreeMap::new());
        assert!(report.is_valid(), "{report}");
        assert!(!check(Some(&config), &[], &files[1..], &[], BTreeMap::new()).is_valid());
    }
}

#[test]
fn without_a_subcommand_the_controller_runs() {
    assert!(Args::parse_from(["score-orchestrator", "--concurrency", "3"]).command.is_none());
}

fn report_on(workload: &Value) -> Report {
    check(None, &[], &[Found::new("w.yaml", workload.to_string())], &[], BTreeMap::new())
}

/// The API server writes the keys of maps in brackets.
fn as_one(path: &str) -> String {
    path.replace(['[', '"'], ".").replace(']', "").replace("..", ".")
}

/// One of the cases that the end-to-end tests apply to a real API server.
#[derive(Deserialize)]
struct Case {
    case: String,
    refused: String,
    field: String,
    #[serde(default)]
    says: String,
    patch: Value,
}

impl Case {
    fn workload(&self) -> Value {
        let mut spec = json!({"containers": {"main": {"image": "localhost/score/sample-app:dev"}}});
        json_patch::merge(&mut spec, &self.patch);
        json!({"apiVersion": "score.dev/v1b1", "kind": "Workload", "metadata": {"name": self.case}, "spec": spec})
    }
}

fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../e2e/tests/fixtures/invalid");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let yaml = files.filter(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    yaml.flat_map(|path| {
        serde_yaml_ng::from_str::<Vec<Case>>(&std::fs::read_to_string(path).unwrap()).unwrap()
    })
    .collect()
}

#[tokio::test]
async fn the_verdict_on_every_invalid_workload_is_that_of_the_api_server_and_the_controller() {
    let (mut wrong, cases) = (Vec::new(), cases());
    assert!(cases.len() >= 40);
    for case in cases {
        let (workload, of_status) = (case.workload(), case.refused == "status");
        let report = report_on(&workload);
        let errors: Vec<String> = report.errors().map(str::to_owned).collect();
        let all = errors.join("; ");
        if !as_one(&all).contains(&as_one(&case.field)) || !all.contains(&case.says) {
            wrong.push(format!("{}: {} and {:?} are not told: {all}", case.case, case.field, case.says));
        }
        if of_status {
            let told = Platform::builtin().told_by_controller(&workload).await;
            if told != all {
                wrong.push(format!("{}: the controller says {told:?}, the validator {all:?}", case.case));
            }
        }
    }
    assert!(wrong.is_empty(), "{:#?}", wrong);
}

#[tokio::test]
async fn the_verdict_on_annotations_and_profiles_is_that_of_the_controller() {
    for (metadata, spec) in [
        (json!({"annotations": {"score.dev/replica": "1", "score.dev/kind": "CronJob"}}), json!({})),
        (json!({"annotations": {"score.dev/schedule": "* * * * *"}}), json!({})),
        (json!({"annotations": {"score.dev/service-account": "web"}}), json!({})),
        (json!({"annotations": {"score.dev/requirements": "gpu"}}), json!({})),
        (json!({}), json!({"profile": "batch"})),
        (json!({"annotations": {"score.dev/replicas": "3"}}), json!({})),
    ] {
        let mut workload = json!({
            "apiVersion": "score.dev/v1b1", "kind": "Workload", "metadata": {"name": "web"},
            "spec": {"containers": {"main": {"image": "registry.example.com/web:1"}}},
        });
        json_patch::merge(&mut workload["metadata"], &metadata);
        json_patch::merge(&mut workload["spec"], &spec);
        let validator = report_on(&workload).errors().collect::<Vec<_>>().join("; ");
        assert_eq!(Platform::builtin().told_by_controller(&workload).await, validator);
    }
}
