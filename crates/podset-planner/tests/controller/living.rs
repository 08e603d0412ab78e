//! The whole controller, with its watches: who is looked at when something changes.

use crate::world::{self, NAMESPACE, SET, TRIGGER, World, is_held, node, pod, trigger};
use controller_kit::testing::until;
use k8s_openapi::api::{coordination::v1::Lease, core::v1::Pod, events::v1::Event};
use kube::ResourceExt as _;
use podset_planner::{NAME, start};
use podset_types::{SchedulePlan, ScheduleTrigger, TriggerState};
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happens_to_a_set_or_to_the_room_for_it_is_noticed() {
    let world = World::new(&json!({"state": "Planning"}), 1, 3);
    let (kit, stop) = world.server.kit(NAME);
    let running = tokio::spawn(start(kit));
    until("the set is held", || world.condition("Released") == "False HeldByUser").await;
    world.set_state(TriggerState::Schedule);
    until("all are released", || world.released().len() == 3).await;
    world.assert_released_as_planned();
    world.bind();
    until("the set is ready", || world.condition("Ready") == "True Succeeded").await;
    world.server.insert(pod("late", SET));
    until("there is no room", || world.condition("Ready") == "False Unplaced").await;
    world.server.insert(node("n4", 1));
    until("there is room", || !is_held(&world.pod("late"))).await;
    world.server.modify(NAMESPACE, "late", |pod: &mut Pod| {
        pod.metadata.labels.as_mut().unwrap().clear();
    });
    until("a pod has left", || world.status().members.is_some_and(|members| members.total == 3)).await;
    world.remove_pods();
    until("the plan goes with the last pod", || world.plan().is_none()).await;
    drop(stop);
    running.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_other_trigger_of_a_set_takes_over_when_the_first_goes() {
    let world = World::new(&json!({"state": "Planning"}), 1, 1);
    world.server.insert(trigger("younger", SET, &json!({"state": "Schedule"})));
    let (kit, stop) = world.server.kit(NAME);
    let running = tokio::spawn(start(kit));
    let younger = || world.server.get::<ScheduleTrigger>(NAMESPACE, "younger").unwrap();
    until("the younger one gives way", || world::condition(&younger(), "Conflict") == "True Conflict").await;
    world.server.remove::<ScheduleTrigger>(NAMESPACE, TRIGGER);
    until("the younger one governs", || world.released().len() == 1).await;
    until("it says so", || world::condition(&younger(), "Conflict").is_empty()).await;
    drop(stop);
    running.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_that_nobody_governs_any_more_goes_with_its_pods() {
    let world = World::new(&json!({"state": "Schedule"}), 1, 1);
    let (kit, stop) = world.server.kit(NAME);
    let running = tokio::spawn(start(kit));
    until("it is released", || world.released().len() == 1).await;
    world.server.modify(NAMESPACE, TRIGGER, |trigger: &mut ScheduleTrigger| {
        trigger.metadata.labels.as_mut().unwrap().clear();
    });
    until("the trigger governs nothing", || world.condition("Ready") == "False NoPodSet").await;
    world.remove_pods();
    until("its plan is gone", || world.server.list::<SchedulePlan>().is_empty()).await;
    drop(stop);
    running.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scheduler_that_starts_anew_is_told_what_is_reserved() {
    let world = World::new(&json!({"state": "Schedule"}), 1, 1);
    let lease = json!({"metadata": {"namespace": "kube-system", "name": "kube-scheduler"}, "spec": {"holderIdentity": "one"}});
    world.server.insert(serde_json::from_value::<Lease>(lease).unwrap());
    world.server.modify(NAMESPACE, "web-00", |pod: &mut Pod| {
        let gates = pod.spec.as_mut().unwrap().scheduling_gates.as_mut().unwrap();
        gates.push(serde_json::from_value(json!({"name": "example.com/other"})).unwrap());
    });
    let told = || world.pod("web-00").annotations().get("planner.ciena.io/reserved-with").cloned();
    let (kit, stop) = world.server.kit(NAME);
    let running = tokio::spawn(start(kit));
    until("the scheduler is told", || told().as_deref() == Some("one")).await;
    world.server.modify("kube-system", "kube-scheduler", |lease: &mut Lease| {
        lease.spec.as_mut().unwrap().holder_identity = Some("two".to_owned());
    });
    until("the next one is told", || told().as_deref() == Some("two")).await;
    drop(stop);
    running.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_that_has_the_gate_and_names_no_set_is_told() {
    let world = World::new(&json!({"state": "Schedule"}), 1, 0);
    for (name, set) in [("unlabelled", None), ("empty", Some(""))] {
        let mut unnamed = pod(name, set.unwrap_or_default());
        if set.is_none() {
            unnamed.metadata.labels = None;
        }
        world.server.insert(unnamed);
    }
    let told = |pod: &str| {
        let mut events = world.server.list::<Event>().into_iter();
        events.any(|event| {
            event.regarding.is_some_and(|it| it.name.as_deref() == Some(pod))
                && event.reason.as_deref() == Some("NoPodSet")
                && event.note.is_some_and(|note| note.contains("set the label planner.ciena.io/pod-set"))
        })
    };
    let (kit, stop) = world.server.kit(NAME);
    let running = tokio::spawn(start(kit));
    until("both are told", || told("unlabelled") && told("empty")).await;
    drop(stop);
    running.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn room_of_a_held_pod_is_given_back_when_its_trigger_goes() {
    let world = World::new(&json!({"state": "Planning"}), 1, 0);
    let reserved = |name: &str, set: &str| {
        let mut pod = pod(name, set);
        pod.status.as_mut().unwrap().nominated_node_name = Some("n1".to_owned());
        world.server.insert(pod);
    };
    let is_reserved = |name: &str| world.pod(name).status.unwrap().nominated_node_name.is_some();
    reserved("stray", "other");
    let (kit, stop) = world.server.kit(NAME);
    let running = tokio::spawn(start(kit));
    until("nobody governs the one", || !is_reserved("stray")).await;
    world.server.remove::<ScheduleTrigger>(NAMESPACE, TRIGGER);
    reserved("late", SET);
    until("nobody governs the other any more", || !is_reserved("late")).await;
    assert!(is_held(&world.pod("stray")) && is_held(&world.pod("late")));
    drop(stop);
    running.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_pod_that_loses_its_trigger_or_never_had_one_is_told() {
    let world = World::new(&json!({"state": "Planning"}), 1, 1);
    world.server.insert(pod("stray", "other"));
    let told = |pod: &str| {
        let events = world.server.list::<Event>().into_iter();
        let mut about =
            events.filter(|event| event.regarding.as_ref().is_some_and(|it| it.name.as_deref() == Some(pod)));
        about.any(|event| event.note.is_some_and(|note| note.contains("no ScheduleTrigger")))
    };
    let (kit, stop) = world.server.kit(NAME);
    let running = tokio::spawn(start(kit));
    until("the stray one is told", || told("stray")).await;
    until("the set is held", || world.condition("Released") == "False HeldByUser").await;
    assert!(!told("web-00"));
    world.server.remove::<ScheduleTrigger>(NAMESPACE, TRIGGER);
    until("the others are told", || told("web-00")).await;
    drop(stop);
    running.await.unwrap();
}
