//! What the platform decides, on its way into claims, plans and the status.

use api_types::{DeprovisionPolicy, PlatformPolicy, ResourceClaimStatus, WorkloadExposure};
use controller_kit::{Applier, Cache};
use orchestrator::{DEFINITION, policy_status};
use serde_json::{Value, json};

use crate::stage::{NAMESPACE, Stage, fixture};

pub(crate) const CONFIG: &str = "
apiVersion: score.dev/v1b1
kind: OrchestratorConfig
metadata: {name: test}
spec:
  profiles:
    - name: web
      backends:
        - backendId: standard
          runtimeClass: other
          template: {kind: manifests, values: {replicas: 3, service: {type: ClusterIP}}}
          constraints: {features: [http], resources: {cpu: -4}}
  provisioners:
    - type: postgres
      provisioner: provisioner-rds
      classes: [{name: small, parameters: {size: s}}]
      defaults: {class: small, params: {encoding: UTF8}}
      deprovisionPolicy: Retain
";

fn values(stage: &Stage) -> Value {
    Value::Object(stage.plan().unwrap().spec.template.values.0)
}

#[tokio::test]
async fn the_configuration_decides_backend_provisioner_and_values() {
    let stage = Stage::with("db.yaml").configured(CONFIG);
    stage.edit(|workload| {
        let annotations = [("score.dev/replicas", "5"), ("example.com/team", "shop")];
        workload.metadata.annotations = Some(annotations.map(|(k, v)| (k.to_owned(), v.to_owned())).into());
    });
    stage.pass().await.unwrap();
    let claim = stage.claim("shop-api-db").unwrap().spec;
    assert_eq!((claim.provisioner.as_str(), claim.class.as_str()), ("provisioner-rds", "default"));
    assert_eq!(claim.parameters.unwrap().0["size"], "s");
    assert_eq!(claim.params.unwrap().0["encoding"], "UTF8");
    assert_eq!(claim.deprovision_policy, DeprovisionPolicy::Retain);
    stage.provisioner_says("shop-api-db", fixture("db.bound.yaml"));
    stage.pass().await.unwrap();
    let plan = stage.plan().unwrap().spec;
    assert_eq!((plan.runtime_class.as_str(), plan.backend_id.as_str()), ("other", "standard"));
    assert_eq!(plan.annotations.len(), 1);
    assert_eq!(
        values(&stage),
        json!({
            "replicas": 5, "service": {"type": "ClusterIP"},
            "claims": {"db": {
                "host": "db.team-a.svc", "port": 5432, "username": "app",
                "password": {"secretKeyRef": {"name": "shop-api-db-postgres-secret", "key": "password"}},
            }},
        })
    );
    assert_eq!(stage.pass().await.unwrap(), 0);
}

#[tokio::test]
async fn a_claim_knows_the_ports_of_its_workload() {
    let stage = Stage::with("db.yaml");
    stage.pass().await.unwrap();
    assert_eq!(stage.claim("shop-api-db").unwrap().spec.service, None);
    stage.edit(|workload| {
        workload.spec.service =
            serde_json::from_value(json!({"ports": [{"name": "web", "port": 80}]})).unwrap();
    });
    stage.pass().await.unwrap();
    let service = json!({"ports": [{"name": "web", "port": 80, "targetPort": 80, "protocol": "TCP"}]});
    assert_eq!(json!(stage.claim("shop-api-db").unwrap().spec.service), service);
}

#[tokio::test]
async fn another_configuration_changes_the_plan_and_an_equal_one_writes_nothing() {
    let stage = Stage::with("web.yaml").configured(CONFIG);
    stage.pass().await.unwrap();
    let stage =
        stage.configured(&CONFIG.replace("metadata: {name: test}", "metadata: {name: other, version: '2'}"));
    assert_eq!(stage.pass().await.unwrap(), 0);
    let stage = stage.configured(&CONFIG.replace("replicas: 3", "replicas: 4"));
    assert_eq!(stage.pass().await.unwrap(), 1);
    assert_eq!(values(&stage)["replicas"], 4);
}

#[tokio::test]
async fn a_workload_that_moves_to_another_runtime_ends_in_one_place_before_it_begins_in_the_other() {
    let stage = Stage::with("web.yaml").configured(CONFIG);
    stage.pass().await.unwrap();
    stage.runtime_says("True", "Succeeded", None);
    stage.pass().await.unwrap();
    let first = stage.plan().unwrap();
    let stage = stage.configured(&CONFIG.replace("runtimeClass: other", "runtimeClass: third"));
    stage.pass().await.unwrap();
    let marked = stage.plan().unwrap();
    assert_eq!((marked.metadata.uid, marked.spec), (first.metadata.uid.clone(), first.spec));
    assert!(marked.metadata.deletion_timestamp.is_some());
    assert_eq!(stage.condition("RuntimeReady"), "False/RuntimeSelecting");
    assert!(
        stage.message("RuntimeReady").contains("to another runtime"),
        "{}",
        stage.message("RuntimeReady")
    );
    stage.pass().await.unwrap();
    assert_eq!(stage.pass().await.unwrap(), 0, "it waits");
    stage.server.collect_garbage();
    stage.pass().await.unwrap();
    let second = stage.plan().unwrap();
    assert_ne!(second.metadata.uid, first.metadata.uid);
    assert_eq!(second.spec.runtime_class, "third");
    assert_eq!(stage.server.list::<WorkloadExposure>()[0].spec.runtime_class, "third");
    assert_eq!(stage.pass().await.unwrap(), 0);
}

#[tokio::test]
async fn why_each_backend_was_dropped_is_in_the_status() {
    let stage = Stage::with("web.yaml").configured(CONFIG);
    stage.edit(|workload| {
        workload.metadata.annotations =
            Some([("score.dev/requirements".to_owned(), "gpu".to_owned())].into());
        let resources = json!({"requests": {"cpu": "8"}});
        workload.spec.containers.get_mut("main").unwrap().resources =
            serde_json::from_value(resources).unwrap();
    });
    stage.pass().await.unwrap();
    assert_eq!(stage.condition("RuntimeReady"), "False/RuntimeSelecting");
    let message = stage.message("RuntimeReady");
    assert!(message.contains("`standard` does not offer `gpu`"), "{message}");
    assert!(message.contains("takes at most 4 of cpu"), "{message}");
}

#[tokio::test]
async fn a_violation_names_policy_and_field_and_what_runs_goes_on() {
    let stage = Stage::with("web.yaml");
    stage.pass().await.unwrap();
    stage.runtime_says("True", "Succeeded", None);
    stage.pass().await.unwrap();
    let plan = stage.plan();
    stage.policy("sources", &json!({"allowedImages": ["registry.example.com/approved"]}));
    stage.pass().await.unwrap();
    assert_eq!(stage.condition("Ready"), "False/PolicyViolation");
    let message = stage.message("InputsValid");
    assert!(
        message.contains("spec.containers.main.image") && message.contains("policy `sources`"),
        "{message}"
    );
    assert_eq!(stage.plan(), plan);
    assert!(stage.status().endpoint.is_some());
    assert_eq!(stage.pass().await.unwrap(), 0);
    stage.server.remove::<PlatformPolicy>("", "sources");
    stage.pass().await.unwrap();
    assert_eq!(stage.condition("Ready"), "True/Succeeded");
}

#[tokio::test]
async fn a_policy_that_does_not_match_the_namespace_changes_nothing() {
    let stage = Stage::with("web.yaml");
    let selector = json!({"matchLabels": {"env": "prod"}});
    stage.policy(
        "prod",
        &json!({"namespaceSelector": selector, "allowedImages": ["registry.example.com/approved"]}),
    );
    stage.pass().await.unwrap();
    assert_eq!(stage.condition("InputsValid"), "True/Succeeded");
}

#[tokio::test]
async fn a_wrong_annotation_is_told_beside_a_wrong_field() {
    let stage = Stage::with("web.yaml");
    stage.edit(|workload| {
        workload.metadata.annotations = Some([("score.dev/replica".to_owned(), "2".to_owned())].into());
        workload.spec.containers.get_mut("main").unwrap().image = ".".into();
    });
    stage.pass().await.unwrap();
    assert_eq!(stage.condition("Ready"), "False/SpecInvalid");
    let message = stage.message("Ready");
    assert!(message.contains("metadata.annotations[score.dev/replica]: unknown annotation"), "{message}");
    assert!(message.contains("spec.containers.main.image"), "{message}");
}

#[tokio::test]
async fn nothing_is_decided_before_the_namespace_is_known() {
    let stage = Stage::with("web.yaml");
    stage.server.remove::<k8s_openapi::api::core::v1::Namespace>("", NAMESPACE);
    assert_eq!(stage.pass().await.unwrap(), 0);
    assert!(stage.plan().is_none());
}

/// The counts in the status of the policy, and the number of writes that it took to get there.
async fn counted(stage: &Stage, name: &str) -> (i32, i32, usize) {
    stage.server.clear_requests();
    let applier = Applier::new(stage.server.client(), DEFINITION.name);
    let workloads = Cache::from_objects(stage.server.list());
    policy_status::write(&stage.governance(), &workloads, &applier).await.unwrap();
    let status = stage.server.get::<PlatformPolicy>("", name).unwrap().status.unwrap();
    (status.matching_workloads, status.blocked_workloads, stage.server.writes().len())
}

#[tokio::test]
async fn a_policy_tells_how_many_it_matches_and_blocks_and_is_written_only_when_that_changes() {
    let stage = Stage::with("web.yaml");
    let _second = stage.joined_by("db.yaml");
    stage.policy("none", &json!({"allowedResources": []}));
    assert_eq!(counted(&stage, "none").await, (2, 1, 1));
    assert_eq!(counted(&stage, "none").await, (2, 1, 0));
    stage.edit(|workload| {
        workload.spec.containers.get_mut("main").unwrap().image = "registry.example.com/b".into()
    });
    assert_eq!(counted(&stage, "none").await, (2, 1, 0));
    let policy: PlatformPolicy = stage.server.get("", "none").unwrap();
    let ready = conditions::find(&policy.status.unwrap().conditions, "Ready").unwrap().clone();
    assert_eq!((ready.status.as_str(), ready.reason.as_str()), ("True", "Succeeded"));
}

#[tokio::test]
async fn a_policy_that_is_not_valid_says_so_itself() {
    let stage = Stage::with("web.yaml");
    stage.policy("broken", &json!({"limits": {"memory": "lots"}}));
    assert_eq!(counted(&stage, "broken").await, (1, 1, 1));
    let policy: PlatformPolicy = stage.server.get("", "broken").unwrap();
    let ready = conditions::find(&policy.status.unwrap().conditions, "Ready").unwrap().clone();
    assert_eq!(ready.reason, "SpecInvalid");
    assert!(ready.message.contains("spec.limits.memory"), "{}", ready.message);
}

const WITH_SCHEMA: &str = "
apiVersion: score.dev/v1b1
kind: OrchestratorConfig
metadata: {name: test}
spec:
  profiles:
    - name: web
      backends: [{backendId: standard, runtimeClass: other, template: {kind: manifests}}]
  provisioners:
    - {type: postgres, provisioner: provisioner-rds}
    - type: chart
      provisioner: provisioner-rds
      params:
        properties: {host: {pattern: '^[a-z.-]+$'}, port: {type: integer, maximum: 65535}, key: {type: string}}
";

#[tokio::test]
async fn what_outputs_bring_into_params_is_held_to_the_schema_before_a_claim_has_it() {
    let stage = Stage::with("db.yaml").configured(WITH_SCHEMA);
    stage.edit(|workload| {
        let chart = json!({"type": "chart", "params": {
            "host": "${resources.db.host}", "port": "${resources.db.port}", "key": "${resources.db.password}",
        }});
        workload.spec.resources.insert("chart".into(), serde_json::from_value(chart).unwrap());
    });
    stage.pass().await.unwrap();
    let mut answer: ResourceClaimStatus = fixture("db.bound.yaml");
    stage.provisioner_says("shop-api-db", answer.clone());
    stage.pass().await.unwrap();
    let host = || stage.claim("shop-api-chart").unwrap().spec.params.unwrap().0["host"].clone();
    assert_eq!(host(), "db.team-a.svc");
    answer.outputs.get_mut("host").unwrap().value = Some(json!("db\nadmin: true"));
    answer.outputs_revision = Some("rev-2".into());
    stage.provisioner_says("shop-api-db", answer);
    stage.pass().await.unwrap();
    assert_eq!(host(), "db.team-a.svc");
    assert_eq!(stage.condition("ClaimsReady"), "False/BindingFailed");
    let message = stage.message("ClaimsReady");
    assert!(message.contains("spec.resources.chart.params.host: "), "{message}");
}
