//! What looks like a claim's and is somebody else's.

use std::fmt::Debug;

use crate::estate::{Estate, NAMESPACE, class, server};
use crate::world::{DATABASE, World};
use api_types::{
    ClaimPhase,
    DeprovisionPolicy::{Delete, Retain},
    ResourceClaim,
};
use k8s_openapi::api::{apps::v1::StatefulSet, core::v1::Service};
use kube::Resource;
use provisioner_postgres::Retry;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;

#[tokio::test]
async fn what_was_retained_is_given_to_no_other_resource_of_the_same_name_and_not_deleted_by_it() {
    let (server, estate) = (server().await, Estate::new());
    let name = "shop-web-db";
    estate.set_claim(name, "u1", Retain, &class(&server));
    estate.bind(name).await;
    let password = estate.credential(name, "password");
    estate.delete(name);

    for (uid, workload, other_class) in [("u2", "shop-web", "shared"), ("u3", "shop", "cheap")] {
        estate.set_claim(name, uid, Delete, &class(&server));
        estate.api.modify(NAMESPACE, name, |claim: &mut ResourceClaim| {
            claim.spec.workload_ref.name = workload.to_owned();
            claim.spec.class = other_class.to_owned();
        });
        assert_eq!(estate.pass(name).await, Retry::Rarely);
        assert_eq!(estate.status(name).phase, ClaimPhase::Failed);
        assert!(estate.status(name).outputs.is_empty());
        let message = estate.message(name);
        assert!(message.contains("class `shared` of the workload `shop`"), "{message}");
        estate.delete(name);
        assert!(estate.claim(name).is_none());
    }
    estate.set_claim(name, "u4", Delete, &class(&server));
    estate.bind(name).await;
    assert_eq!(estate.credential(name, "password"), password);
    estate.log_in(name).await.unwrap();
}

#[tokio::test]
async fn a_copy_of_a_database_is_not_dropped_with_it_whoever_owns_it() {
    let (server, estate) = (server().await, Estate::new());
    for name in ["one-db", "other-db"] {
        estate.set_claim(name, name, Delete, &class(&server));
        estate.bind(name).await;
    }
    let base = estate.credential("one-db", "database");
    server.run("postgres", &[&format!("CREATE DATABASE restored OWNER {base}")]).await;
    server.run("restored", &["CREATE TABLE precious AS SELECT 42 AS x"]).await;
    estate.delete("one-db");
    let process = estate.process();
    for _ in 0..2 {
        assert_eq!(process.pass("one-db").await.unwrap(), Retry::Soon);
        let message = estate.message("one-db");
        assert!(
            message.contains("owner of database restored") && message.contains("hand them over"),
            "{message}"
        );
    }
    process.pass("other-db").await.unwrap();
    assert!(estate.status("other-db").outputs_available, "other claims go on");
    let databases = server.ask("postgres", "SELECT datname FROM pg_database").await;
    assert!(!databases.contains(&base), "its own is dropped");
    assert_eq!(server.ask("restored", "SELECT x FROM precious").await, ["42"]);

    server.run("postgres", &["ALTER DATABASE restored OWNER TO app"]).await;
    assert_eq!(estate.pass("one-db").await, Retry::Never);
    assert!(estate.claim("one-db").is_none());
    let roles = format!("SELECT rolname FROM pg_roles WHERE rolname LIKE '{base}%'");
    assert_eq!(server.ask("postgres", &roles).await, [""; 0]);
    assert_eq!(server.ask("restored", "SELECT x FROM precious").await, ["42"]);
}

/// Somebody makes a `resource` of the name that the claim needs, after the provisioner has found that there is none.
async fn is_left_to_who_was_faster<K>(resource: &'static str)
where
    K: Resource<DynamicType = ()> + Serialize + DeserializeOwned + PartialEq + Debug,
{
    let world = World::new(Delete);
    let labels = json!({"app.kubernetes.io/managed-by": "Helm"});
    let theirs = json!({"metadata": {"namespace": NAMESPACE, "name": DATABASE, "labels": labels}});
    let theirs: K = world.server.insert(serde_json::from_value(theirs).unwrap());
    world.server.fail_next(move |request| request.method == "GET" && request.is_about(resource), 404);
    assert_eq!(world.pass().await.unwrap(), Retry::Soon);
    assert_eq!(world.claim().status, None, "there is nothing to say yet");
    assert_eq!(world.pass().await.unwrap(), Retry::Rarely);
    assert!(world.message().contains("something that `Helm` manages"), "{}", world.message());
    assert_eq!(world.server.get::<K>(NAMESPACE, DATABASE), Some(theirs));
}

#[tokio::test]
async fn a_name_that_somebody_takes_at_the_last_moment_is_left_to_them() {
    is_left_to_who_was_faster::<Service>("services").await;
    is_left_to_who_was_faster::<StatefulSet>("statefulsets.apps").await;
}
