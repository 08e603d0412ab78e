//! The whole pipeline against an API server in memory, with provisioner and runtime played by the test.

#![allow(clippy::unwrap_used, clippy::panic)]

mod absence;
mod annotations;
mod artifact;
mod containers;
mod definition;
mod left_out;
mod living;
mod many;
mod platform_living;
mod platform_side;
mod protection;
mod random;
mod refusal;
mod sharing;
mod stage;

use api_types::{ClaimPhase, ResourceClaim, WorkloadExposure, WorkloadPlan, WorkloadPlanSpec};
use kube::api::ObjectMeta;
use platform::config::BUILTIN;
use serde_json::json;
use stage::{NAMESPACE, Stage, fixture, outcome};

/// A Workload with a database that is bound, its plan made and running.
async fn running_with_database() -> Stage {
    let stage = Stage::with("db.yaml");
    stage.pass().await.unwrap();
    stage.provisioner_says("shop-api-db", fixture("db.bound.yaml"));
    stage.pass().await.unwrap();
    stage.runtime_says("True", "Succeeded", None);
    stage.pass().await.unwrap();
    assert_eq!(stage.condition("Ready"), "True/Succeeded");
    stage
}

#[tokio::test]
async fn a_workload_becomes_a_plan_an_exposure_and_a_status_in_three_writes() {
    let stage = Stage::with("web.yaml");
    assert_eq!(stage.pass().await.unwrap(), 3);
    assert_eq!(stage.plan().unwrap().spec, fixture::<WorkloadPlanSpec>("web.plan.yaml"));
    assert_eq!(stage.exposure().unwrap().spec.workload_ref.uid, "uid-1");
    assert_eq!(stage.condition("Ready"), "False/RuntimeProvisioning");
}

#[tokio::test]
async fn everything_made_for_a_workload_is_owned_by_it_and_labelled() {
    let stage = Stage::with("db.yaml");
    stage.pass().await.unwrap();
    let claim = stage.claim("shop-api-db").unwrap();
    assert_eq!(claim.metadata.owner_references.unwrap()[0].uid, "uid-2");
    assert_eq!(claim.metadata.labels.unwrap()["score.dev/workload"], "shop-api");
}

#[tokio::test]
async fn a_process_that_starts_where_everything_is_done_writes_nothing() {
    let stage = running_with_database().await;
    assert_eq!(stage.pass().await.unwrap(), 0);
}

#[tokio::test]
async fn the_answer_of_the_runtime_is_one_write_and_brings_the_endpoint() {
    let stage = Stage::with("web.yaml");
    stage.pass().await.unwrap();
    stage.runtime_says("True", "Succeeded", None);
    assert_eq!(stage.pass().await.unwrap(), 1);
    assert_eq!(stage.condition("Ready"), "True/Succeeded");
    assert_eq!(stage.status().endpoint.as_deref(), Some("http://shop.team-a.svc"));
}

#[tokio::test]
async fn an_answer_to_another_plan_does_not_count() {
    let stage = Stage::with("web.yaml");
    stage.pass().await.unwrap();
    stage.runtime_says("True", "Succeeded", Some(7));
    stage.pass().await.unwrap();
    assert_eq!(stage.condition("Ready"), "False/RuntimeProvisioning");
    assert_eq!(stage.status().endpoint, None);
}

#[tokio::test]
async fn a_failing_runtime_is_mirrored_with_its_words() {
    let stage = Stage::with("web.yaml");
    stage.pass().await.unwrap();
    stage.runtime_says("False", "QuotaExceeded", None);
    stage.pass().await.unwrap();
    assert_eq!(stage.condition("RuntimeReady"), "False/QuotaExceeded");
    assert_eq!(stage.message("Ready"), "what to do");
}

#[tokio::test]
async fn a_new_generation_is_not_ready_before_the_runtime_has_answered_to_it() {
    let stage = Stage::changed("web.yaml").await;
    stage.pass().await.unwrap();
    assert_eq!(stage.condition("Ready"), "False/RuntimeProvisioning");
    assert_eq!(stage.plan().unwrap().spec.observed_workload_generation, 2);
}

#[tokio::test]
async fn no_plan_is_made_before_every_output_is_there() {
    let stage = Stage::with("db.yaml");
    stage.pass().await.unwrap();
    assert!(stage.plan().is_none());
    assert_eq!(stage.condition("Ready"), "False/BindingPending");
    assert_eq!(stage.condition("RuntimeReady"), "False/ProjectionError");
    let message = stage.message("RuntimeReady");
    assert!(message.starts_with("One or more required outputs are not resolved."), "{message}");
    assert!(message.contains("spec.containers.main.variables.DB_HOST"), "{message}");
    assert_eq!(stage.status().claims_bound.as_deref(), Some("0/1"));
}

#[tokio::test]
async fn a_secret_output_stays_a_reference_in_the_plan() {
    let stage = running_with_database().await;
    assert_eq!(stage.plan().unwrap().spec, fixture::<WorkloadPlanSpec>("db.plan.yaml"));
}

#[tokio::test]
async fn a_changed_output_changes_the_plan() {
    let stage = running_with_database().await;
    let mut answer: api_types::ResourceClaimStatus = fixture("db.bound.yaml");
    answer.outputs_revision = Some("rev-2".into());
    stage.provisioner_says("shop-api-db", answer);
    stage.pass().await.unwrap();
    assert_eq!(stage.plan().unwrap().spec.claims[0].outputs_revision.as_deref(), Some("rev-2"));
    assert_eq!(stage.condition("Ready"), "False/RuntimeProvisioning");
}

#[tokio::test]
async fn a_dependency_that_goes_away_leaves_the_plan_as_it_is() {
    let stage = running_with_database().await;
    let before = stage.plan();
    let mut answer: api_types::ResourceClaimStatus = fixture("db.bound.yaml");
    (answer.phase, answer.reason, answer.outputs_available) = (ClaimPhase::Binding, None, false);
    stage.provisioner_says("shop-api-db", answer);
    stage.pass().await.unwrap();
    assert_eq!(stage.plan(), before);
    assert_eq!(stage.condition("Ready"), "False/BindingPending");
    assert_eq!(stage.condition("RuntimeReady"), "True/Succeeded");
}

#[tokio::test]
async fn an_output_that_the_resource_does_not_have_is_named_with_those_it_has() {
    let stage = Stage::with("db.yaml");
    stage.edit(|workload| {
        let variables = &mut workload.spec.containers.get_mut("main").unwrap().variables;
        variables.insert("DB_HOST".into(), "${resources.db.hots}".into());
    });
    stage.pass().await.unwrap();
    stage.provisioner_says("shop-api-db", fixture("db.bound.yaml"));
    stage.pass().await.unwrap();
    assert_eq!(stage.condition("Ready"), "False/ProjectionError");
    let message = stage.message("Ready");
    assert!(message.contains("hots") && message.contains("username"), "{message}");
}

#[tokio::test]
async fn invalid_inputs_name_every_field_and_leave_what_runs_alone() {
    let stage = running_with_database().await;
    let (plan, endpoint) = (stage.plan(), stage.status().endpoint);
    stage.edit(|workload| {
        let main = workload.spec.containers.get_mut("main").unwrap();
        main.image = ".".into();
        main.variables.insert("X".into(), "${resources.nope.host}".into());
    });
    stage.pass().await.unwrap();
    assert_eq!(stage.condition("Ready"), "False/SpecInvalid");
    let message = stage.message("InputsValid");
    assert!(message.contains("spec.containers.main.image") && message.contains("variables.X"), "{message}");
    assert_eq!((stage.plan(), stage.status().endpoint), (plan, endpoint));
    assert_eq!(stage.status().claims[0].phase, ClaimPhase::Bound);
    assert_eq!(stage.pass().await.unwrap(), 0);
}

#[tokio::test]
async fn params_that_nest_too_deep_to_be_read_are_refused_like_others() {
    let stage = running_with_database().await;
    let plan = stage.plan();
    let nested = (0..150).fold(json!("a"), |within, _| json!([within]));
    stage.edit(|workload| {
        let params = workload.spec.resources.get_mut("db").unwrap().params.get_or_insert_default();
        params.0.insert("tree".into(), nested.clone());
    });
    stage.pass().await.unwrap();
    assert_eq!(stage.condition("Ready"), "False/SpecInvalid");
    let message = stage.message("InputsValid");
    assert!(message.contains("spec.resources.db.params.tree") && message.contains("64"), "{message}");
    assert_eq!(stage.plan(), plan);
    assert_eq!(stage.pass().await.unwrap(), 0);
}

#[tokio::test]
async fn a_profile_that_nobody_offers_is_said_with_those_there_are() {
    let stage = Stage::with("web.yaml");
    stage.edit(|workload| workload.spec.profile = Some("batch".into()));
    stage.pass().await.unwrap();
    assert_eq!(stage.condition("Ready"), "False/RuntimeSelecting");
    assert!(stage.message("Ready").contains("`web-service`"));
    assert!(stage.plan().is_none());
}

#[tokio::test]
async fn a_claim_goes_only_after_the_plan_without_it_has_rolled_out() {
    let stage = running_with_database().await;
    stage.edit(|workload| {
        workload.spec.resources.clear();
        workload.spec.containers.get_mut("main").unwrap().variables.clear();
    });
    stage.pass().await.unwrap();
    stage.runtime_says("False", "RuntimeProvisioning", None);
    stage.pass().await.unwrap();
    assert!(stage.claim("shop-api-db").is_some());
    stage.runtime_says("True", "Succeeded", None);
    stage.pass().await.unwrap();
    assert!(stage.claim("shop-api-db").is_none());
    assert_eq!(stage.condition("Ready"), "True/Succeeded");
}

#[tokio::test]
async fn a_claim_stays_while_the_plan_without_it_does_not_run() {
    let stage = running_with_database().await;
    stage.edit(|workload| {
        workload.spec.resources.clear();
        workload.spec.containers.get_mut("main").unwrap().variables.clear();
    });
    // The runtime's last word is Ready, but of the plan that still used the claim.
    stage.pass().await.unwrap();
    stage.pass().await.unwrap();
    assert!(stage.claim("shop-api-db").is_some());
    for reason in ["RuntimeProvisioning", "RuntimeDegraded", "QuotaExceeded"] {
        stage.runtime_says("False", reason, None);
        stage.pass().await.unwrap();
        assert!(stage.claim("shop-api-db").is_some(), "{reason}");
    }
    assert_eq!(stage.pass().await.unwrap(), 0);
}

#[tokio::test]
async fn a_claim_stays_while_the_plan_without_it_cannot_be_made() {
    let stage = running_with_database().await;
    stage.edit(|workload| {
        let db = workload.spec.resources.remove("db").unwrap();
        workload.spec.resources.insert("other".into(), db);
        let variables = &mut workload.spec.containers.get_mut("main").unwrap().variables;
        *variables = [("DB_HOST".to_owned(), "${resources.other.host}".to_owned())].into();
    });
    stage.pass().await.unwrap();
    stage.pass().await.unwrap();
    assert_eq!(stage.condition("Ready"), "False/BindingPending");
    assert!(stage.claim("shop-api-db").is_some() && stage.claim("shop-api-other").is_some());
    stage.provisioner_says("shop-api-other", fixture("db.bound.yaml"));
    stage.pass().await.unwrap();
    stage.runtime_says("True", "Succeeded", None);
    stage.pass().await.unwrap();
    assert!(stage.claim("shop-api-db").is_none());
    assert_eq!(stage.condition("Ready"), "True/Succeeded");
}

#[tokio::test]
async fn a_claim_stays_while_the_spec_without_it_is_not_valid() {
    let stage = running_with_database().await;
    stage.edit(|workload| workload.spec.resources.clear());
    stage.pass().await.unwrap();
    assert_eq!(stage.condition("Ready"), "False/SpecInvalid");
    stage.pass().await.unwrap();
    assert!(stage.claim("shop-api-db").is_some());
}

#[tokio::test]
async fn a_claim_does_not_become_another_type_which_would_lose_its_data() {
    let stage = running_with_database().await;
    stage
        .server
        .modify(NAMESPACE, "shop-api-db", |claim: &mut ResourceClaim| claim.spec.type_ = "mysql".into());
    let before = stage.claim("shop-api-db");
    stage.pass().await.unwrap();
    assert_eq!(stage.claim("shop-api-db"), before);
    assert_eq!(stage.condition("ClaimsReady"), "False/BindingFailed");
    assert!(stage.message("ClaimsReady").contains("use another key"));
}

#[tokio::test]
async fn a_claim_does_not_go_from_provisioner_to_provisioner_and_both_are_named() {
    let stage = running_with_database().await;
    let before = stage.claim("shop-api-db");
    let renamed = BUILTIN.replace("provisioner: provisioner-postgres", "provisioner: postgres-next");
    let stage = stage.configured(&renamed);
    stage.pass().await.unwrap();
    assert_eq!(stage.claim("shop-api-db"), before);
    assert_eq!(stage.condition("ClaimsReady"), "False/BindingFailed");
    let message = stage.message("ClaimsReady");
    for words in
        ["`provisioner-postgres`", "`postgres-next`", "ask your platform team", "another key starts empty"]
    {
        assert!(message.contains(words), "{message}");
    }
    assert!(!message.contains("cannot become"), "{message}");
    let stage = stage.configured(BUILTIN);
    stage.pass().await.unwrap();
    assert_eq!(stage.condition("Ready"), "True/Succeeded");
}

#[tokio::test]
async fn a_claim_of_another_workload_in_the_way_is_left_alone_and_named() {
    let stage = Stage::with("db.yaml");
    let foreign = json!({
        "apiVersion": "score.dev/v1b1", "kind": "ResourceClaim",
        "metadata": {"name": "shop-api-db", "namespace": NAMESPACE, "uid": "c"},
        "spec": {
            "workloadRef": {"name": "shop", "uid": "other"}, "key": "api-db", "type": "postgres", "class": "default",
            "provisioner": "provisioner-postgres", "deprovisionPolicy": "Delete",
        },
    });
    stage.server.insert::<ResourceClaim>(serde_json::from_value(foreign).unwrap());
    stage.pass().await.unwrap();
    assert_eq!(stage.claim("shop-api-db").unwrap().spec.workload_ref.name, "shop");
    let message = stage.message("ClaimsReady");
    assert!(message.contains("`api-db` of Workload `shop`"), "{message}");
}

#[tokio::test]
async fn what_an_earlier_workload_of_the_name_left_is_waited_for() {
    let stage = running_with_database().await;
    stage.recreate("uid-new");
    stage.pass().await.unwrap();
    assert_eq!(stage.plan().unwrap().spec.workload_ref.uid, "uid-2");
    assert_eq!(stage.claim("shop-api-db").unwrap().spec.workload_ref.uid, "uid-2");
    assert_eq!(stage.condition("Ready"), "False/BindingPending");
    for name in ["shop-api", "shop-api-db"] {
        stage.server.remove::<WorkloadPlan>(NAMESPACE, name);
        stage.server.remove::<WorkloadExposure>(NAMESPACE, name);
        stage.server.remove::<ResourceClaim>(NAMESPACE, name);
    }
    stage.pass().await.unwrap();
    assert_eq!(stage.claim("shop-api-db").unwrap().spec.workload_ref.uid, "uid-new");
}

#[tokio::test]
async fn what_was_left_behind_on_purpose_is_taken_over_by_the_next_workload_of_the_name() {
    let stage = running_with_database().await;
    stage.recreate("uid-new");
    let orphan = |metadata: &mut ObjectMeta| metadata.owner_references = None;
    stage.server.modify(NAMESPACE, "shop-api-db", |claim: &mut ResourceClaim| orphan(&mut claim.metadata));
    stage.server.modify(NAMESPACE, "shop-api", |plan: &mut WorkloadPlan| orphan(&mut plan.metadata));
    stage.server.modify(NAMESPACE, "shop-api", |exposure: &mut WorkloadExposure| {
        orphan(&mut exposure.metadata);
    });
    let uid = stage.claim("shop-api-db").unwrap().metadata.uid;
    stage.pass().await.unwrap();
    let claim = stage.claim("shop-api-db").unwrap();
    assert_eq!((claim.metadata.uid, claim.spec.workload_ref.uid.as_str()), (uid, "uid-new"));
    assert_eq!(claim.metadata.owner_references.unwrap()[0].uid, "uid-new");
    stage.provisioner_says("shop-api-db", fixture("db.bound.yaml"));
    stage.pass().await.unwrap();
    assert_eq!(stage.plan().unwrap().spec.workload_ref.uid, "uid-new");
}

#[tokio::test]
async fn params_wait_for_the_outputs_that_they_use() {
    let stage = Stage::with("db.yaml");
    stage.edit(|workload| {
        let mut second = workload.spec.resources["db"].clone();
        second.params = serde_json::from_value(json!({"near": "${resources.db.host}"})).unwrap();
        workload.spec.resources.insert("copy".into(), second);
    });
    stage.pass().await.unwrap();
    assert!(stage.claim("shop-api-copy").is_none());
    stage.provisioner_says("shop-api-db", fixture("db.bound.yaml"));
    stage.pass().await.unwrap();
    let params = stage.claim("shop-api-copy").unwrap().spec.params.unwrap();
    assert_eq!(params.0["near"], "db.team-a.svc");
}

#[tokio::test]
async fn params_go_from_dependency_to_dependency_in_the_order_that_they_need() {
    let stage = Stage::with("db.yaml");
    stage.edit(|workload| {
        let resource = |params| api_types::Resource {
            params: serde_json::from_value(params).unwrap(),
            ..workload.spec.resources["db"].clone()
        };
        let near =
            resource(json!({"hosts": ["${resources.db.host}"], "tls": {"key": "${resources.db.password}"}}));
        let far = resource(json!({"near": "${resources.near.host}:${resources.near.port}"}));
        workload.spec.resources.extend([("near".to_owned(), near), ("far".to_owned(), far)]);
    });
    for claim in ["shop-api-db", "shop-api-near", "shop-api-far"] {
        assert!(stage.claim(claim).is_none());
        stage.pass().await.unwrap();
        stage.provisioner_says(claim, fixture("db.bound.yaml"));
    }
    let params = |claim| serde_json::to_value(stage.claim(claim).unwrap().spec.params).unwrap();
    let key = json!([{"secretKeyRef": {"name": "shop-api-db-postgres-secret", "key": "password"}}]);
    assert_eq!(params("shop-api-near"), json!({"hosts": ["db.team-a.svc"], "tls": {"key": key}}));
    assert_eq!(params("shop-api-far"), json!({"near": "db.team-a.svc:5432"}));
    stage.pass().await.unwrap();
    assert_eq!(stage.condition("ClaimsReady"), "True/Succeeded");
}

#[tokio::test]
async fn a_cycle_of_params_is_named_and_makes_no_claim() {
    let stage = Stage::with("db.yaml");
    stage.edit(|workload| {
        let db = workload.spec.resources.get_mut("db").unwrap();
        db.params = serde_json::from_value(json!({"of": "${resources.copy.host}"})).unwrap();
        let mut copy = db.clone();
        copy.params = serde_json::from_value(json!({"of": "${resources.db.host}"})).unwrap();
        workload.spec.resources.insert("copy".into(), copy);
    });
    stage.pass().await.unwrap();
    assert_eq!(stage.condition("Ready"), "False/SpecInvalid");
    assert!(stage.message("Ready").contains("copy → db → copy"), "{}", stage.message("Ready"));
    assert!(stage.server.list::<ResourceClaim>().is_empty());
}

#[tokio::test]
async fn what_the_user_says_about_a_resource_reaches_its_provisioner() {
    let stage = Stage::with("db.yaml");
    stage.edit(|workload| {
        let metadata =
            serde_json::from_value(json!({"annotations": {"example.com/tier": "gold"}, "note": "${as.is}"}));
        workload.spec.resources.get_mut("db").unwrap().metadata = metadata.unwrap();
    });
    stage.pass().await.unwrap();
    let metadata = stage.claim("shop-api-db").unwrap().spec.metadata.0;
    assert_eq!(json!(metadata), json!({"annotations": {"example.com/tier": "gold"}, "note": "${as.is}"}));
}

#[tokio::test]
async fn a_plan_that_the_api_server_refuses_is_told_and_tried_again() {
    let stage = Stage::with("web.yaml");
    stage.server.fail_next(|request| request.is_about("workloadplans.score.dev") && request.is_write(), 422);
    stage.pass().await.unwrap_err();
    assert_eq!(stage.condition("RuntimeReady"), "False/ProjectionError");
    assert!(stage.message("Ready").contains("make large files and variables smaller"));
    stage.pass().await.unwrap();
    assert!(stage.plan().is_some());
    assert_eq!(stage.condition("RuntimeReady"), "False/RuntimeProvisioning");
}

#[tokio::test]
async fn a_process_that_dies_between_any_two_writes_is_followed_by_one_that_ends_the_same() {
    let undisturbed = outcome(&running_with_database().await.server);
    for writes in 0..4 {
        let stage = Stage::with("db.yaml");
        let dies_and_returns = async || {
            stage.server.fail_after(writes);
            let _ = stage.pass().await;
            stage.server.heal();
            stage.pass().await.unwrap();
        };
        dies_and_returns().await;
        stage.provisioner_says("shop-api-db", fixture("db.bound.yaml"));
        dies_and_returns().await;
        stage.runtime_says("True", "Succeeded", None);
        dies_and_returns().await;
        assert_eq!(outcome(&stage.server), undisturbed, "died after {writes} writes");
    }
}
