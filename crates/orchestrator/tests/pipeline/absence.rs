//! Nobody answers: said after a grace period, once, and at a time that only objects decide.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kube::runtime::controller::Action;

use crate::stage::{NAMESPACE, Stage, fixture};

/// A stage on which the provisioner has been silent for so long.
async fn unclaimed_for(seconds: i64) -> Stage {
    let stage = Stage::with("db.yaml");
    stage.pass().await.unwrap();
    let claim = stage.claim("shop-api-db").unwrap();
    stage.after(&claim.metadata, seconds)
}

#[tokio::test]
async fn a_provisioner_has_half_a_minute_to_answer() {
    let stage = unclaimed_for(29).await;
    let second = Action::requeue(Duration::from_secs(1));
    assert_eq!(stage.pass_until().await.unwrap(), (0, second));
    assert_eq!(stage.condition("ClaimsReady"), "False/BindingPending");
    assert!(stage.message("ClaimsReady").contains("waiting for `provisioner-postgres`"));
}

#[tokio::test]
async fn a_provisioner_that_never_answers_is_said_to_be_absent_in_one_write() {
    let stage = unclaimed_for(30).await;
    assert_eq!(stage.pass_until().await.unwrap(), (1, Action::await_change()));
    assert_eq!(stage.condition("Ready"), "False/BindingPending");
    let message = stage.message("Ready");
    assert!(
        message.contains("`provisioner-postgres`") && message.contains("ask your platform team"),
        "{message}"
    );
    assert_eq!(stage.pass_until().await.unwrap(), (0, Action::await_change()));
}

#[tokio::test]
async fn a_provisioner_that_answers_at_last_is_believed() {
    let stage = unclaimed_for(600).await;
    stage.pass().await.unwrap();
    stage.provisioner_says("shop-api-db", fixture("db.bound.yaml"));
    stage.pass().await.unwrap();
    assert_eq!(stage.condition("ClaimsReady"), "True/Succeeded");
}

/// A stage on which a provisioner has answered, and is asked something else.
async fn asked_again() -> Stage {
    let stage = unclaimed_for(600).await;
    stage.provisioner_says("shop-api-db", fixture("db.bound.yaml"));
    stage.pass().await.unwrap();
    stage.edit(|workload| {
        let params = serde_json::from_value(serde_json::json!({"size": 1}));
        workload.spec.resources.get_mut("db").unwrap().params = params.unwrap();
    });
    stage.pass().await.unwrap();
    stage
}

#[tokio::test]
async fn a_provisioner_that_has_answered_before_has_half_a_minute_for_what_is_new() {
    let stage = asked_again().await.later(29);
    assert_eq!(stage.pass_until().await.unwrap(), (0, Action::requeue(Duration::from_secs(1))));
    assert!(stage.message("ClaimsReady").contains("waiting for `provisioner-postgres`"));
}

#[tokio::test]
async fn a_provisioner_that_is_gone_is_said_to_be_in_one_write_until_it_is_back() {
    let stage = asked_again().await.later(30);
    assert_eq!(stage.pass_until().await.unwrap(), (1, Action::await_change()));
    assert_eq!(stage.condition("ClaimsReady"), "False/BindingPending");
    let message = stage.message("ClaimsReady");
    assert!(message.contains("`provisioner-postgres`") && message.contains("what changed"), "{message}");
    assert_eq!(stage.pass_until().await.unwrap(), (0, Action::await_change()));
    stage.provisioner_says("shop-api-db", fixture("db.bound.yaml"));
    stage.pass().await.unwrap();
    assert_eq!(stage.condition("ClaimsReady"), "True/Succeeded");
}

#[tokio::test]
async fn a_provisioner_that_works_on_what_is_new_for_long_is_not_absent() {
    let stage = asked_again().await;
    let mut answer: api_types::ResourceClaimStatus = fixture("db.bound.yaml");
    (answer.phase, answer.reason, answer.outputs_available) = (api_types::ClaimPhase::Binding, None, false);
    answer.message = Some("it grows.".into());
    stage.provisioner_says("shop-api-db", answer);
    let stage = stage.later(3_600);
    stage.pass().await.unwrap();
    assert_eq!(stage.message("ClaimsReady"), "Dependency `db`: it grows.");
    assert_eq!(stage.pass_until().await.unwrap(), (0, Action::await_change()));
}

/// A stage on which the runtime has been silent for so long.
async fn untaken_for(seconds: i64) -> Stage {
    let stage = Stage::with("web.yaml");
    stage.pass().await.unwrap();
    let exposure = stage.exposure().unwrap();
    stage.after(&exposure.metadata, seconds)
}

#[tokio::test]
async fn a_runtime_has_half_a_minute_to_answer() {
    let stage = untaken_for(10).await;
    assert_eq!(stage.pass_until().await.unwrap(), (0, Action::requeue(Duration::from_secs(20))));
    assert_eq!(stage.condition("RuntimeReady"), "False/RuntimeProvisioning");
}

#[tokio::test]
async fn a_runtime_that_never_answers_is_said_to_be_absent_in_one_write() {
    let stage = untaken_for(31).await;
    assert_eq!(stage.pass_until().await.unwrap(), (1, Action::await_change()));
    assert_eq!(stage.condition("Ready"), "False/RuntimeSelecting");
    let message = stage.message("Ready");
    assert!(
        message.contains("class `kubernetes`") && message.contains("ask your platform team"),
        "{message}"
    );
    assert_eq!(stage.pass_until().await.unwrap(), (0, Action::await_change()));
    stage.runtime_says("True", "Succeeded", None);
    stage.pass().await.unwrap();
    assert_eq!(stage.condition("Ready"), "True/Succeeded");
}

/// The runtime answers at the time `at` to another Workload in `namespace`.
fn answers_other(stage: &Stage, namespace: &str, at: Timestamp) {
    let mut other = stage.exposure().unwrap();
    (other.metadata.name, other.metadata.namespace) = (Some("other".into()), Some(namespace.into()));
    other.status = serde_json::from_value(serde_json::json!({"conditions": [{
        "type": "RuntimeReady", "status": "True", "reason": "Succeeded", "message": "", "lastTransitionTime": at,
    }]}))
    .unwrap();
    stage.server.insert(other);
}

#[tokio::test]
async fn a_runtime_that_answers_others_meanwhile_is_busy_and_not_absent() {
    let stage = untaken_for(3_600).await;
    answers_other(&stage, NAMESPACE, stage.now() - SignedDuration::from_secs(10));
    assert_eq!(stage.pass_until().await.unwrap(), (0, Action::requeue(Duration::from_secs(20))));
    assert_eq!(stage.condition("RuntimeReady"), "False/RuntimeProvisioning");
    let stage = stage.later(20);
    assert_eq!(stage.pass_until().await.unwrap(), (1, Action::await_change()));
    assert_eq!(stage.condition("RuntimeReady"), "False/RuntimeSelecting");
}

#[tokio::test]
async fn a_runtime_that_works_in_another_namespace_alone_is_absent_from_this_one() {
    let stage = untaken_for(3_600).await;
    answers_other(&stage, "elsewhere", stage.now());
    stage.pass().await.unwrap();
    assert_eq!(stage.condition("RuntimeReady"), "False/RuntimeSelecting");
}

/// A stage on which a runtime has brought the Workload up, and is asked for another version.
async fn changed() -> Stage {
    let stage = untaken_for(3_600).await;
    stage.runtime_says("True", "Succeeded", None);
    stage.pass().await.unwrap();
    stage.edit(|workload| workload.spec.containers.get_mut("main").unwrap().image = "web:2".into());
    stage.pass().await.unwrap();
    stage
}

#[tokio::test]
async fn a_runtime_that_has_answered_before_has_half_a_minute_for_the_next_version() {
    let stage = changed().await;
    assert_eq!(stage.pass_until().await.unwrap(), (0, Action::requeue(Duration::from_secs(30))));
    let stage = stage.later(29);
    assert_eq!(stage.pass_until().await.unwrap(), (0, Action::requeue(Duration::from_secs(1))));
    assert_eq!(stage.condition("Ready"), "False/RuntimeProvisioning");
}

#[tokio::test]
async fn a_runtime_that_is_gone_is_said_to_be_in_one_write_until_it_is_back() {
    let stage = changed().await.later(30);
    assert_eq!(stage.pass_until().await.unwrap(), (1, Action::await_change()));
    assert_eq!(stage.condition("Ready"), "False/RuntimeSelecting");
    let message = stage.message("Ready");
    assert!(message.contains("this version") && message.contains("class `kubernetes`"), "{message}");
    assert_eq!(stage.pass_until().await.unwrap(), (0, Action::await_change()));
    stage.runtime_says("True", "Succeeded", None);
    stage.pass().await.unwrap();
    assert_eq!(stage.condition("Ready"), "True/Succeeded");
}

#[tokio::test]
async fn a_roll_out_that_takes_long_is_no_absence() {
    let stage = changed().await;
    stage.runtime_says("False", "RuntimeProvisioning", None);
    let stage = stage.later(3_600);
    stage.pass().await.unwrap();
    assert_eq!(stage.condition("Ready"), "False/RuntimeProvisioning");
    assert_eq!(stage.pass_until().await.unwrap(), (0, Action::await_change()));
}

#[tokio::test]
async fn a_version_that_follows_another_has_a_time_of_its_own() {
    let stage = changed().await.later(25);
    stage.edit(|workload| workload.spec.containers.get_mut("main").unwrap().image = "web:3".into());
    stage.pass().await.unwrap();
    let stage = stage.later(25);
    assert_eq!(stage.pass_until().await.unwrap(), (0, Action::requeue(Duration::from_secs(5))));
}
