use std::sync::Arc;

use k8s_openapi::{api::core::v1::Pod, apimachinery::pkg::apis::meta::v1::Time};
use podset_types::ScheduleTrigger;

use super::*;
use crate::validate::validate;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// A trigger that was made at second 100, with pods that were made at `pods`, at second `now`.
fn world(spec: &str, pods: &[i64], now: i64) -> World {
    let trigger = format!(
        "{{apiVersion: planner.ciena.io/v1alpha1, kind: ScheduleTrigger, metadata: {{namespace: team, name: t, \
         creationTimestamp: '{}', labels: {{planner.ciena.io/pod-set: web}}}}, spec: {{{spec}}}}}",
        at(100)
    );
    let trigger: ScheduleTrigger = serde_yaml_ng::from_str(&trigger).unwrap();
    let pod = |(number, created): (usize, &i64)| {
        let mut pod = Pod::default();
        pod.metadata.name = Some(format!("web-{number}"));
        pod.metadata.creation_timestamp = Some(Time(at(*created)));
        Arc::new(pod)
    };
    let pods = pods.iter().enumerate().map(pod).collect();
    World { pods, ..World::without_set(Arc::new(trigger), at(now)) }
}

fn of(world: &World) -> Phase {
    phase(world, &validate(world).unwrap())
}

fn until(world: &World) -> (Why, Option<i64>) {
    match of(world) {
        Phase::Held(hold) => (hold.why, hold.until.map(Timestamp::as_second)),
        other => panic!("{other:?}"),
    }
}

fn with_status(mut world: World, status: ScheduleTriggerStatus) -> World {
    Arc::make_mut(&mut world.trigger).status = Some(status);
    world
}

#[test]
fn without_a_quiet_time_only_users_set_the_state() {
    assert_eq!(until(&world("state: Planning", &[100], 1_000_000)), (Why::ByUser, None));
    assert_eq!(of(&world("state: Schedule", &[], 100)), Phase::Scheduling);
}

/// D4: the quiet time was counted from the start of the process and took no notice of pods.
#[test]
fn d4_the_quiet_time_begins_with_the_newest_pod_and_not_before_the_trigger() {
    let quiet = "state: Planning, quietTime: 2m0s";
    assert_eq!(until(&world(quiet, &[], 101)), (Why::Quiet, Some(220)));
    assert_eq!(until(&world(quiet, &[50, 90], 101)), (Why::Quiet, Some(220)));
    assert_eq!(until(&world(quiet, &[50, 150], 219)), (Why::Quiet, Some(270)));
    assert_eq!(of(&world(quiet, &[50, 150], 270)), Phase::Due);
    assert_eq!(of(&world(quiet, &[], 220)), Phase::Due);
}

/// D4, D5: what counts stands in objects, so a restart neither restarts the delay nor forgets it.
#[test]
fn d5_a_trigger_that_goes_back_to_planning_waits_anew() {
    let again = world("state: Planning, quietTime: 2m0s", &[50], 1000);
    let scheduled =
        ScheduleTriggerStatus { observed_generation: Some(2), ..ScheduleTriggerStatus::default() };
    assert_eq!(until(&with_status(again.clone(), scheduled.clone())), (Why::Quiet, Some(1120)));
    let told = ScheduleTriggerStatus { planning_since: Some(Time(at(1000))), ..scheduled };
    let later = World { now: at(1050), ..again };
    assert_eq!(until(&with_status(later.clone(), told.clone())), (Why::Quiet, Some(1120)));
    assert_eq!(of(&with_status(World { now: at(1120), ..later }, told)), Phase::Due);
}

#[test]
fn a_trigger_that_was_away_and_back_since_its_status_was_written_waits_anew() {
    let of_generation = |generation: i64| {
        let mut world = world("state: Planning, quietTime: 2m0s", &[50], 1000);
        Arc::make_mut(&mut world.trigger).metadata.generation = Some(generation);
        let told = ScheduleTriggerStatus {
            observed_generation: Some(4),
            planning_since: Some(Time(at(100))),
            ..ScheduleTriggerStatus::default()
        };
        with_status(world, told)
    };
    // It was fired and that was not told, and then somebody set it back.
    assert_eq!(until(&of_generation(6)), (Why::Quiet, Some(1120)));
    assert_eq!(of(&of_generation(4)), Phase::Due);
    assert_eq!(
        of(&of_generation(5)),
        Phase::Due,
        "one change leads from Planning to Planning only elsewhere"
    );
}

#[test]
fn a_set_with_too_few_members_waits_for_more_and_at_most_the_maximum() {
    let few = "state: Planning, quietTime: 10s, minMembers: 2";
    assert_eq!(until(&world(few, &[100], 500)), (Why::TooFew, None));
    assert_eq!(until(&world(few, &[100, 495], 500)), (Why::Quiet, Some(505)));
    assert_eq!(
        until(&world("state: Planning, quietTime: 10s, minMembers: 1", &[], 500)),
        (Why::TooFew, None)
    );
    let limited = "state: Planning, quietTime: 10s, minMembers: 2, maxWait: 60s";
    assert_eq!(until(&world(limited, &[100], 150)), (Why::TooFew, Some(160)));
    assert_eq!(of(&world(limited, &[100], 160)), Phase::Due);
    assert_eq!(until(&world(limited, &[100, 155], 158)), (Why::Quiet, Some(160)));
}

#[test]
fn a_maximum_alone_is_a_time_to_wait() {
    assert_eq!(until(&world("state: Planning, maxWait: 60s", &[], 101)), (Why::Quiet, Some(160)));
    assert_eq!(of(&world("state: Planning, maxWait: 60s", &[159], 160)), Phase::Due);
}

#[test]
fn a_duration_that_cannot_be_read_never_ends_by_itself() {
    let (why, end) = until(&world("state: Planning, quietTime: 2x, maxWait: 1s", &[], 1_000_000));
    assert!(matches!(why, Why::Malformed(sentence) if sentence.contains("spec.quietTime")));
    assert_eq!(end, None);
    assert_eq!(of(&world("state: Schedule, quietTime: 2x", &[], 0)), Phase::Scheduling);
}

#[test]
fn a_time_beyond_all_times_never_comes() {
    for spec in ["state: Planning, quietTime: 2562047h", "state: Planning, maxWait: 2562047h"] {
        let since = Some(Time(at(253_402_200_000)));
        let status = ScheduleTriggerStatus { planning_since: since, ..ScheduleTriggerStatus::default() };
        let Phase::Held(hold) = of(&with_status(world(spec, &[], 253_402_200_100), status)) else {
            panic!("{spec}")
        };
        assert_eq!((hold.until, hold.left(at(0))), (None, None), "{spec}");
    }
}
