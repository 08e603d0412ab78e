use api_types::PlatformPolicy;
use k8s_openapi::api::core::v1::Namespace;
use kube::core::PartialObjectMeta;
use platform::config::{BUILTIN, Config};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::*;

fn workload(namespace: &str, name: &str, spec: &Value) -> Workload {
    let mut document = json!({
        "apiVersion": "score.dev/v1b1", "kind": "Workload",
        "metadata": {"name": name, "namespace": namespace, "uid": format!("{namespace}-{name}"), "generation": 1},
        "spec": {"containers": {"main": {"image": "registry.example.com/app:1"}}},
    });
    for (key, value) in spec.as_object().unwrap() {
        document["spec"][key] = value.clone();
    }
    serde_json::from_value(document).unwrap()
}

/// Of a database that its Workload does not declare any more.
fn claim() -> ResourceClaim {
    serde_json::from_value(json!({
        "metadata": {
            "name": "plain-db", "namespace": "dev", "uid": "c",
            "ownerReferences": [{"apiVersion": "score.dev/v1b1", "kind": "Workload", "name": "plain", "uid": "dev-plain"}],
        },
        "spec": {
            "workloadRef": {"name": "plain", "uid": "dev-plain"}, "key": "db", "type": "postgres", "class": "default",
            "provisioner": "provisioner-postgres", "deprovisionPolicy": "Delete",
        },
    }))
    .unwrap()
}

fn namespace(name: &str, env: &str) -> PartialObjectMeta<Namespace> {
    serde_json::from_value(json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {"env": env}},
    }))
    .unwrap()
}

fn policy(spec: &Value) -> PlatformPolicy {
    let document = json!({"apiVersion": "score.dev/v1b1", "kind": "PlatformPolicy", "metadata": {"name": "p"}, "spec": spec});
    serde_json::from_value(document).unwrap()
}

fn config(text: &str) -> Option<Arc<Config>> {
    Some(Arc::new(text.parse().unwrap()))
}

struct Stage {
    sender: watch::Sender<Option<Arc<Config>>>,
    concerned: Concerned,
}

impl Stage {
    /// Two namespaces, in the first of which are a Workload with a database and one without.
    fn new() -> Self {
        let (sender, receiver) = watch::channel(config(BUILTIN));
        let namespaces = Cache::from_objects([namespace("prod", "prod"), namespace("dev", "dev")]);
        let governance = Governance::new(receiver, Cache::from_objects([]), namespaces);
        let database = json!({"resources": {"db": {"type": "postgres"}}});
        let workloads = [
            workload("prod", "plain", &json!({})),
            workload("prod", "stateful", &database),
            workload("dev", "plain", &json!({})),
        ];
        let (workloads, claims) = (Cache::from_objects(workloads), Cache::from_objects([claim()]));
        let mut stage = Self { sender, concerned: Concerned::new(governance, workloads, claims) };
        assert_eq!(stage.by(Change::Everywhere).len(), 3);
        assert_eq!(stage.by(Change::Everywhere), [""; 0]);
        stage
    }

    fn by(&mut self, change: Change) -> Vec<String> {
        let concerned = self.concerned.by(&change);
        concerned
            .iter()
            .map(|found| format!("{}/{}", found.namespace.as_deref().unwrap(), found.name))
            .collect()
    }
}

#[test]
fn another_policy_concerns_those_who_declare_the_resource_and_those_who_have_one_still() {
    let mut stage = Stage::new();
    stage
        .sender
        .send_replace(config(&BUILTIN.replace("deprovisionPolicy: Delete", "deprovisionPolicy: Retain")));
    assert_eq!(stage.by(Change::Everywhere), ["dev/plain", "prod/stateful"]);
}

#[test]
fn another_backend_concerns_everybody_and_another_description_nobody() {
    let mut stage = Stage::new();
    stage.sender.send_replace(config(&BUILTIN.replace("Serves others", "Is there for others")));
    assert_eq!(stage.by(Change::Everywhere), [""; 0]);
    stage.sender.send_replace(config(
        &BUILTIN.replace("{kind: manifests}", "{kind: manifests, values: {replicas: 2}}"),
    ));
    assert_eq!(stage.by(Change::Everywhere).len(), 3);
}

#[test]
fn a_policy_concerns_those_in_the_namespaces_that_it_matches() {
    let mut stage = Stage::new();
    let spec = json!({"namespaceSelector": {"matchLabels": {"env": "dev"}}, "limits": {"memory": "1Gi"}});
    stage.concerned.governance.policies = Cache::from_objects([policy(&spec)]);
    assert_eq!(stage.by(Change::Everywhere), ["dev/plain"]);
}

#[test]
fn a_policy_that_changes_nothing_for_a_workload_does_not_concern_it() {
    let mut stage = Stage::new();
    stage.concerned.governance.policies =
        Cache::from_objects([policy(&json!({"allowedResources": [{"type": "redis"}]}))]);
    assert_eq!(stage.by(Change::Everywhere), ["prod/stateful"]);
}

#[test]
fn new_labels_of_a_namespace_concern_those_in_it() {
    let mut stage = Stage::new();
    let spec = json!({"namespaceSelector": {"matchLabels": {"env": "strict"}}, "limits": {"memory": "1Gi"}});
    stage.concerned.governance.policies = Cache::from_objects([policy(&spec)]);
    assert_eq!(stage.by(Change::Everywhere), [""; 0]);
    stage.concerned.governance.namespaces =
        Cache::from_objects([namespace("prod", "strict"), namespace("dev", "dev")]);
    assert_eq!(stage.by(Change::Namespace("prod".into())), ["prod/plain", "prod/stateful"]);
}
