//! What is in the way on a server, and what a claim says of it.

use crate::estate::{Estate, class, server};
use api_types::{ClaimPhase, DeprovisionPolicy::Delete};
use provisioner_postgres::Retry;
use serde_json::json;

const CLAIM: &str = "shop-db";

#[tokio::test]
async fn an_extension_that_meets_something_of_its_name_is_told_until_that_is_gone() {
    let (server, estate) = (server().await, Estate::new());
    let mut parameters = class(&server);
    estate.set_claim(CLAIM, "u1", Delete, &parameters);
    estate.bind(CLAIM).await;
    let client = estate.log_in(CLAIM).await.unwrap();
    client.batch_execute("CREATE TYPE public.hstore AS (x int)").await.unwrap();
    parameters["extensions"] = json!(["hstore"]);
    estate.set_claim(CLAIM, "u1", Delete, &parameters);
    assert_eq!(estate.pass(CLAIM).await, Retry::Rarely);
    assert_eq!(estate.status(CLAIM).phase, ClaimPhase::Failed);
    let message = estate.message(CLAIM);
    for part in ["extension `hstore`", "type \"hstore\" already exists", "rename or remove"] {
        assert!(message.contains(part), "{message}");
    }
    client.batch_execute("DROP TYPE public.hstore").await.unwrap();
    estate.bind(CLAIM).await;
    let database = estate.credential(CLAIM, "database");
    let added = "SELECT extname FROM pg_extension WHERE extname = 'hstore'";
    assert_eq!(server.ask(&database, added).await, ["hstore"]);
}

#[tokio::test]
async fn a_login_that_stays_in_the_template_of_new_databases_is_told_with_what_to_do() {
    let (server, estate) = (server().await, Estate::new());
    estate.set_claim(CLAIM, "u1", Delete, &class(&server));
    let client = server.connect("template1").await;
    assert_eq!(estate.pass(CLAIM).await, Retry::Soon);
    assert_eq!(estate.status(CLAIM).phase, ClaimPhase::Binding);
    let message = estate.message(CLAIM);
    assert!(message.contains("REVOKE CONNECT ON DATABASE template1 FROM PUBLIC"), "{message}");
    drop(client);
    // As the page says. The provisioner has no business there itself.
    server.run("postgres", &["REVOKE CONNECT ON DATABASE template1, postgres FROM PUBLIC"]).await;
    server.run("postgres", &["GRANT CONNECT ON DATABASE postgres TO provisioner"]).await;
    estate.bind(CLAIM).await;
    estate.log_in(CLAIM).await.unwrap();
}
