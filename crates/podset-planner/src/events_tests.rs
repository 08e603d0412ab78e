use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use podset_types::ScheduleTriggerStatus;
use serde_json::json;

use super::*;
use crate::{
    phase::{Hold, Why},
    pods::Stage,
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn trigger(status: Option<ScheduleTriggerStatus>) -> ScheduleTrigger {
    let mut trigger: ScheduleTrigger = serde_json::from_value(json!({
        "apiVersion": "planner.ciena.io/v1alpha1", "kind": "ScheduleTrigger",
        "metadata": {"namespace": "team", "name": "t", "uid": "t"}, "spec": {"state": "Planning"},
    }))
    .unwrap();
    trigger.status = status;
    trigger
}

fn member(name: &str, created: i64) -> Member {
    let mut pod = Pod::default();
    pod.metadata.creation_timestamp = Some(Time(at(created)));
    Member { pod: Arc::new(pod), uid: name.to_owned(), name: name.to_owned(), stage: Stage::Held }
}

fn names(news: Vec<(&Member, Reason)>) -> Vec<String> {
    news.into_iter().map(|(member, _)| member.name.clone()).collect()
}

#[test]
fn each_pod_is_told_once_and_again_when_the_reason_is_another() {
    let (told, trigger, one, two) = (Told::default(), trigger(None), member("one", 1), member("two", 2));
    assert_eq!(names(told.news(&trigger, vec![(&one, Reason::QuietTime)])), ["one"]);
    let both = || vec![(&one, Reason::QuietTime), (&two, Reason::QuietTime)];
    assert_eq!(names(told.news(&trigger, both())), ["two"]);
    assert!(told.news(&trigger, both()).is_empty());
    assert_eq!(
        names(told.news(&trigger, vec![(&one, Reason::Unplaced), (&two, Reason::QuietTime)])),
        ["one"]
    );
}

/// Of a trigger that has told pods created until second 5 that they wait for the quiet time.
fn quiet_until_5() -> ScheduleTriggerStatus {
    let condition = Condition {
        type_: "Released".to_owned(),
        status: "False".to_owned(),
        reason: "QuietTime".to_owned(),
        message: String::new(),
        observed_generation: None,
        last_transition_time: Time(at(0)),
    };
    ScheduleTriggerStatus {
        last_member_at: Some(Time(at(5))),
        conditions: vec![condition],
        ..ScheduleTriggerStatus::default()
    }
}

#[test]
fn a_pod_that_is_created_in_the_second_of_the_last_one_is_told() {
    let (told, trigger, new) = (Told::default(), trigger(Some(quiet_until_5())), member("new", 5));
    assert!(told.news(&trigger, Vec::new()).is_empty());
    assert_eq!(names(told.news(&trigger, vec![(&new, Reason::QuietTime)])), ["new"]);
}

#[test]
fn a_restart_tells_only_the_pods_that_came_since() {
    let (trigger, old, new) = (trigger(Some(quiet_until_5())), member("old", 5), member("new", 6));
    let both = |reason| vec![(&old, reason), (&new, reason)];
    assert_eq!(names(Told::default().news(&trigger, both(Reason::QuietTime))), ["new"]);
    assert_eq!(names(Told::default().news(&trigger, both(Reason::TooFewMembers))), ["old", "new"]);
}

#[test]
fn a_pod_that_waits_for_the_quiet_time_is_told_for_how_long() {
    let hold = Hold { since: at(0), why: Why::Quiet, until: Some(at(100)) };
    let world = World::without_set(Arc::new(trigger(None)), at(57));
    let event = event(&world, &member("one", 1), Reason::QuietTime, &Phase::Held(hold), &Intent::default());
    assert_eq!(event.note.as_deref(), Some("held by trigger t: quiet for 43 s more"));
    assert_eq!((event.reason.as_str(), event.action.as_str()), ("QuietTime", "Hold"));
}

#[test]
fn a_pod_without_a_place_is_told_why_no_node_takes_it() {
    let world = World::without_set(Arc::new(trigger(None)), at(0));
    let intent = Intent {
        unplaced: [("one".to_owned(), "0/3 nodes fit: 3 cordoned".to_owned())].into(),
        ..Intent::default()
    };
    let note = |name: &str, reason| {
        event(&world, &member(name, 1), reason, &Phase::Scheduling, &intent).note.unwrap()
    };
    assert_eq!(
        note("one", Reason::Unplaced),
        "held by trigger t: no node takes it: 0/3 nodes fit: 3 cordoned"
    );
    assert!(
        note("two", Reason::GangIncomplete).ends_with("until every pod of the gang has a place; 1 have none")
    );
}
