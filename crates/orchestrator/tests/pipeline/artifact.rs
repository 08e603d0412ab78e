//! The whole controller while its configuration is in a registry, which is a real one.

use clap::Parser as _;
use config_artifact::{MEDIA_TYPE, Reference};
use controller_kit::testing::{TestApiServer, until};
use k8s_openapi::api::{core::v1::ConfigMap, events::v1::Event};
use orchestrator::{Args, DEFINITION};
use prometheus::TextEncoder;
use serde_json::json;

use crate::{
    living::is_planned,
    platform_living::{NAME, SYSTEM, backend, last_good, second},
    platform_side::CONFIG,
    stage::{Stage, fixture},
};

#[path = "../../../config-artifact/tests/registry/mod.rs"]
#[allow(dead_code, reason = "the registry is shared with the tests of the crate that fetches")]
mod registry;

use registry::{Kind, PASSWORD, Registry, USER};

/// Runs the controller as the process does, with these flags, as long as the story goes. The story is given what tells
/// the value of a metric.
async fn during(server: &TestApiServer, flags: &[&str], story: impl AsyncFnOnce(&dyn Fn(&str) -> bool)) {
    let (kit, stop) = server.kit(DEFINITION.name);
    let metrics = kit.registry.clone();
    let tells = move |line: &str| {
        let text = TextEncoder::new().encode_to_string(&metrics.gather()).unwrap();
        text.lines().any(|found| found == line)
    };
    let args = Args::parse_from([&["score-orchestrator", "--config-namespace", SYSTEM], flags].concat());
    // Not asked to stop: without a configuration the running reconciles would be waited for.
    tokio::select! {
        () = orchestrator::start(kit, args.config) => panic!("ended by itself"),
        () = story(&tells) => drop(stop),
    }
}

/// Pushes the configuration, with its backend named so.
async fn push(registry: &Registry, backend: &str) -> Reference {
    let document = CONFIG.replace("backendId: standard", &format!("backendId: {backend}"));
    registry.push(&[(MEDIA_TYPE, document.as_bytes())]).await
}

/// The platform team names an artifact.
fn name(server: &TestApiServer, artifact: &Reference) {
    let data = json!({"artifact": artifact.to_string()});
    let map = json!({"metadata": {"name": NAME, "namespace": SYSTEM}, "data": data});
    let map: ConfigMap = serde_json::from_value(map).unwrap();
    if server.get::<ConfigMap>(SYSTEM, NAME).is_none() {
        server.insert(map);
    } else {
        server.modify(SYSTEM, NAME, |live: &mut ConfigMap| live.data = map.data);
    }
}

fn is_told(server: &TestApiServer, reason: &str, words: &str) -> bool {
    let events = server.list::<Event>();
    let note = |event: &Event| event.note.clone().unwrap_or_default();
    events.iter().any(|event| event.reason.as_deref() == Some(reason) && note(event).contains(words))
}

const VALID: &str = "score_config_valid 1";
const NOT_VALID: &str = "score_config_valid 0";

#[tokio::test]
async fn another_digest_is_taken_up_at_once_and_an_invalid_document_never() {
    let server = TestApiServer::new();
    let registry = Registry::start(Kind::Open);
    let (first, next) = (push(&registry, "first").await, push(&registry, "next").await);
    let broken = registry.push(&[(MEDIA_TYPE, b"kind: Nonsense")]).await;
    let stage = Stage::on(server.clone(), fixture("web.yaml"));
    name(&server, &first);
    during(&server, &[], async |tells| {
        until("the document is fetched", || backend(&stage).as_deref() == Some("first")).await;
        name(&server, &next);
        until("the next one serves", || backend(&stage).as_deref() == Some("next")).await;
        until("it is kept", || last_good(&server).is_some_and(|kept| kept.contains("backendId: next"))).await;
        assert!(tells(VALID));
        name(&server, &broken);
        until("an invalid one is told", || is_told(&server, "ConfigInvalid", "line 1: kind")).await;
        assert!(tells(NOT_VALID));
        assert_eq!(backend(&stage).as_deref(), Some("next"));
        assert!(last_good(&server).is_some_and(|kept| kept.contains("backendId: next")));
    })
    .await;
}

#[tokio::test]
async fn without_the_registry_the_last_good_document_serves_on_and_outlives_the_process() {
    let server = TestApiServer::new();
    let mut registry = Registry::start(Kind::Open);
    let (first, next) = (push(&registry, "first").await, push(&registry, "next").await);
    let stage = Stage::on(server.clone(), fixture("web.yaml"));
    name(&server, &first);
    during(&server, &[], async |_| {
        until("the document is fetched and kept", || last_good(&server).is_some()).await;
        until("it serves", || backend(&stage).as_deref() == Some("first")).await;
    })
    .await;
    registry.stop();
    let again = Stage::on(server.clone(), second());
    during(&server, &[], async |tells| {
        until("what is kept serves another Workload", || is_planned(&again)).await;
        assert!(tells(VALID) && server.list::<Event>().is_empty(), "the registry is not needed for that");
        name(&server, &next);
        until("that it is gone is told", || {
            is_told(&server, "ConfigUnavailable", "last-good one is in force")
        })
        .await;
        assert!(tells(NOT_VALID));
        assert_eq!(backend(&again).as_deref(), Some("first"));
        registry.serve();
        until("it is asked again", || backend(&again).as_deref() == Some("next")).await;
        assert!(tells(VALID));
    })
    .await;
}

#[tokio::test]
async fn who_names_an_artifact_that_cannot_be_had_gets_no_other() {
    let server = TestApiServer::new();
    let registry = Registry::start(Kind::Protected);
    let artifact = push(&registry, "first").await;
    let stage = Stage::on(server.clone(), fixture("web.yaml"));
    name(&server, &artifact);
    during(&server, &[], async |tells| {
        until("it is told", || is_told(&server, "ConfigUnavailable", "no other one is in force")).await;
        assert!(tells(NOT_VALID) && stage.plan().is_none());
    })
    .await;
    let account = json!({"auths": {&registry.address: {"username": USER, "password": PASSWORD}}});
    let credentials = registry.file("config.json", &account.to_string());
    during(&server, &["--config-artifact-credentials", credentials.to_str().unwrap()], async |tells| {
        until("with credentials it is fetched", || backend(&stage).as_deref() == Some("first")).await;
        assert!(tells(VALID));
    })
    .await;
    let told = serde_json::to_string(&server.list::<Event>()).unwrap();
    assert!(!told.contains(PASSWORD));
}

#[tokio::test]
async fn a_registry_of_a_private_ca_is_trusted_by_the_flag() {
    let server = TestApiServer::new();
    let registry = Registry::start(Kind::Tls);
    let artifact = push(&registry, "first").await;
    let stage = Stage::on(server.clone(), fixture("web.yaml"));
    name(&server, &artifact);
    let bundle = registry.ca_bundle();
    during(&server, &["--config-artifact-ca", bundle.to_str().unwrap()], async |_| {
        until("it is fetched", || backend(&stage).as_deref() == Some("first")).await;
    })
    .await;
}
