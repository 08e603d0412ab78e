use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use podset_types::ScheduleTrigger;
use serde_json::json;

use super::*;
use crate::{phase::phase, validate::validate};

fn world(spec: &serde_json::Value, pods: &[serde_json::Value]) -> World {
    let trigger: ScheduleTrigger = serde_json::from_value(json!({
        "apiVersion": "planner.ciena.io/v1alpha1", "kind": "ScheduleTrigger", "spec": spec,
        "metadata": {
            "namespace": "team", "name": "t", "generation": 4, "creationTimestamp": "2026-01-01T00:00:00Z",
            "labels": {"planner.ciena.io/pod-set": "web"},
        },
    }))
    .unwrap();
    let pod = |(number, spec): (usize, &serde_json::Value)| {
        let name = format!("web-{number}");
        let metadata = json!({"name": name, "uid": name, "creationTimestamp": "2026-01-01T00:00:10Z"});
        let pod: Pod = serde_json::from_value(json!({"metadata": metadata, "spec": spec})).unwrap();
        Arc::new(pod)
    };
    let now = "2026-01-01T00:00:30Z".parse().unwrap();
    World { pods: pods.iter().enumerate().map(pod).collect(), ..World::without_set(Arc::new(trigger), now) }
}

fn held() -> serde_json::Value {
    json!({"containers": [], "schedulingGates": [{"name": "planner.ciena.io/pod-set"}]})
}

fn bound() -> serde_json::Value {
    json!({"containers": [], "nodeName": "n1"})
}

fn told(world: &World, intent: &Intent) -> ScheduleTriggerStatus {
    let set = validate(world).unwrap();
    compute(world, &set, &phase(world, &set), intent)
}

/// Type, status and reason of every condition.
fn conditions_of(status: &ScheduleTriggerStatus) -> Vec<String> {
    status.conditions.iter().map(|one| format!("{} {} {}", one.type_, one.status, one.reason)).collect()
}

fn message(status: &ScheduleTriggerStatus, type_: &str) -> String {
    conditions::find(&status.conditions, type_).unwrap().message.clone()
}

#[test]
fn a_set_that_is_held_says_until_when_and_how_many_wait() {
    let status = told(
        &world(&json!({"state": "Planning", "quietTime": "60s"}), &[held(), held()]),
        &Intent::default(),
    );
    assert_eq!(status.quiet_until.unwrap().0.to_string(), "2026-01-01T00:01:10Z");
    assert_eq!(status.planning_since.unwrap().0.to_string(), "2026-01-01T00:00:00Z");
    assert_eq!(status.members.unwrap(), MemberCounts { total: 2, gated: 2, ..MemberCounts::default() });
    assert_eq!(status.observed_generation, Some(4));
    assert!(status.conditions.iter().all(|condition| condition.observed_generation == Some(4)));
}

#[test]
fn a_set_whose_members_are_bound_is_ready() {
    let status = told(&world(&json!({"state": "Schedule"}), &[bound(), bound()]), &Intent::default());
    let expected = [
        "Ready True Succeeded",
        "Planned True Succeeded",
        "Released True Succeeded",
        "Scheduled True Succeeded",
        "Degraded False Succeeded",
    ];
    assert_eq!(conditions_of(&status), expected);
    assert_eq!(
        status.members.unwrap(),
        MemberCounts { total: 2, released: 2, bound: 2, ..MemberCounts::default() }
    );
}

#[test]
fn a_set_without_members_is_not_ready_and_nothing_is_wrong() {
    let status = told(&world(&json!({"state": "Schedule"}), &[]), &Intent::default());
    let words = conditions_of(&status);
    assert!(
        words.contains(&"Ready False NoMembers".to_owned())
            && words.contains(&"Degraded False Succeeded".to_owned())
    );
}

#[test]
fn what_has_no_place_is_told_with_where_to_look() {
    let intent =
        Intent { unplaced: [("web-0".to_owned(), "0/1 nodes fit".to_owned())].into(), ..Intent::default() };
    let status = told(&world(&json!({"state": "Schedule"}), &[held(), bound()]), &intent);
    assert!(conditions_of(&status).contains(&"Released False Unplaced".to_owned()));
    assert!(message(&status, "Ready").contains("1 of 2 members have no place"));
    let gang = told(&world(&json!({"state": "Schedule", "atomicity": "Gang"}), &[held(), held()]), &intent);
    assert!(conditions_of(&gang).contains(&"Released False GangIncomplete".to_owned()));
}

#[test]
fn a_gang_that_lacks_members_says_so() {
    let spec = json!({"state": "Schedule", "atomicity": "Gang", "minMembers": 3});
    let status = told(&world(&spec, &[held(), held()]), &Intent::default());
    assert!(conditions_of(&status).contains(&"Released False TooFewMembers".to_owned()));
    assert!(message(&status, "Released").contains("2 of at least 3"));
}

#[test]
fn what_needs_somebody_degrades_and_is_what_ready_says() {
    let malformed = told(&world(&json!({"state": "Planning", "quietTime": "2x"}), &[]), &Intent::default());
    let stranded = Intent { stranded: vec!["web-0".to_owned()], ..Intent::default() };
    let stranded = told(&world(&json!({"state": "Schedule"}), &[bound()]), &stranded);
    let (name, node, why) = ("web-0".to_owned(), "n1".to_owned(), "0/3 nodes are available".to_owned());
    let refused = Intent { refused: vec![crate::build::Refused { name, node, why }], ..Intent::default() };
    let refused = told(&world(&json!({"state": "Schedule"}), &[bound()]), &refused);
    assert!(message(&refused, "Degraded").contains("0/3 nodes are available"));
    for (status, reason) in [(malformed, "MalformedDuration"), (stranded, "Stranded"), (refused, "Refused")] {
        let words = conditions_of(&status);
        assert!(words.contains(&format!("Degraded True {reason}")), "{words:?}");
        assert_eq!(message(&status, "Ready"), message(&status, "Degraded"));
    }
}

#[test]
fn what_the_api_server_refuses_is_named_with_its_words_and_counted() {
    let rejected = |name: &str| crate::rejected::Rejected {
        uid: name.to_owned(),
        name: name.to_owned(),
        write: crate::rejected::Write::Release,
        why: "denied by policy pins".to_owned(),
        again: std::time::Duration::from_secs(5),
    };
    let intent = Intent { rejected: vec![rejected("web-0"), rejected("web-1")], ..Intent::default() };
    let status = told(&world(&json!({"state": "Schedule"}), &[held(), held(), bound()]), &intent);
    assert!(conditions_of(&status).contains(&"Degraded True Rejected".to_owned()));
    let said = message(&status, "Degraded");
    assert!(
        said.starts_with("The API server does not let the planner release web-0 (and 1 more): "),
        "{said}"
    );
    assert!(said.ends_with("denied by policy pins"), "{said}");
}

#[test]
fn who_was_released_to_a_scheduler_that_does_not_look_is_named() {
    let intent = Intent { untried: vec!["web-0".to_owned()], ..Intent::default() };
    let status = told(&world(&json!({"state": "Schedule"}), &[bound()]), &intent);
    assert!(conditions_of(&status).contains(&"Degraded True NoScheduler".to_owned()));
    assert!(message(&status, "Degraded").contains("podset-planner-scheduler"));
}

#[test]
fn where_more_have_no_place_than_the_plan_names_that_is_said() {
    let said = |count: usize| {
        let unplaced = (0..count).map(|number| (format!("web-{number}"), "0/1 nodes fit".to_owned()));
        let intent = Intent { unplaced: unplaced.collect(), ..Intent::default() };
        message(&told(&world(&json!({"state": "Schedule"}), &[held()]), &intent), "Planned")
    };
    assert!(said(NAMED).ends_with("gives the reason for each."), "{}", said(NAMED));
    assert!(said(NAMED + 1).ends_with("gives the reason for the first 100."), "{}", said(NAMED + 1));
}

#[test]
fn a_set_that_runs_and_whose_trigger_is_set_back_is_still_planned_released_and_ready() {
    let planned = |pods: &[serde_json::Value], planned: usize| {
        let items: Vec<_> =
            (0..planned).map(|number| json!({"pod": format!("web-{number}"), "node": "n1"})).collect();
        let plan = json!({
            "apiVersion": "planner.ciena.io/v1alpha1", "kind": "SchedulePlan", "spec": {"plan": items},
            "metadata": {"name": podset_types::plan_name("", "web")},
        });
        let mut world = world(&json!({"state": "Planning"}), pods);
        world.plan = Some(Arc::new(serde_json::from_value(plan).unwrap()));
        let set = validate(&world).unwrap();
        let intent = crate::build::build(&world, &set, &phase(&world, &set), None);
        conditions_of(&told(&world, &intent))
    };
    let words = planned(&[bound(), bound()], 2);
    for word in ["Ready True Succeeded", "Planned True Succeeded", "Released True Succeeded"] {
        assert!(words.contains(&word.to_owned()), "{words:?}");
    }
    let words = planned(&[bound(), bound(), held()], 2);
    for word in ["Ready False HeldByUser", "Planned False HeldByUser", "Released False HeldByUser"] {
        assert!(words.contains(&word.to_owned()), "{words:?}");
    }
    let words = planned(&[bound(), bound()], 1);
    for word in ["Planned False HeldByUser", "Released True Succeeded"] {
        assert!(words.contains(&word.to_owned()), "{words:?}");
    }
    assert!(planned(&[], 0).contains(&"Released False HeldByUser".to_owned()));
}

#[test]
fn a_trigger_that_governs_nothing_says_what_to_do() {
    let world = world(&json!({"state": "Planning"}), &[]);
    let conflict = refused(&world, &Refusal::Conflict("older".to_owned()));
    assert_eq!(
        conditions_of(&conflict),
        ["Ready False Conflict", "Conflict True Conflict", "Degraded True Conflict"]
    );
    assert!(message(&conflict, "Conflict").contains("older trigger older"));
    let unlabelled = refused(&world, &Refusal::NoPodSet);
    assert!(message(&unlabelled, "Ready").contains("planner.ciena.io/pod-set"));
}

#[test]
fn saying_the_same_again_changes_nothing() {
    let mut world = world(&json!({"state": "Planning"}), &[held()]);
    let status = told(&world, &Intent::default());
    Arc::make_mut(&mut world.trigger).status = Some(status.clone());
    world.now = "2026-01-02T00:00:00Z".parse().unwrap();
    assert_eq!(told(&world, &Intent::default()), status);
}

fn asked(refused: &[(&str, &str)]) -> Intent {
    let refused = refused.iter().map(|(planner, why)| ((*planner).to_owned(), (*why).to_owned())).collect();
    Intent { external: Some(crate::build::External { asked: 1, chosen: None, refused }), ..Intent::default() }
}

#[test]
fn an_external_planner_that_is_of_no_use_is_named_and_degrades_nothing() {
    let world = world(&json!({"state": "Schedule"}), &[bound()]);
    let status = told(&world, &asked(&[("team/bad", "is down")]));
    let conditions = conditions_of(&status);
    assert!(conditions.contains(&"ExternalPlanners False PlannerRefused".to_owned()), "{conditions:?}");
    assert!(conditions.contains(&"Ready True Succeeded".to_owned()), "{conditions:?}");
    assert!(message(&status, "ExternalPlanners").contains("team/bad is down"));
    assert!(
        conditions_of(&told(&world, &asked(&[]))).contains(&"ExternalPlanners True Succeeded".to_owned())
    );
}

#[test]
fn what_was_said_of_external_planners_stays_until_they_are_asked_again_or_gone() {
    let mut world = world(&json!({"state": "Schedule"}), &[bound()]);
    let first = told(&world, &asked(&[("team/bad", "is down")]));
    let trigger = Arc::make_mut(&mut world.trigger);
    trigger.status = Some(first.clone());
    assert_eq!(told(&world, &Intent::default()), first);
    let gone = Intent { external: Some(crate::build::External::default()), ..Intent::default() };
    assert!(conditions::find(&told(&world, &gone).conditions, "ExternalPlanners").is_none());
}

#[test]
fn who_has_done_its_work_is_a_member_and_who_has_failed_is_none() {
    let mut world = world(&json!({"state": "Schedule"}), &[bound(), bound(), bound()]);
    for (pod, phase) in world.pods.iter_mut().zip(["Succeeded", "Failed", "Running"]) {
        Arc::make_mut(pod).status.get_or_insert_default().phase = Some(phase.to_owned());
    }
    let set = validate(&world).unwrap();
    let intent = crate::build::build(&world, &set, &phase(&world, &set), None);
    let status = told(&world, &intent);
    assert_eq!(
        status.members.unwrap(),
        MemberCounts { total: 2, planned: 2, released: 2, bound: 2, ..MemberCounts::default() }
    );
    assert!(conditions_of(&status).contains(&"Ready True Succeeded".to_owned()));
}
