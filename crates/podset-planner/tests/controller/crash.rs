//! The process dies at every write, before it and after it, and starts again.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::world::World;
use controller_kit::testing::{Fault, Recorded};
use serde_json::{Value, json};

/// A world, its atomicity, and how many writes each of its pods costs.
type Kind = (fn(&Value, u32, usize) -> World, &'static str, usize);

const KINDS: [Kind; 4] = [
    (World::new, "BestEffort", 1),
    // Room is reserved first.
    (World::new, "Gang", 2),
    (World::asking, "BestEffort", 1),
    (World::asking, "Gang", 1),
];

/// Lets the write with this number (from 0) go wrong.
fn disturb(world: &World, number: usize, fault: Fault) {
    let count = Arc::new(AtomicUsize::new(0));
    let matcher =
        move |request: &Recorded| request.is_write() && count.fetch_add(1, Ordering::Relaxed) == number;
    world.server.inject(matcher, fault);
}

/// The names of the pods that somebody tried to release.
fn tried(world: &World) -> Vec<String> {
    let of_pods = |request: &Recorded| request.method == "PATCH" && request.path.contains("/pods/");
    let releases = world
        .server
        .writes()
        .into_iter()
        .filter(|request| of_pods(request) && !request.path.ends_with("status"));
    releases.map(|request| request.path.rsplit('/').next().unwrap().to_owned()).collect()
}

/// Starts one process after another until everything is released, then takes the pods away.
async fn ends_well(mut world: World, pods: usize, what: &str) {
    world.assert_released_as_planned();
    let done: BTreeSet<_> = world.released().into_keys().collect();
    world.server.heal();
    world.server.clear_requests();
    world = world.again().await.again().await;
    assert_eq!(world.released().len(), pods, "{what}");
    world.assert_released_as_planned();
    let tried = tried(&world);
    assert_eq!(tried.iter().collect::<BTreeSet<_>>().len(), tried.len(), "{what}: released twice");
    assert!(tried.iter().all(|pod| !done.contains(pod)), "{what}: released again");
    world.bind();
    world = world.again().await;
    assert_eq!(world.condition("Ready"), "True Succeeded", "{what}");
    world.remove_pods();
    world = world.again().await;
    assert!(world.plan().is_none(), "{what}: a plan is left behind");
}

/// An answer is lost after every `lost`-th write.
async fn everywhere(pods: usize, lost: usize) {
    for kind in KINDS {
        everywhere_of(kind, pods, lost).await;
    }
}

async fn everywhere_of((new, atomicity, writes): Kind, pods: usize, lost: usize) {
    let (spec, room) = (&json!({"state": "Schedule", "atomicity": atomicity}), u32::try_from(pods).unwrap());
    // Beside those of pods: plan, status of the plan, status of the trigger.
    for number in 0..=3 + writes * pods {
        let world = new(spec, room, pods);
        world.server.fail_after(number);
        let _ = world.pass().await;
        ends_well(world, pods, &format!("{pods} pods, {number} writes")).await;
        if number % lost > 0 {
            continue;
        }
        let world = new(spec, room, pods);
        disturb(&world, number, Fault::AnswerLost);
        let _ = world.pass().await;
        ends_well(world, pods, &format!("{pods} pods, answer {number} lost")).await;
    }
}

#[tokio::test]
async fn a_set_of_one_whose_planner_dies_anywhere_is_released_once_and_as_planned() {
    everywhere(1, 1).await;
}

#[tokio::test]
async fn a_set_of_three_whose_planner_dies_anywhere_is_released_once_and_as_planned() {
    everywhere(3, 1).await;
}

#[tokio::test]
async fn a_set_of_fifty_whose_planner_dies_anywhere_is_released_once_and_as_planned() {
    everywhere(50, 10).await;
}

#[tokio::test]
async fn a_plan_whose_deletion_is_cut_off_is_deleted_by_the_next_process() {
    for fault in [Fault::Refused(503), Fault::AnswerLost] {
        let world = World::new(&json!({"state": "Schedule"}), 2, 1);
        world.pass().await.unwrap();
        world.remove_pods();
        let world = world.restart();
        disturb(&world, 0, fault);
        world.pass().await.unwrap_err();
        assert!(world.again().await.plan().is_none(), "{fault:?}");
    }
}
