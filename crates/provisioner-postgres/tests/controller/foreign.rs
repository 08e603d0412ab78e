//! What looks like a claim's and is somebody else's.

use crate::estate::{Estate, NAMESPACE, class, server};
use api_types::{
    ClaimPhase,
    DeprovisionPolicy::{Delete, Retain},
    ResourceClaim,
};
use provisioner_postgres::Retry;

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
