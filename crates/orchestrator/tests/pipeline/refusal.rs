//! What the API server forbids the orchestrator: a quota, a rule of the organisation, a right that is missing.

use api_types::ClaimPhase;
use controller_kit::Applier;
use k8s_controller::{Context as _, Error, Phase};
use orchestrator::{DEFINITION, controller::Orchestrator};

use crate::stage::{Stage, caches};

/// The next write of this kind is forbidden.
fn forbid(stage: &Stage, resource: &'static str) {
    stage.server.fail_next(move |request| request.is_about(resource) && request.is_write(), 403);
}

#[tokio::test]
async fn a_new_workload_whose_plan_is_forbidden_is_told_and_tried_again() {
    let stage = Stage::with("web.yaml");
    forbid(&stage, "workloadplans.score.dev");
    stage.pass().await.unwrap_err();
    assert_eq!(stage.condition("Ready"), "False/PermissionDenied");
    assert!(stage.message("Ready").contains("ask your platform team"), "{}", stage.message("Ready"));
    stage.pass().await.unwrap();
    assert_eq!(stage.condition("Ready"), "False/RuntimeProvisioning");
}

#[tokio::test]
async fn a_changed_workload_whose_plan_is_forbidden_is_not_ready_for_its_new_version() {
    let stage = Stage::changed("web.yaml").await;
    forbid(&stage, "workloadplans.score.dev");
    stage.pass().await.unwrap_err();
    assert_eq!(stage.condition("Ready"), "False/PermissionDenied");
    assert_eq!(stage.plan().unwrap().spec.observed_workload_generation, 1);
}

#[tokio::test]
async fn a_claim_that_is_forbidden_has_failed_and_says_why() {
    let stage = Stage::with("db.yaml");
    forbid(&stage, "resourceclaims.score.dev");
    stage.pass().await.unwrap_err();
    assert_eq!(stage.status().claims[0].phase, ClaimPhase::Failed);
    assert_eq!(stage.condition("Ready"), "False/BindingFailed");
    assert!(stage.message("Ready").contains("ask your platform team"), "{}", stage.message("Ready"));
    assert_eq!(stage.condition("RuntimeReady"), "False/PermissionDenied");
}

#[tokio::test]
async fn what_the_api_server_says_of_a_write_is_no_event_for_users() {
    let stage = Stage::with("web.yaml");
    forbid(&stage, "workloadplans.score.dev");
    let error = Error::ControllerError(stage.pass().await.unwrap_err());
    let applier = Applier::new(stage.server.client(), DEFINITION.name);
    let orchestrator = Orchestrator::reading(caches(&stage.server), stage.governance(), applier);
    let event = orchestrator.failure_event(&stage.workload(), Phase::Apply, &error);
    assert!(event.is_none());
}
