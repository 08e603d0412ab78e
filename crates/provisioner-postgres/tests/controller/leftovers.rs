//! What claims that are gone have left behind is labelled and counted, whoever was looking when they went.

use crate::estate::{Estate, Process, class, server};
use crate::world::{self, NAMESPACE, World};
use api_types::{DeprovisionPolicy, ResourceClaim};
use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{PersistentVolumeClaim, Secret, Service},
};
use kube::ResourceExt as _;
use provisioner_postgres::Provisioner;

/// `class state type count` of every line of the metric.
fn counted(provisioner: &Provisioner) -> Vec<String> {
    let registry = prometheus::Registry::new();
    provisioner.leftovers().count_in(&registry).unwrap();
    let families = registry.gather();
    let line = |metric: &prometheus::proto::Metric| {
        let values: Vec<_> = metric.get_label().iter().map(|pair| pair.value().to_owned()).collect();
        format!("{} {}", values.join(" "), metric.get_gauge().get_value())
    };
    families.iter().flat_map(|family| family.get_metric()).map(line).collect()
}

/// What the label says on each of the objects of a database of its own.
fn states(world: &World) -> Vec<String> {
    let server = &world.server;
    let metas = [
        server.list::<Secret>()[0].metadata.clone(),
        server.list::<PersistentVolumeClaim>()[0].metadata.clone(),
        server.list::<Service>()[0].metadata.clone(),
        server.list::<StatefulSet>()[0].metadata.clone(),
    ];
    let mut states: Vec<_> = metas.map(|meta| meta.labels.unwrap()["score.dev/claim-state"].clone()).into();
    states.dedup();
    states
}

#[tokio::test]
async fn a_database_of_its_own_says_that_its_claim_is_gone_and_that_it_is_in_use_again() {
    for (policy, state) in [(DeprovisionPolicy::Retain, "retained"), (DeprovisionPolicy::Orphan, "orphaned")]
    {
        let world = World::new(policy).until_bound().await;
        assert_eq!(states(&world), ["in-use"]);
        let claim = world.claim();
        world.server.remove::<ResourceClaim>(NAMESPACE, world::CLAIM);
        // A process that has never seen the claim.
        let world = world.restart();
        world.provisioner().leftovers().look().await.unwrap();
        assert_eq!(states(&world), [state]);
        let world = world.restart();
        assert_eq!(counted(world.provisioner()), [format!("default {state} postgres 1")]);
        if policy == DeprovisionPolicy::Retain {
            world.server.insert(ResourceClaim {
                metadata: kube::api::ObjectMeta { uid: Some("second".to_owned()), ..claim.metadata },
                status: None,
                spec: claim.spec,
            });
            let world = world.until_bound().await;
            assert_eq!(states(&world), ["in-use"]);
            let world = world.restart();
            assert_eq!(counted(world.provisioner()), [""; 0]);
        }
    }
}

fn state(estate: &Estate, name: &str) -> String {
    estate.secret(name).unwrap().labels()["score.dev/claim-state"].clone()
}

async fn look(process: &Process) {
    process.provisioner.provisioner().leftovers().look().await.unwrap();
}

#[tokio::test]
async fn the_credentials_of_a_database_on_a_server_say_that_their_claim_is_gone() {
    let (server, estate) = (server().await, Estate::new());
    for name in ["seen-db", "missed-db", "other-db"] {
        estate.set_claim(name, name, DeprovisionPolicy::Retain, &class(&server));
        estate.bind(name).await;
        assert_eq!(state(&estate, name), "in-use");
    }
    // One of another cluster, on the same server.
    let foreign = "COMMENT ON ROLE foreign_owner IS 'score.dev claim team/foreign-db uid foreign'";
    server.run("postgres", &["CREATE ROLE foreign_owner", foreign]).await;

    // Nobody was looking when it went: its mark on the server leads to it, as soon as a claim there is looked at.
    estate.delete("missed-db");
    let process = estate.process();
    look(&process).await;
    assert_eq!(state(&estate, "missed-db"), "in-use");
    process.pass("other-db").await.unwrap();
    look(&process).await;
    assert_eq!(state(&estate, "missed-db"), "retained");
    assert_eq!(counted(process.provisioner.provisioner()), ["shared retained postgres 1"]);

    estate.set_claim("missed-db", "again", DeprovisionPolicy::Retain, &class(&server));
    estate.bind("missed-db").await;
    assert_eq!(state(&estate, "missed-db"), "in-use");
    assert_eq!((state(&estate, "seen-db"), state(&estate, "other-db")), ("in-use".into(), "in-use".into()));
}
