//! The whole controller while configuration, policies and namespaces change.

use std::collections::BTreeMap;

use api_types::{PlatformPolicy, Workload};
use clap::Parser as _;
use controller_kit::{
    Kit,
    testing::{TestApiServer, until},
};
use k8s_openapi::api::{
    core::v1::{ConfigMap, Namespace},
    events::v1::Event,
};
use kube::{ResourceExt as _, api::ObjectMeta};
use orchestrator::{Args, DEFINITION};
use serde_json::json;

use crate::{
    living::is_planned,
    platform_side::CONFIG,
    stage::{NAMESPACE, Stage, fixture},
};

pub(crate) const SYSTEM: &str = "score-system";
pub(crate) const NAME: &str = "orchestrator-config";

/// Runs the controller as the process does, as long as the story goes.
async fn during(server: &TestApiServer, story: impl Future<Output = ()>) {
    let (kit, stop) = server.kit(DEFINITION.name);
    let args = Args::parse_from(["score-orchestrator", "--config-namespace", SYSTEM]);
    let story = async {
        story.await;
        drop(stop);
    };
    tokio::join!(run(kit, args), story);
}

async fn run(kit: Kit, args: Args) {
    orchestrator::start(kit, args.config).await;
}

fn config_map(document: &str) -> ConfigMap {
    ConfigMap {
        metadata: ObjectMeta {
            name: Some(NAME.into()),
            namespace: Some(SYSTEM.into()),
            ..ObjectMeta::default()
        },
        data: Some(BTreeMap::from([("config.yaml".to_owned(), document.to_owned())])),
        ..ConfigMap::default()
    }
}

fn write(server: &TestApiServer, document: &str) {
    let data = config_map(document).data;
    server.modify(SYSTEM, NAME, |map: &mut ConfigMap| map.data = data);
}

pub(crate) fn last_good(server: &TestApiServer) -> Option<String> {
    let kept: ConfigMap = server.get(SYSTEM, "orchestrator-config-last-good")?;
    kept.data?.remove("config.yaml")
}

/// The backend that is asked, once what another one was asked is gone.
pub(crate) fn backend(stage: &Stage) -> Option<String> {
    stage.server.collect_garbage();
    stage.plan().map(|plan| plan.spec.backend_id)
}

fn is_reported(server: &TestApiServer) -> bool {
    let about = |event: &Event| event.reason.as_deref() == Some("ConfigInvalid");
    server
        .list::<Event>()
        .iter()
        .any(|event| about(event) && event.note.as_ref().is_some_and(|note| note.contains("line 1: kind")))
}

#[tokio::test]
async fn the_configuration_is_followed_and_the_last_good_one_outlives_the_process() {
    let server = TestApiServer::new();
    let stage = Stage::on(server.clone(), fixture("web.yaml"));
    during(&server, async {
        until("the builtin configuration serves", || backend(&stage).as_deref() == Some("kubernetes")).await;
        server.insert(config_map(CONFIG));
        until("the new one serves", || backend(&stage).as_deref() == Some("standard")).await;
        until("it is kept", || last_good(&server).as_deref() == Some(CONFIG)).await;
        write(&server, "kind: Nonsense");
        until("an invalid one is reported", || is_reported(&server)).await;
        assert_eq!(
            (backend(&stage).as_deref(), last_good(&server).as_deref()),
            (Some("standard"), Some(CONFIG))
        );
    })
    .await;
    let again = Stage::on(server.clone(), second());
    during(&server, async {
        until("another Workload is planned", || is_planned(&again)).await;
        assert_eq!(backend(&again).as_deref(), Some("standard"));
        server.remove::<ConfigMap>(SYSTEM, NAME);
        until("the builtin one is back", || backend(&again).as_deref() == Some("kubernetes")).await;
        until("nothing is kept", || last_good(&server).is_none()).await;
    })
    .await;
}

pub(crate) fn second() -> Workload {
    let mut workload: Workload = fixture("web.yaml");
    (workload.metadata.name, workload.metadata.uid) = (Some("second".into()), Some("uid-second".into()));
    workload
}

fn is_blocked(stage: &Stage) -> bool {
    let status = stage.workload().status.unwrap_or_default();
    conditions::find(&status.conditions, "InputsValid").is_some_and(|found| found.reason == "PolicyViolation")
}

#[tokio::test]
async fn policies_and_labels_of_namespaces_take_effect_at_once_and_are_counted() {
    let server = TestApiServer::new();
    let stage = Stage::on(server.clone(), fixture("web.yaml"));
    let counted = || {
        let policy: Option<PlatformPolicy> = server.get("", "strict");
        policy
            .and_then(|policy| policy.status)
            .map(|status| (status.matching_workloads, status.blocked_workloads))
    };
    during(&server, async {
        until("it is planned", || is_planned(&stage)).await;
        stage.policy("strict", &json!({
            "namespaceSelector": {"matchLabels": {"env": "prod"}}, "allowedImages": ["registry.example.com/approved"],
        }));
        until("the policy counts nothing", || counted() == Some((0, 0))).await;
        let label = |value: &str| {
            let labels = [("env".to_owned(), value.to_owned())].into();
            server.modify("", NAMESPACE, |namespace: &mut Namespace| namespace.metadata.labels = Some(labels));
        };
        label("prod");
        until("the policy blocks", || is_blocked(&stage)).await;
        until("and says so", || counted() == Some((1, 1))).await;
        label("dev");
        until("the policy does not apply any more", || !is_blocked(&stage)).await;
    })
    .await;
    assert!(server.list::<PlatformPolicy>().iter().all(|policy| policy.name_any() == "strict"));
}
