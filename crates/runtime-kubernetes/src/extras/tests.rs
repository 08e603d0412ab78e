use controller_kit::testing::TestApiServer;
use k8s_openapi::api::{core::v1::ConfigMap, networking::v1::Ingress, policy::v1::PodDisruptionBudget};
use kube::ResourceExt as _;

use super::*;
use crate::{
    FIELD_MANAGER,
    answer::GRACE,
    fixtures::{PLAN, parse, plan},
};

/// A namespace, the objects that a template adds there, and what is on record.
struct World {
    server: TestApiServer,
    identity: Identity,
    recorded: Inventory,
}

impl World {
    fn new() -> Self {
        let server = TestApiServer::new();
        server.serve::<ConfigMap>();
        server.serve::<PodDisruptionBudget>();
        let identity = Identity::of(&plan(&format!("{PLAN}  containers: {{}}\n"))).unwrap();
        Self { server, identity, recorded: Inventory::default() }
    }

    /// As a process has them that has just started.
    fn extras(&self) -> Extras {
        self.granting(&["v1/ConfigMap", "policy/v1/PodDisruptionBudget", "networking.k8s.io/v1/Ingress"])
    }

    fn granting(&self, kinds: &[&str]) -> Extras {
        let client = self.server.client();
        let applier = Applier::new(client.clone(), FIELD_MANAGER);
        Extras::new(client, applier, kinds.iter().map(|kind| kind.parse().unwrap()))
    }

    fn extra(&self, manifest: &str) -> Extra {
        Extra::read("object 1".into(), &self.identity, parse(manifest)).unwrap()
    }

    fn map(&self, name: &str) -> Extra {
        self.extra(&format!(
            "{{apiVersion: v1, kind: ConfigMap, metadata: {{name: {name}}}, data: {{k: v}}}}"
        ))
    }

    fn budget(&self) -> Extra {
        self.extra(
            "{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: hello}, spec: {maxUnavailable: 1}}",
        )
    }

    async fn survey(&self, extras: &Extras, wanted: &[Extra]) -> Survey {
        extras.prepare(&self.identity, wanted, &self.recorded).await.unwrap()
    }

    /// What a reconcile does: remove, record, make.
    async fn pass(&mut self, extras: &Extras, wanted: &[Extra]) -> Result<Written, Error> {
        match extras.prepare(&self.identity, wanted, &self.recorded).await? {
            Survey::Go(work) => {
                self.recorded = work.inventory().clone();
                extras.make(&self.identity, work).await
            }
            Survey::Stop(Health::Failing(failing)) => Ok(Written::Refused(failing)),
            Survey::Stop(health) => panic!("should be done or refused: {health:?}"),
        }
    }

    async fn writes_of(&mut self, wanted: &[Extra]) -> usize {
        self.server.clear_requests();
        let extras = self.extras();
        assert!(matches!(self.pass(&extras, wanted).await.unwrap(), Written::Done(_)));
        self.server.writes().len()
    }

    fn maps(&self) -> Vec<String> {
        self.server.list::<ConfigMap>().iter().map(ConfigMap::name_any).collect()
    }
}

fn refusal(written: Written) -> Failing {
    match written {
        Written::Refused(failing) => failing,
        Written::Done(live) => panic!("should be refused: {live:?}"),
    }
}

#[tokio::test]
async fn what_is_wanted_is_made_and_then_left_alone() {
    let mut world = World::new();
    let wanted = [world.map("a"), world.budget()];
    assert_eq!(world.writes_of(&wanted).await, 2);
    assert_eq!(world.recorded.to_string(), "policy/v1/PodDisruptionBudget/hello,v1/ConfigMap/a");
    let made: ConfigMap = world.server.get("team-a", "a").unwrap();
    assert_eq!(made.owner_references()[0].uid, "plan-uid");
    assert_eq!(world.writes_of(&wanted).await, 0);
}

#[tokio::test]
async fn what_is_in_order_is_not_even_looked_at_for_a_while() {
    let mut world = World::new();
    let (extras, wanted) = (world.extras(), [world.map("a")]);
    world.pass(&extras, &wanted).await.unwrap();
    world.server.clear_requests();
    assert!(matches!(world.pass(&extras, &wanted).await.unwrap(), Written::Done(live) if live.len() == 1));
    assert_eq!(world.server.requests(), []);
    assert!(extras.again(&world.identity).is_some_and(|again| !again.is_zero()));
}

#[tokio::test]
async fn a_plan_without_objects_costs_nothing() {
    let mut world = World::new();
    let extras = world.extras();
    assert!(matches!(world.pass(&extras, &[]).await.unwrap(), Written::Done(live) if live.is_empty()));
    assert_eq!(world.server.requests(), []);
}

#[tokio::test]
async fn drift_is_put_right() {
    let mut world = World::new();
    let wanted = [world.map("a")];
    world.writes_of(&wanted).await;
    world.server.modify("team-a", "a", |map: &mut ConfigMap| map.data = None);
    assert_eq!(world.writes_of(&wanted).await, 1);
    world.server.remove::<ConfigMap>("team-a", "a");
    assert_eq!(world.writes_of(&wanted).await, 1);
    assert_eq!(world.server.get::<ConfigMap>("team-a", "a").unwrap().data.unwrap()["k"], "v");
}

#[tokio::test]
async fn what_a_template_no_longer_has_is_removed() {
    let mut world = World::new();
    let (kept, dropped) = (world.map("kept"), world.map("dropped"));
    world.writes_of(&[kept.clone(), dropped]).await;
    assert_eq!(world.writes_of(std::slice::from_ref(&kept)).await, 1);
    assert_eq!((world.maps(), world.recorded.to_string()), (vec!["kept".into()], "v1/ConfigMap/kept".into()));
    assert_eq!(world.writes_of(&[]).await, 1);
    assert_eq!((world.maps(), world.recorded.to_string()), (vec![], String::new()));
    assert_eq!(world.writes_of(&[]).await, 0);
}

#[tokio::test]
async fn all_that_is_on_record_can_be_removed() {
    let mut world = World::new();
    world.writes_of(&[world.map("a"), world.budget()]).await;
    world.extras().remove(&world.identity, &world.recorded).await.unwrap();
    assert_eq!((world.maps(), world.server.list::<PodDisruptionBudget>()), (vec![], vec![]));
}

#[tokio::test]
async fn wherever_the_process_dies_nothing_is_left_behind() {
    for writes in 0..4 {
        let mut world = World::new();
        let before = [world.map("a"), world.map("b")];
        let after = [world.map("b"), world.map("c")];
        world.server.fail_after(writes);
        // What becomes of these passes does not matter: they die. What they recorded stays.
        let extras = world.extras();
        let _ = world.pass(&extras, &before).await;
        let _ = world.pass(&extras, &after).await;
        world.server.heal();
        world.writes_of(&after).await;
        assert_eq!(world.maps(), ["b", "c"], "after {writes} writes");
        assert_eq!(world.recorded.to_string(), "v1/ConfigMap/b,v1/ConfigMap/c");
    }
}

#[tokio::test]
async fn what_was_not_made_for_the_plan_is_neither_taken_over_nor_removed() {
    let mut world = World::new();
    let theirs: ConfigMap =
        world.server.insert(parse("{metadata: {name: a, namespace: team-a}, data: {x: y}}"));
    let (extras, wanted) = (world.extras(), [world.map("a")]);
    let failing = refusal(world.pass(&extras, &wanted).await.unwrap());
    assert_eq!(failing.reason, Reason::PermissionDenied);
    assert!(failing.message.contains("`v1/ConfigMap/a`") && failing.again.is_some(), "{failing:?}");
    world.recorded = Inventory([wanted[0].place.clone()].into());
    assert_eq!(world.writes_of(&[]).await, 0);
    assert_eq!(world.server.get::<ConfigMap>("team-a", "a"), Some(theirs));
}

#[tokio::test]
async fn what_somebody_makes_between_look_and_write_is_not_taken_over() {
    let world = World::new();
    let (extras, wanted) = (world.extras(), [world.map("a")]);
    let Survey::Go(work) = world.survey(&extras, &wanted).await else { panic!("there should be work") };
    let theirs: ConfigMap =
        world.server.insert(parse("{metadata: {name: a, namespace: team-a}, data: {x: y}}"));
    let error = extras.make(&world.identity, work).await.unwrap_err();
    assert!(matches!(error, Error::InTheWay(_)), "{error}");
    assert_eq!(world.server.get::<ConfigMap>("team-a", "a"), Some(theirs));
}

#[tokio::test]
async fn what_belongs_to_an_earlier_plan_of_the_name_is_waited_for_and_looked_at_again_soon() {
    let world = World::new();
    let mut earlier = world.map("a");
    earlier.object.metadata.owner_references.as_mut().unwrap()[0].uid = "earlier".into();
    world.server.insert_json("configmaps", serde_json::to_value(&earlier.object).unwrap());
    let survey = world.survey(&world.extras(), &[world.map("a")]).await;
    let Survey::Stop(Health::Underway(underway)) = survey else { panic!("{survey:?}") };
    assert!(
        underway.again.is_some_and(|again| again <= GRACE),
        "no watch tells that it is gone: {underway:?}"
    );
}

#[tokio::test]
async fn a_kind_that_is_not_granted_or_not_there_is_refused_before_anything_is_made() {
    let mut world = World::new();
    let route = world.extra("{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: hello}}");
    for (extras, why, again) in [
        (world.granting(&["v1/ConfigMap"]), "not among the kinds that templates may make", false),
        (world.extras(), "the cluster has no networking.k8s.io/v1/Ingress", true),
    ] {
        let failing = refusal(world.pass(&extras, &[world.map("a"), route.clone()]).await.unwrap());
        assert_eq!(failing.reason, Reason::ProjectionError);
        assert!(failing.message.contains(why) && failing.message.contains("object 1"), "{failing:?}");
        assert_eq!(failing.again.is_some(), again, "{failing:?}");
    }
    assert_eq!((world.maps(), world.server.writes()), (vec![], vec![]));
}

#[tokio::test]
async fn a_kind_that_is_installed_later_is_found() {
    let mut world = World::new();
    let (extras, route) =
        (world.extras(), "{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: a}}");
    let wanted = [world.extra(route)];
    refusal(world.pass(&extras, &wanted).await.unwrap());
    world.server.serve::<Ingress>();
    assert!(matches!(world.pass(&extras, &wanted).await.unwrap(), Written::Done(_)));
}

#[tokio::test]
async fn what_was_made_of_a_kind_that_is_withdrawn_stays_on_record() {
    let mut world = World::new();
    world.writes_of(&[world.map("a"), world.budget()]).await;
    let extras = world.granting(&["policy/v1/PodDisruptionBudget"]);
    world.pass(&extras, &[world.budget()]).await.unwrap();
    assert_eq!(world.recorded.to_string(), "policy/v1/PodDisruptionBudget/hello,v1/ConfigMap/a");
    world.server.clear_requests();
    world.pass(&extras, &[world.budget()]).await.unwrap();
    assert_eq!(world.server.requests(), []);
}

#[tokio::test]
async fn a_refusal_is_told_and_a_fault_is_an_error() {
    for (code, reason) in [(403, Reason::ProjectionError), (422, Reason::ProjectionError)] {
        let mut world = World::new();
        world.server.fail_next(controller_kit::testing::Recorded::is_write, code);
        let (extras, wanted) = (world.extras(), [world.map("a")]);
        let failing = refusal(world.pass(&extras, &wanted).await.unwrap());
        assert_eq!(failing.reason, reason);
        assert!(failing.message.contains("object 1") && failing.again.is_some(), "{failing:?}");
    }
    let mut world = World::new();
    world.server.fail_next(controller_kit::testing::Recorded::is_write, 500);
    let (extras, wanted) = (world.extras(), [world.map("a")]);
    assert!(world.pass(&extras, &wanted).await.is_err());
}
