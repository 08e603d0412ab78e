//! What a deletion leaves behind: every cell of the table in `docs/provisioner-postgres.md`, which this test reads.

use std::collections::{BTreeSet, HashSet};

use crate::estate::{self, Estate, NAMESPACE, class};
use crate::postgres::Postgres;
use crate::world::{self, World};
use api_types::{DeprovisionPolicy, ResourceClaim, Workload};
use controller_kit::testing::TestApiServer;
use k8s_openapi::{
    api::{
        apps::v1::StatefulSet,
        core::v1::{PersistentVolumeClaim, Secret, Service},
    },
    apimachinery::pkg::apis::meta::v1::OwnerReference,
};
use kube::{Resource, ResourceExt as _};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;

const PAGE: &str = include_str!("../../../../docs/provisioner-postgres.md");
const CAUSES: [&str; 3] = ["Workload deleted", "resource removed", "namespace deleted"];
const GONE: &str = "gone, and given up";
const WORKLOAD: &str = "shop";

/// A row of the table: policy, kind and server, and what is left for each of the causes.
struct Row {
    policy: DeprovisionPolicy,
    kind: String,
    server: String,
    left: Vec<String>,
}

fn rows() -> Vec<Row> {
    let section = PAGE.split("### What is left\n").nth(1).expect("the page should have the section");
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|').split('|').map(|cell| cell.replace('`', "").trim().to_owned()).collect()
    };
    let mut table = section
        .lines()
        .skip_while(|line| !line.starts_with('|'))
        .map_while(|line| line.starts_with('|').then(|| cells(line)));
    assert_eq!(table.next().unwrap()[3..], CAUSES);
    let row = |cells: Vec<String>| Row {
        policy: serde_json::from_value(json!(cells[0])).unwrap(),
        kind: cells[1].clone(),
        server: cells[2].clone(),
        left: cells[3..].to_vec(),
    };
    table.skip(1).map(row).collect()
}

#[test]
fn the_table_has_every_case_once() {
    let case = |row: &Row| format!("{:?} {} {}", row.policy, row.kind, row.server);
    let found: BTreeSet<_> = rows().iter().map(case).collect();
    let kinds =
        [("instance", "up"), ("instance", "down"), ("server", "up"), ("server", "down"), ("server", GONE)];
    let policies = [DeprovisionPolicy::Delete, DeprovisionPolicy::Retain, DeprovisionPolicy::Orphan];
    let all =
        policies.iter().flat_map(|policy| kinds.map(|(kind, server)| format!("{policy:?} {kind} {server}")));
    assert_eq!(found, all.collect());
    assert_eq!(rows().len(), found.len());
    assert!(rows().iter().all(|row| row.left.len() == CAUSES.len()));
}

#[tokio::test]
async fn a_deletion_leaves_of_a_database_on_a_server_what_the_page_says() {
    let mut server = estate::server().await;
    for row in rows().into_iter().filter(|row| row.kind == "server") {
        for (cause, expected) in CAUSES.into_iter().zip(&row.left) {
            let left = on_server(&mut server, &row, cause).await;
            assert_eq!(left, *expected, "{:?}, {}, {cause}", row.policy, row.server);
        }
    }
}

#[tokio::test]
async fn a_deletion_leaves_of_a_database_of_its_own_what_the_page_says() {
    for row in rows().into_iter().filter(|row| row.kind == "instance") {
        for (cause, expected) in CAUSES.into_iter().zip(&row.left) {
            let left = of_instance(&row, cause).await;
            assert_eq!(left, *expected, "{:?}, {}, {cause}", row.policy, row.server);
        }
    }
}

async fn on_server(server: &mut Postgres, row: &Row, cause: &str) -> String {
    let estate = Estate::new();
    let name = "shop-db";
    // Of its own uid each, so that no two cases meet on the server.
    let uid = format!("{:?} {} {cause}", row.policy, row.server);
    estate.set_claim(name, &uid, row.policy, &class(server));
    own(&estate.api, name);
    estate.bind(name).await;
    let database = estate.credential(name, "database");
    if row.server != "up" {
        server.stop();
    }
    happen(&estate.api, cause, name);
    let waited = leave(&estate, server, row).await;
    collect(&estate.api);
    assert!(estate.claim(name).is_none());
    if row.server == GONE {
        // As if it came back one day.
        server.start_again();
    } else if row.server == "down" && !waited {
        server.start_again();
    }
    server.ready().await;
    let databases = server.ask("postgres", "SELECT datname FROM pg_database").await;
    let left = match (databases.contains(&database), estate.secret(name).is_some()) {
        (true, true) => {
            estate.log_in(name).await.expect("the credentials that are left should work");
            "all"
        }
        (true, false) => "database",
        (false, true) => "the credentials of nothing",
        (false, false) => "nothing",
    };
    let roles =
        server.ask("postgres", &format!("SELECT 1 FROM pg_roles WHERE rolname LIKE '{database}%'")).await;
    assert_eq!(roles.len(), if left == "nothing" { 0 } else { 2 }, "roles go and stay with the database");
    if waited { format!("waits, then {left}") } else { left.to_owned() }
}

/// Lets the provisioner do its part. Tells whether it waited for the server, which is there again then.
async fn leave(estate: &Estate, server: &mut Postgres, row: &Row) -> bool {
    let name = "shop-db";
    let mut waited = false;
    if estate.claim(name).is_some() {
        estate.pass(name).await;
    }
    if estate.claim(name).is_some() && row.server == GONE {
        estate.annotate(name, "score.dev/abandon", "true");
        estate.pass(name).await;
    } else if estate.claim(name).is_some() {
        waited = true;
        server.start_again();
        server.ready().await;
        estate.pass(name).await;
    }
    waited
}

async fn of_instance(row: &Row, cause: &str) -> String {
    let world = World::new(row.policy);
    own(&world.server, world::CLAIM);
    let world = world.until_bound().await;
    if row.server == "down" {
        world.set_serving(false);
    }
    let (world, _) = world.fresh_pass().await;
    happen(&world.server, cause, world::CLAIM);
    collect(&world.server);
    assert!(world.server.list::<ResourceClaim>().is_empty(), "nothing waits");
    let left = [
        world.server.list::<Secret>().len(),
        world.server.list::<PersistentVolumeClaim>().len(),
        world.server.list::<Service>().len(),
        world.server.list::<StatefulSet>().len(),
    ];
    match left {
        [1, 1, 1, 1] => "all".to_owned(),
        [0, 0, 0, 0] => "nothing".to_owned(),
        parts => format!("parts: {parts:?}"),
    }
}

/// Gives the claim to a Workload.
fn own(api: &TestApiServer, claim: &str) {
    let workload = json!({
        "metadata": {"namespace": NAMESPACE, "name": WORKLOAD, "uid": "workload-uid"},
        "spec": {"containers": {"main": {"image": "example.com/shop:1"}}},
    });
    let workload: Workload = api.insert(serde_json::from_value(workload).unwrap());
    let owner: OwnerReference = workload.controller_owner_ref(&()).unwrap();
    api.modify(NAMESPACE, claim, |claim: &mut ResourceClaim| claim.owner_references_mut().push(owner));
}

/// What a user, the orchestrator or the namespace controller does. None of them waits for a provisioner.
fn happen(api: &TestApiServer, cause: &str, claim: &str) {
    match cause {
        "Workload deleted" => api.remove::<Workload>(NAMESPACE, WORKLOAD),
        "resource removed" => api.remove::<ResourceClaim>(NAMESPACE, claim),
        "namespace deleted" => {
            remove_all::<Secret>(api);
            remove_all::<Service>(api);
            remove_all::<StatefulSet>(api);
            remove_all::<PersistentVolumeClaim>(api);
            remove_all::<Workload>(api);
            remove_all::<ResourceClaim>(api);
        }
        other => panic!("{other} is no cause"),
    }
    collect(api);
}

fn remove_all<K: Resource<DynamicType = ()> + DeserializeOwned>(api: &TestApiServer) {
    let all = api.list::<K>().into_iter().filter(|object| object.namespace().as_deref() == Some(NAMESPACE));
    all.for_each(|object| api.remove::<K>(NAMESPACE, &object.name_any()));
}

/// What the garbage collector does: whatever is owned only by what is no more goes.
fn collect(api: &TestApiServer) {
    sweep::<ResourceClaim>(api);
    sweep::<Secret>(api);
    sweep::<Service>(api);
    sweep::<StatefulSet>(api);
    sweep::<PersistentVolumeClaim>(api);
}

fn sweep<K: Resource<DynamicType = ()> + Serialize + DeserializeOwned>(api: &TestApiServer) {
    let workloads = api.list::<Workload>().into_iter().filter_map(|workload| workload.uid());
    let claims = api.list::<ResourceClaim>().into_iter().filter_map(|claim| claim.uid());
    let living: HashSet<String> = workloads.chain(claims).collect();
    for object in api.list::<K>() {
        let owners = object.owner_references();
        if !owners.is_empty() && owners.iter().all(|owner| !living.contains(&owner.uid)) {
            api.remove::<K>(NAMESPACE, &object.name_any());
        }
    }
}
