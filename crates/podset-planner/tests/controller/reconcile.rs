//! The whole pass, before an API server in memory.

use std::{collections::BTreeSet, time::Duration};

use crate::world::{NAMESPACE, SET, TRIGGER, World, condition, is_held, node, pinned, pod, trigger};
use clap::Parser as _;
use controller_kit::Applier;
use k8s_openapi::api::{
    core::v1::{Node, Pod, PodCondition},
    events::v1::Event,
};
use kube::{ResourceExt as _, runtime::controller::Action};
use podset_planner::{Args, Command, NAME, sweep, verify};
use podset_types::{
    GATE, LABEL_POD_SET, LABEL_QUIET_TIME, SCHEDULER, SchedulePlan, ScheduleTrigger, TriggerState, plan_name,
};
use serde_json::json;

fn schedule() -> serde_json::Value {
    json!({"state": "Schedule"})
}

fn gang() -> serde_json::Value {
    json!({"state": "Schedule", "atomicity": "Gang"})
}

fn planning() -> serde_json::Value {
    json!({"state": "Planning"})
}

/// The notes of all events.
fn notes(world: &World) -> Vec<String> {
    world.server.list::<Event>().into_iter().filter_map(|event| event.note).collect()
}

#[tokio::test]
async fn a_gang_costs_a_plan_a_few_statuses_and_two_writes_for_each_pod() {
    let world = World::new(&gang(), 2, 3);
    world.pass().await.unwrap();
    let expected = [
        "PATCH scheduleplans",
        "PATCH scheduleplans/status",
        "PATCH pods/status",
        "PATCH pods",
        "PATCH scheduletriggers/status",
    ];
    assert_eq!(world.written(), expected);
    assert_eq!(world.server.writes().len(), 3 + 2 * 3);
    assert_eq!(world.released().len(), 3);
    world.assert_released_as_planned();
}

#[tokio::test]
async fn any_other_set_costs_a_plan_a_few_statuses_and_one_write_for_each_pod() {
    let world = World::new(&schedule(), 2, 3);
    world.pass().await.unwrap();
    world.assert_released_with_one_write_each(3);
    assert_eq!(world.condition("Released"), "True Succeeded");
    assert_eq!(world.condition("Ready"), "False Binding");
    world.bind();
    let world = world.again().await;
    assert_eq!(world.condition("Ready"), "True Succeeded");
    let status = world.status();
    assert_eq!(
        (status.members.unwrap().bound, status.plan_ref.unwrap().name),
        (3, plan_name(NAMESPACE, SET))
    );
}

#[tokio::test]
async fn nothing_is_written_when_nothing_changes() {
    for spec in [planning(), json!({"state": "Planning", "quietTime": "9h"}), schedule()] {
        let world = World::new(&spec, 2, 7);
        world.pass().await.unwrap();
        world.bind();
        let world = world.again().await.again().await;
        world.server.clear_requests();
        world.pass().await.unwrap();
        let world = world.later(5).again().await;
        assert!(world.server.requests().is_empty(), "{spec}: {:?}", world.written());
    }
}

#[tokio::test]
async fn the_order_of_requests_is_that_of_the_guarantees_even_without_a_watch() {
    let world = World::new(&schedule(), 2, 3);
    // Twice by one process whose watch has shown nothing of what it wrote: nothing is written again.
    world.pass().await.unwrap();
    world.server.clear_requests();
    world.pass().await.unwrap();
    assert!(world.server.requests().is_empty(), "{:?}", world.written());
}

#[tokio::test]
async fn only_our_gate_is_taken_away() {
    let world = World::new(&schedule(), 2, 1);
    world.server.modify(NAMESPACE, "web-00", |pod: &mut Pod| {
        let gates = pod.spec.as_mut().unwrap().scheduling_gates.as_mut().unwrap();
        gates.insert(0, serde_json::from_value(json!({"name": "example.com/other"})).unwrap());
    });
    let world = world.again().await;
    let gates = world.pod("web-00").spec.unwrap().scheduling_gates.unwrap();
    assert_eq!(gates.into_iter().map(|gate| gate.name).collect::<Vec<_>>(), ["example.com/other"]);
    assert!(pinned(&world.pod("web-00")).is_some());
}

/// D1: with one feasible node the pods of a set were bound while the trigger was `Planning`.
#[tokio::test]
async fn d1_pods_stay_held_while_the_trigger_is_planning_also_with_one_node() {
    let world = World::new(&planning(), 9, 3);
    for name in ["n2", "n3"] {
        world.server.remove::<Node>("", name);
    }
    let world = world.again().await.again().await;
    assert!(world.pods().iter().all(is_held));
    assert!(world.plan().is_none());
    assert_eq!(world.condition("Released"), "False HeldByUser");
}

#[tokio::test]
async fn a_set_is_scheduled_by_itself_when_the_quiet_time_is_over() {
    let world = World::new(&json!({"state": "Planning", "quietTime": "90m"}), 2, 2);
    let action = world.pass().await.unwrap();
    let newest = world.pods().iter().map(|pod| pod.creation_timestamp().unwrap().0).max().unwrap();
    let until = world.status().quiet_until.unwrap().0;
    assert_eq!(until.duration_since(newest).as_secs(), 90 * 60);
    assert_eq!(action, Action::requeue(Duration::try_from(until.duration_since(world.now)).unwrap()));
    let world = world.later(90 * 60);
    world.server.clear_requests();
    assert_eq!(world.pass().await.unwrap(), Action::requeue(Duration::ZERO));
    assert_eq!(world.written(), ["PATCH scheduletriggers"]);
    world.pass().await.unwrap();
    assert_eq!(world.released().len(), 2);
    let status = world.status();
    assert!(status.planning_since.is_none() && status.quiet_until.is_none());
}

/// D4: a restart, or another leader, began the delay anew.
#[tokio::test]
async fn d4_a_restart_does_not_begin_the_quiet_time_anew() {
    let mut world = World::new(&json!({"state": "Planning", "quietTime": "90m"}), 2, 2);
    for _ in 0..9 {
        world = world.later(10 * 60).again().await;
    }
    assert_eq!(world.trigger().spec.state, TriggerState::Schedule);
}

/// D5: a conflict when the timer fired was never tried again.
#[tokio::test]
async fn d5_a_trigger_that_could_not_be_fired_is_fired_by_the_next_pass() {
    for code in [409, 422, 404, 500, 503] {
        let world = World::new(&json!({"state": "Planning", "quietTime": "1s"}), 2, 1);
        world.server.fail_next(|request| request.is_write(), code);
        let outcome = world.pass().await;
        assert!(outcome.is_err() || outcome.unwrap() == Action::requeue(Duration::from_secs(1)), "{code}");
        assert_eq!(world.trigger().spec.state, TriggerState::Planning);
        world.pass().await.unwrap();
        assert_eq!(world.trigger().spec.state, TriggerState::Schedule, "{code}");
    }
}

#[tokio::test]
async fn d5_a_trigger_that_goes_back_to_planning_is_armed_again() {
    let world = World::new(&json!({"state": "Planning", "quietTime": "1s"}), 2, 1);
    world.pass().await.unwrap();
    world.pass().await.unwrap();
    world.bind();
    let world = world.again().await;
    world.set_state(TriggerState::Planning);
    world.server.insert(pod("late", SET));
    let world = world.again().await;
    assert_eq!(world.condition("Released"), "False QuietTime");
    assert!(is_held(&world.pod("late")));
    assert_eq!(world.entries().len(), 1, "the plan of who runs stays");
    let world = world.later(2).again().await.again().await;
    assert!(!is_held(&world.pod("late")));
    assert_eq!(world.entries().len(), 2);
}

#[tokio::test]
async fn a_trigger_that_was_set_back_while_its_set_was_planned_releases_nothing_more() {
    let world = World::new(&schedule(), 2, 2);
    let mut back = world.trigger();
    back.spec.state = TriggerState::Planning;
    let before = world.caches.stores.triggers.get(NAMESPACE, TRIGGER).unwrap();
    world.caches.stores.triggers.record(world.server.insert(back));
    // The pass began before.
    world.planner.reconcile(&before, world.now).await.unwrap();
    assert_eq!(world.released().len(), 0);
    let world = world.again().await;
    assert!(world.pods().iter().all(|pod| pod.status.as_ref().unwrap().nominated_node_name.is_none()));
    assert!(world.plan().is_none());
}

#[tokio::test]
async fn a_quiet_time_that_cannot_be_read_is_told_and_never_fires() {
    let world = World::new(&planning(), 2, 1);
    world.server.modify(NAMESPACE, TRIGGER, |trigger: &mut ScheduleTrigger| {
        trigger.labels_mut().insert(LABEL_QUIET_TIME.to_owned(), "2x".to_owned());
    });
    let world = world.later(1_000_000).again().await;
    assert_eq!(world.condition("Degraded"), "True MalformedDuration");
    assert_eq!(world.trigger().spec.state, TriggerState::Planning);
    assert!(notes(&world)[0].contains("the label planner.ciena.io/quiet-time: `2x` is not a duration"));
    world.set_state(TriggerState::Schedule);
    assert_eq!(world.again().await.released().len(), 1, "by hand it does");
}

/// D16: of two triggers of a set an arbitrary one counted.
#[tokio::test]
async fn d16_the_younger_of_two_triggers_says_so_and_does_nothing_until_the_other_goes() {
    let world = World::new(&planning(), 2, 1);
    world.server.insert(trigger("younger", SET, &schedule()));
    let world = world.again().await;
    world.pass_of("younger").await.unwrap();
    let younger = |world: &World| world.server.get::<ScheduleTrigger>(NAMESPACE, "younger").unwrap();
    assert_eq!(condition(&younger(&world), "Conflict"), "True Conflict");
    assert_eq!(world.condition("Conflict"), "");
    assert_eq!(world.released().len(), 0);
    world.server.remove::<ScheduleTrigger>(NAMESPACE, TRIGGER);
    let world = world.restart();
    world.pass_of("younger").await.unwrap();
    assert_eq!(condition(&younger(&world), "Conflict"), "");
    assert_eq!(world.released().len(), 1);
}

/// D16: a label value may hold what the name of an object may not.
#[tokio::test]
async fn d16_a_set_whose_name_is_no_object_name_is_planned() {
    let world = World::new(&schedule(), 2, 0);
    world.server.insert(trigger("odd", "My_Set", &schedule()));
    world.server.insert(pod("odd-0", "My_Set"));
    let world = world.restart();
    world.pass_of("odd").await.unwrap();
    let plan: SchedulePlan = world.server.get(NAMESPACE, &plan_name(NAMESPACE, "My_Set")).unwrap();
    assert_eq!((plan.labels()[LABEL_POD_SET].as_str(), plan.spec.plan.len()), ("My_Set", 1));
}

/// D14: any failure to read the plan was taken for its absence, and a conflict failed the attempt for a minute.
#[tokio::test]
async fn d14_a_failure_around_the_plan_releases_nothing_and_the_next_pass_goes_on() {
    for code in [403, 409, 500, 503] {
        for resource in ["scheduleplans.planner.ciena.io", "pods"] {
            let world = World::new(&gang(), 2, 2);
            world.server.fail_next(move |request| request.is_write() && request.is_about(resource), code);
            let _ = world.pass().await;
            assert_eq!(world.released().len(), 0, "{code} {resource}");
            // What is refused is left alone for a while, by one process.
            let world = if code == 403 { world.restart() } else { world };
            world.pass().await.unwrap();
            assert_eq!(world.released().len(), 2, "{code} {resource}");
            world.assert_released_as_planned();
        }
    }
}

/// D10: there was no gang.
#[tokio::test]
async fn d10_a_gang_is_released_when_all_of_it_has_a_place_and_not_before() {
    let world = World::new(&gang(), 1, 4);
    let world = world.again().await;
    assert_eq!(world.released().len(), 0);
    assert_eq!(world.condition("Released"), "False GangIncomplete");
    assert!(world.pods().iter().all(|pod| pod.status.as_ref().unwrap().nominated_node_name.is_none()));
    assert!(notes(&world).iter().any(|note| note.contains("no node takes it")));
    world.server.insert(node("n4", 1));
    let world = world.again().await;
    assert_eq!(world.released().len(), 4);
    world.assert_released_as_planned();
}

#[tokio::test]
async fn d10_who_has_no_place_waits_with_the_reason_and_the_others_go() {
    let world = World::new(&schedule(), 1, 4);
    let world = world.again().await;
    assert_eq!(world.released().len(), 3);
    let unplaced = world.plan().unwrap().status.unwrap().unplaced;
    assert!(unplaced.len() == 1 && unplaced[0].reason.contains("cpu"), "{unplaced:?}");
    assert_eq!(world.condition("Planned"), "False Unplaced");
    world.server.insert(node("n4", 1));
    assert_eq!(world.again().await.released().len(), 4);
}

#[tokio::test]
async fn what_runs_elsewhere_than_planned_is_told_and_the_plan_stays() {
    let world = World::new(&schedule(), 2, 1);
    world.pass().await.unwrap();
    let planned = world.entries();
    let elsewhere = ["n1", "n2"].into_iter().find(|node| planned["web-00"] != *node).unwrap();
    world.bind_to("web-00", elsewhere);
    let world = world.again().await;
    assert_eq!(world.entries(), planned);
    let status = world.plan().unwrap().status.unwrap();
    assert_eq!(
        (status.drift[0].planned.clone(), status.drift[0].actual.as_str()),
        (planned["web-00"].clone(), elsewhere)
    );
    assert_eq!(status.conditions[0].status, "True");
    assert_eq!(world.condition("Degraded"), "True Drifted");
    world.server.clear_requests();
    let world = world.again().await;
    assert!(world.server.requests().is_empty(), "{:?}", world.written());
}

#[tokio::test]
async fn a_pod_that_joins_later_is_planned_around_the_others() {
    let world = World::new(&schedule(), 1, 2);
    world.pass().await.unwrap();
    world.bind();
    let before = world.entries();
    world.server.insert(pod("late", SET));
    let world = world.again().await;
    let after = world.entries();
    assert!(before.iter().all(|(pod, node)| after[pod] == *node));
    assert_eq!(after.values().collect::<BTreeSet<_>>().len(), 3);
    assert!(!is_held(&world.pod("late")));
}

/// D3: who was planned for a node stayed planned for it.
#[tokio::test]
async fn d3_who_is_reserved_but_not_released_is_planned_anew_when_the_node_goes() {
    let world = World::new(&gang(), 2, 1);
    // Everything but the release succeeds.
    world.server.fail_after(3);
    world.pass().await.unwrap_err();
    world.server.heal();
    let first = world.entries()["web-00"].clone();
    world.server.remove::<Node>("", &first);
    let world = world.again().await;
    assert_ne!(world.entries()["web-00"], first);
    assert_eq!(
        world.pod("web-00").status.unwrap().nominated_node_name,
        Some(world.entries()["web-00"].clone())
    );
    world.assert_released_as_planned();
}

#[tokio::test]
async fn who_was_released_to_a_node_that_is_gone_is_recycled_and_its_successor_planned() {
    let world = World::new(&schedule(), 2, 1);
    world.pass().await.unwrap();
    let first = world.entries()["web-00"].clone();
    world.server.remove::<Node>("", &first);
    let world = world.again().await;
    assert!(world.server.get::<Pod>(NAMESPACE, "web-00").is_none());
    world.server.insert(pod("web-00", SET));
    let world = world.again().await;
    assert_ne!(world.entries()["web-00"], first);
    world.assert_released_as_planned();
}

#[tokio::test]
async fn who_was_released_to_a_node_that_is_gone_and_would_not_be_made_again_is_named() {
    let world = World::new(&schedule(), 2, 1);
    world.server.modify(NAMESPACE, "web-00", |pod: &mut Pod| pod.metadata.owner_references = None);
    let world = world.again().await;
    world.server.remove::<Node>("", &world.entries()["web-00"]);
    let world = world.again().await;
    assert!(world.server.get::<Pod>(NAMESPACE, "web-00").is_some());
    assert_eq!(world.condition("Degraded"), "True Stranded");
}

#[tokio::test]
async fn who_finds_its_node_cordoned_is_recycled_once_the_scheduler_says_so() {
    let world = World::new(&schedule(), 2, 1);
    world.pass().await.unwrap();
    let planned = world.entries()["web-00"].clone();
    world.server.modify("", &planned, |node: &mut Node| {
        node.spec = serde_json::from_value(json!({"unschedulable": true})).unwrap();
    });
    let world = world.again().await;
    assert!(world.server.get::<Pod>(NAMESPACE, "web-00").is_some(), "it may have been bound by now");
    world.server.modify(NAMESPACE, "web-00", |pod: &mut Pod| {
        let condition: PodCondition = serde_json::from_value(json!({
            "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
        }))
        .unwrap();
        pod.status.as_mut().unwrap().conditions = Some(vec![condition]);
    });
    assert!(world.again().await.server.get::<Pod>(NAMESPACE, "web-00").is_none());
}

/// D13: a plan outlived its pods when a deletion was missed.
#[tokio::test]
async fn d13_the_plan_goes_with_the_last_pod_also_if_nobody_saw_it_go() {
    let world = World::new(&schedule(), 2, 2);
    world.pass().await.unwrap();
    world.bind();
    world.server.remove::<Pod>(NAMESPACE, "web-00");
    let world = world.again().await;
    assert_eq!(world.entries().keys().collect::<Vec<_>>(), ["web-01"]);
    world.remove_pods();
    let world = world.again().await;
    assert!(world.plan().is_none());
    assert_eq!(world.condition("Scheduled"), "False NoMembers");
    world.server.clear_requests();
    let world = world.again().await;
    assert!(world.server.requests().is_empty(), "{:?}", world.written());
}

#[tokio::test]
async fn a_plan_whose_set_has_neither_trigger_nor_pods_is_swept_away() {
    let world = World::new(&schedule(), 2, 1);
    world.pass().await.unwrap();
    let sweep = async |world: World| {
        let world = world.restart();
        let plan = world.caches.stores.plans.get(NAMESPACE, &plan_name(NAMESPACE, SET)).unwrap();
        sweep(&world.caches, &Applier::new(world.server.client(), NAME), plan).await;
        world
    };
    let world = sweep(world).await;
    assert!(world.plan().is_some(), "it has a trigger");
    world.server.remove::<ScheduleTrigger>(NAMESPACE, TRIGGER);
    let world = sweep(world).await;
    assert!(world.plan().is_some(), "it has a pod");
    world.remove_pods();
    assert!(sweep(world).await.plan().is_none());
}

#[tokio::test]
async fn each_pod_that_waits_is_told_once_why() {
    let world = World::new(&json!({"state": "Planning", "quietTime": "90m"}), 2, 2);
    let world = world.again().await;
    assert_eq!(notes(&world).len(), 2);
    assert!(notes(&world)[0].starts_with("held by trigger t: quiet for 1"), "{:?}", notes(&world));
    world.server.insert(pod("late", SET));
    let world = world.later(60).again().await;
    assert_eq!(notes(&world).len(), 3);
    world.server.modify(NAMESPACE, TRIGGER, |trigger: &mut ScheduleTrigger| trigger.spec.quiet_time = None);
    assert_eq!(notes(&world.again().await).len(), 6);
}

#[tokio::test]
async fn two_sets_that_are_planned_at_once_are_not_given_the_same_room() {
    two_sets_are_kept_apart(World::new(&schedule(), 1, 3), pod).await;
}

/// Plans, at the same time, the set of `world` and another one of pods that `pod` makes, with room for three of the six.
pub async fn two_sets_are_kept_apart(world: World, pod: fn(&str, &str) -> Pod) {
    world.server.insert(trigger("other", "db", &schedule()));
    for name in ["db-0", "db-1", "db-2"] {
        world.server.insert(pod(name, "db"));
    }
    let world = world.restart();
    let (one, other) = tokio::join!(world.pass_of(TRIGGER), world.pass_of("other"));
    one.unwrap();
    other.unwrap();
    let nodes: Vec<_> = world.released().into_values().collect();
    assert_eq!((nodes.len(), nodes.iter().collect::<BTreeSet<_>>().len()), (3, 3), "{nodes:?}");
}

#[tokio::test]
async fn pods_of_other_sets_namespaces_and_schedulers_are_left_alone() {
    let world = World::new(&schedule(), 2, 1);
    let mut stranger = pod("stranger", SET);
    stranger.metadata.namespace = Some("other".to_owned());
    world.server.insert(stranger);
    world.server.insert(pod("db-0", "db"));
    let world = world.again().await;
    assert!(is_held(&world.pod("db-0")));
    assert!(is_held(&world.server.get::<Pod>("other", "stranger").unwrap()));
}

#[tokio::test]
async fn what_runs_as_planned_verifies_and_what_runs_elsewhere_does_not() {
    let world = World::new(&schedule(), 2, 2);
    let look = async |world: &World| {
        let Command::Verify(args) =
            Args::parse_from(["podset-planner", "verify", "-n", NAMESPACE, "--strict"]).command
        else {
            panic!("another command")
        };
        verify::look(world.server.client(), &args).await.unwrap()
    };
    assert_eq!(look(&world).await.unplanned.len(), 2);
    world.pass().await.unwrap();
    assert_eq!(look(&world).await.pending.len(), 2);
    world.bind();
    assert!(look(&world).await.is_success());
    let elsewhere = ["n1", "n2"].into_iter().find(|node| world.entries()["web-00"] != *node).unwrap();
    world.bind_to("web-00", elsewhere);
    assert_eq!(look(&world).await.mismatches[0].actual.as_deref(), Some(elsewhere));
}

#[test]
fn the_check_of_the_chart_is_about_the_pods_that_its_admission_policy_is_about() {
    let policy = include_str!("../../../../charts/podset-planner/templates/admission-policy.yaml");
    let check = include_str!("../../../../charts/podset-planner/templates/admission-check.yaml");
    let about = |text: &str, end: &str| {
        let (_, from) = text.split_once("  failurePolicy: ").unwrap();
        let (about, _) = from.split_once(end).unwrap();
        let plain = about
            .lines()
            .filter(|line| !line.trim_start().starts_with('#') && !line.contains("reinvocationPolicy"));
        plain.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(about(check, "  validations:\n"), about(policy, "  mutations:\n"));
    let condition = |text: &'static str| text.lines().next().unwrap();
    assert_eq!(condition(check), condition(policy));
    for words in [format!("gate.name == \"{GATE}\""), format!("object.spec.schedulerName == \"{SCHEDULER}\"")]
    {
        assert!(check.contains(&words), "{words}");
    }
}

#[test]
fn the_admission_policy_of_the_chart_gives_the_gate_that_is_taken_away() {
    let policy = include_str!("../../../../charts/podset-planner/templates/admission-policy.yaml");
    for words in [
        format!("key: {LABEL_POD_SET}"),
        format!("Object.spec.schedulingGates{{name: \"{GATE}\"}}"),
        format!("object.spec.schedulerName == \"{SCHEDULER}\""),
    ] {
        assert!(policy.contains(&words), "{words}");
    }
}
