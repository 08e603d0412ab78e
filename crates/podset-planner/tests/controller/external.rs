//! External planners: who is asked, when, and what becomes of the answers.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    fakes::{Fake, Manner, service},
    world::{NAMESPACE, World, node, pod, trigger},
};
use controller_kit::Cache;
use k8s_openapi::api::{
    core::v1::{Node, Service},
    events::v1::Event,
};
use podset_planner::{AskArgs, Metrics, NAME, Planner, Planners, Route, Target};
use serde_json::{Value, json};

/// Where the planners of the tests are.
const TRUSTED: &str = "trusted";

fn schedule() -> Value {
    json!({"state": "Schedule"})
}

fn args(seconds: u16) -> AskArgs {
    AskArgs {
        planner_namespaces: vec![TRUSTED.to_owned()],
        planner_deadline_seconds: seconds,
        ..AskArgs::default()
    }
}

/// Leads to each of `fakes` by the name of its Service.
fn route(fakes: &[(&str, &Fake)]) -> Route {
    let addresses: BTreeMap<_, _> =
        fakes.iter().map(|(name, fake)| ((*name).to_owned(), fake.address)).collect();
    Arc::new(move |target: &Target| format!("http://{}", addresses[&target.service]))
}

/// `world` with a process that asks `planners`.
fn with_planners(mut world: World, planners: Planners) -> World {
    let (kit, _) = world.server.kit(NAME);
    let metrics = Metrics::register(&kit.registry).unwrap();
    let planner = Planner::new(world.caches.clone(), kit.client.clone(), kit.events.clone(), metrics);
    world.planner = planner.with_planners(planners);
    world
}

/// `world` with a process that asks `fakes`, each of which plans the set of its first name under its second.
fn asking(world: World, seconds: u16, fakes: &[(&str, &str, &Fake)]) -> World {
    let services = fakes.iter().map(|(pod_set, name, _)| service(TRUSTED, name, pod_set));
    let services = vec![Cache::from_objects(services)];
    let named: Vec<_> = fakes.iter().map(|(_, name, fake)| (*name, *fake)).collect();
    with_planners(world, Planners::new(services, "planner-system", &args(seconds)).with_route(route(&named)))
}

fn three_pods() -> World {
    World::new(&schedule(), 3, 3)
}

fn chosen(world: &World) -> Option<String> {
    world.plan().unwrap().status.unwrap().planner
}

fn complaint(world: &World) -> String {
    let conditions = world.status().conditions;
    let condition = conditions.into_iter().find(|condition| condition.type_ == "ExternalPlanners");
    condition.map(|condition| condition.message).unwrap_or_default()
}

/// The notes of the events about external planners.
fn notes(world: &World) -> Vec<String> {
    let events = world.server.list::<Event>().into_iter();
    let refused = events.filter(|event| event.reason.as_deref() == Some("PlannerRefused"));
    refused.filter_map(|event| event.note).collect()
}

#[tokio::test]
async fn the_plan_of_an_external_planner_is_carried_out_and_its_name_stands_in_the_plan() {
    let packed = vec![("web-00", "n3"), ("web-01", "n3"), ("web-02", "n3")];
    let fake = Fake::new(Manner::Answers(packed)).await;
    let world = asking(three_pods(), 60, &[("default", "packer", &fake)]);
    world.pass().await.unwrap();
    assert_eq!(world.entries().into_values().collect::<BTreeSet<_>>(), ["n3".to_owned()].into());
    assert_eq!(world.released().len(), 3);
    world.assert_released_as_planned();
    assert_eq!(chosen(&world).as_deref(), Some("trusted/packer"));
    assert_eq!(world.condition("ExternalPlanners"), "True Succeeded");
    let [request] = fake.asked().try_into().unwrap();
    assert_eq!((request.namespace.as_str(), request.pod_set.as_str()), (NAMESPACE, "web"));
    assert_eq!(
        (request.scheduled_pod.as_str(), request.eligible_nodes),
        ("web-00", vec!["n1".into(), "n2".into(), "n3".into()])
    );
    // What it decided stays when the process is another one, which asks nobody.
    world.bind();
    let world = world.again().await;
    assert_eq!(chosen(&world).as_deref(), Some("trusted/packer"));
    assert_eq!(world.condition("Ready"), "True Succeeded");
    assert_eq!(world.condition("ExternalPlanners"), "True Succeeded");
}

#[tokio::test]
async fn a_hostile_or_absent_planner_is_named_and_our_own_plan_is_carried_out() {
    let answers = |pairs: &[(&'static str, &'static str)]| Manner::Answers(pairs.to_vec());
    let table = [
        (answers(&[("web-00", "n1"), ("web-01", "n2"), ("web-02", "nowhere")]), "there is no node `nowhere`"),
        (answers(&[("web-00", "n1"), ("db-00", "n1")]), "names pods that are not in the set: db-00"),
        (answers(&[("web-00", "n1")]), "leaves out pods for which there is room: web-01 and 1 more"),
        (answers(&[]), "leaves out pods"),
        (answers(&[("web-00", "n1\nReady: True")]), "which is not a valid name of a pod or node"),
        (Manner::IsTooLarge, "failed with OutOfRange"),
        (Manner::Refuses, "failed with FailedPrecondition: not today"),
        (Manner::IsSilent, "did not answer within 1s"),
        (Manner::IsEndless, "did not answer within 1s"),
        (Manner::Stalls, "did not answer within 1s"),
        (Manner::IsNoPlanner, "failed with"),
        (Manner::IsGone, "cannot be reached"),
    ];
    for (manner, words) in table {
        let fake = Fake::new(manner.clone()).await;
        // Whoever answers at all has the time to.
        let seconds = if words.contains("did not answer") { 1 } else { 60 };
        let world = asking(three_pods(), seconds, &[("web", "bad", &fake)]);
        world.pass().await.unwrap();
        assert_eq!(world.released().len(), 3, "{manner:?}");
        world.assert_released_as_planned();
        assert_eq!(world.condition("ExternalPlanners"), "False PlannerRefused", "{manner:?}");
        assert!(
            complaint(&world).contains("trusted/bad ") && complaint(&world).contains(words),
            "{}",
            complaint(&world)
        );
        assert_eq!((chosen(&world), notes(&world)), (None, vec![complaint(&world)]), "{manner:?}");
        world.bind();
        let world = world.again().await;
        assert_eq!(world.condition("Ready"), "True Succeeded", "{manner:?}");
    }
}

#[tokio::test]
async fn whoever_wavers_and_wherever_the_process_dies_each_pod_is_released_once_and_as_planned() {
    for writes in 0..=9 {
        let fake = Fake::new(Manner::Wavers).await;
        let fakes = [("web", "p", &fake)];
        let world = asking(three_pods(), 60, &fakes);
        world.server.fail_after(writes);
        let _ = world.pass().await;
        world.assert_released_as_planned();
        let before = world.released();
        world.server.heal();
        let world = asking(world.restart(), 60, &fakes);
        world.pass().await.unwrap();
        let after = world.released();
        assert_eq!(after.len(), 3, "{writes}");
        assert!(before.iter().all(|(pod, node)| after[pod] == *node), "{writes}: {before:?}, {after:?}");
        world.assert_released_as_planned();
    }
}

/// D15: of several planners one was chosen by chance.
#[tokio::test]
async fn d15_of_several_planners_the_best_right_answer_wins() {
    let even = Fake::new(Manner::Answers(vec![("web-00", "n1"), ("web-01", "n2"), ("web-02", "n3")])).await;
    let packed = Fake::new(Manner::Answers(vec![("web-00", "n1"), ("web-01", "n1"), ("web-02", "n1")])).await;
    let wrong = Fake::new(Manner::Answers(vec![("web-00", "nowhere")])).await;
    let fakes = [("web", "a-wrong", &wrong), ("web", "b-packed", &packed), ("web", "c-even", &even)];
    let world = asking(three_pods(), 60, &fakes);
    world.pass().await.unwrap();
    assert_eq!(chosen(&world).as_deref(), Some("trusted/c-even"));
    assert!(complaint(&world).contains("trusted/a-wrong ") && !complaint(&world).contains("b-packed"));
    let packing = World::new(&json!({"state": "Schedule", "strategy": "Pack"}), 3, 3);
    let world = asking(packing, 60, &fakes);
    world.pass().await.unwrap();
    assert_eq!(chosen(&world).as_deref(), Some("trusted/b-packed"));
}

#[tokio::test]
async fn a_set_asks_its_own_planner_rather_than_that_of_every_set() {
    let (own, general) = (Fake::new(Manner::Refuses).await, Fake::new(Manner::Refuses).await);
    let world = asking(three_pods(), 60, &[("web", "own", &own), ("default", "general", &general)]);
    world.pass().await.unwrap();
    assert_eq!((own.asked().len(), general.asked().len()), (1, 0));
}

#[tokio::test]
async fn nobody_is_asked_about_a_set_that_is_held_or_about_nothing() {
    let fake = Fake::new(Manner::Refuses).await;
    for world in [
        World::new(&json!({"state": "Planning"}), 3, 3),
        World::new(&schedule(), 3, 0),
        World::new(&schedule(), 0, 3),
    ] {
        asking(world, 60, &[("default", "p", &fake)]).pass().await.unwrap();
    }
    assert!(fake.asked().is_empty(), "{:?}", fake.asked());
}

#[tokio::test]
async fn nobody_is_asked_again_and_nothing_written_while_nothing_changes() {
    let fake = Fake::new(Manner::Answers(vec![("web-00", "n1"), ("web-01", "n2"), ("web-02", "n3")])).await;
    // One finds no room, so that the set is planned again in each pass.
    let world = asking(World::new(&schedule(), 1, 4), 60, &[("default", "p", &fake)]);
    world.pass().await.unwrap();
    assert_eq!((chosen(&world).as_deref(), world.released().len()), (Some("trusted/p"), 3));
    world.pass().await.unwrap();
    let asked = fake.asked().len();
    world.server.clear_requests();
    for _ in 0..3 {
        world.pass().await.unwrap();
    }
    assert_eq!(fake.asked().len(), asked);
    assert!(world.server.requests().is_empty(), "{:?}", world.written());
    // The node with more room is something to ask about.
    world.caches.stores.nodes.record(world.server.insert(node("n4", 1)));
    world.pass().await.unwrap();
    assert_eq!(fake.asked().last().unwrap().eligible_nodes, ["n4"]);
    assert_eq!(fake.asked().len(), asked + 1);
}

/// S2: whoever did not answer held up all scheduling for half a minute.
#[tokio::test]
async fn s2_a_planner_that_does_not_answer_holds_up_no_other_set() {
    let fake = Fake::new(Manner::IsSilent).await;
    let world = three_pods();
    world.server.insert(trigger("slow", "db", &schedule()));
    world.server.insert(pod("db-0", "db"));
    let world = asking(world.restart(), 300, &[("db", "silent", &fake)]);
    tokio::select! {
        biased;
        _ = world.pass_of("slow") => panic!("nobody answers it"),
        done = async {
            while fake.asked().is_empty() {
                tokio::task::yield_now().await;
            }
            world.pass().await
        } => done.unwrap(),
    };
    assert_eq!(world.released().keys().filter(|name| name.starts_with("web")).count(), 3);
}

/// S3: whoever could label a Service anywhere planned any set.
#[tokio::test]
async fn s3_only_services_of_trusted_namespaces_are_asked_and_no_others_are_even_read() {
    let (trusted, stranger) = (Fake::new(Manner::Refuses).await, Fake::new(Manner::Refuses).await);
    let world = three_pods();
    world.server.insert(service(TRUSTED, "trusted", "web"));
    world.server.insert(service(NAMESPACE, "stranger", "web"));
    let (kit, stop) = world.server.kit(NAME);
    let (planners, services) = Planners::watch(&kit, &args(60));
    let watching = tokio::spawn(services);
    let fakes = [("trusted", &trusted), ("stranger", &stranger)];
    let world = with_planners(world, planners.with_route(route(&fakes)));
    world.pass().await.unwrap();
    assert_eq!((trusted.asked().len(), stranger.asked().len()), (1, 0));
    let read = world.server.requests().into_iter().filter(|request| request.path.contains("/services"));
    let read: BTreeSet<_> = read.map(|request| request.path).collect();
    assert_eq!(read, ["/api/v1/namespaces/trusted/services".to_owned()].into());
    drop(stop);
    watching.await.unwrap();
}

#[tokio::test]
async fn a_namespace_whose_services_may_not_be_read_holds_nobody_up() {
    let world = three_pods();
    let (kit, stop) = world.server.kit(NAME);
    let (planners, services) = Planners::watch(&kit, &args(1));
    // Nobody polls the watch: its first list never comes.
    let world = with_planners(world, planners);
    world.pass().await.unwrap();
    assert_eq!(world.released().len(), 3);
    assert!(kit.readiness.closed().is_empty());
    drop((services, stop));
}

#[tokio::test]
async fn a_planner_that_goes_is_not_mentioned_any_more() {
    let fake = Fake::new(Manner::Refuses).await;
    let world = asking(World::new(&schedule(), 1, 4), 60, &[("default", "p", &fake)]);
    world.pass().await.unwrap();
    assert_eq!(world.condition("ExternalPlanners"), "False PlannerRefused");
    // One still waits for a place, so that somebody would be asked.
    let world = world.again().await;
    assert_eq!(world.condition("ExternalPlanners"), "");
    assert!(world.server.list::<Service>().is_empty() && world.server.get::<Node>("", "n1").is_some());
}
