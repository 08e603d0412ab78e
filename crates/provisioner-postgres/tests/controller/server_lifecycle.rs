//! What becomes of databases on a server: deletion, retention, rotation, load.

use std::time::{Duration, Instant};

use crate::estate::{self, Estate, NAMESPACE, class, log_in, server};
use crate::postgres::Postgres;
use api_types::{ClaimPhase, DeprovisionPolicy, ResourceClaim};
use controller_kit::testing::TestApiServer;
use futures::{StreamExt as _, stream};
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;
use provisioner_postgres::{FINALIZER, Retry};
use serde_json::json;

async fn counts(server: &Postgres) -> (usize, usize) {
    let databases = "SELECT datname FROM pg_database WHERE datname LIKE 'team%'";
    let roles = "SELECT rolname FROM pg_roles WHERE rolname LIKE 'team%'";
    (server.ask("postgres", databases).await.len(), server.ask("postgres", roles).await.len())
}

#[tokio::test]
async fn a_deletion_drops_everything_while_clients_are_connected_and_without_the_secret() {
    let (server, estate) = (server().await, Estate::new());
    for name in ["one-db", "two-db", "kept-db"] {
        estate.set_claim(name, name, DeprovisionPolicy::Delete, &class(&server));
        estate.bind(name).await;
    }
    let client = estate.log_in("one-db").await.unwrap();
    client.batch_execute("CREATE TABLE t (x int)").await.unwrap();
    estate.remove_secret("two-db");
    for name in ["one-db", "two-db"] {
        estate.delete(name);
        assert!(estate.claim(name).is_some(), "the claim is held until the database is dropped");
        assert_eq!(estate.pass(name).await, Retry::Never);
        assert!(estate.claim(name).is_none());
    }
    assert!(client.simple_query("SELECT 1").await.is_err());
    assert_eq!(counts(&server).await, (1, 2));
    estate.bind("kept-db").await;
}

#[tokio::test]
async fn a_deletion_waits_for_a_server_that_is_down_until_it_is_told_not_to() {
    let (mut server, estate) = (server().await, Estate::new());
    for name in ["one-db", "two-db"] {
        estate.set_claim(name, name, DeprovisionPolicy::Delete, &class(&server));
        estate.bind(name).await;
    }
    server.stop();
    for name in ["one-db", "two-db"] {
        estate.delete(name);
        assert_eq!(estate.pass(name).await, Retry::Soon);
        assert!(estate.message(name).contains("score.dev/abandon=true"), "{}", estate.message(name));
    }
    estate.annotate("one-db", "score.dev/abandon", "true");
    assert_eq!(estate.pass("one-db").await, Retry::Never);
    assert!(estate.claim("one-db").is_none());
    server.start_again();
    server.ready().await;
    assert_eq!(estate.pass("two-db").await, Retry::Never);
    assert!(estate.claim("two-db").is_none());
    assert_eq!(counts(&server).await, (1, 2), "what was given up stays, the other is dropped");
}

#[tokio::test]
async fn what_is_retained_is_adopted_with_data_and_credentials() {
    let (server, estate) = (server().await, Estate::new());
    estate.set_claim("shop-db", "u1", DeprovisionPolicy::Retain, &class(&server));
    estate.bind("shop-db").await;
    let client = estate.log_in("shop-db").await.unwrap();
    client.batch_execute("CREATE TABLE t AS SELECT 42 AS x").await.unwrap();
    let password = estate.credential("shop-db", "password");
    let claim = estate.claim("shop-db").unwrap();
    assert!(claim.finalizers().is_empty(), "nothing waits for what is not dropped");
    assert!(estate.secret("shop-db").unwrap().owner_references().is_empty());
    estate.delete("shop-db");
    assert!(estate.claim("shop-db").is_none());

    estate.set_claim("shop-db", "u2", DeprovisionPolicy::Delete, &class(&server));
    estate.bind("shop-db").await;
    assert_eq!(estate.credential("shop-db", "password"), password);
    let row = estate.log_in("shop-db").await.unwrap().query_one("SELECT x FROM t", &[]).await.unwrap();
    assert_eq!(row.get::<_, i32>(0), 42);
    assert_eq!(counts(&server).await, (1, 2));
    // It is this claim's now, and goes with it, even without the Secret.
    estate.remove_secret("shop-db");
    estate.delete("shop-db");
    estate.pass("shop-db").await;
    assert!(estate.claim("shop-db").is_none());
    assert_eq!(counts(&server).await, (0, 0));
}

#[tokio::test]
async fn what_is_orphaned_is_not_taken_up_until_it_is_released() {
    let (server, estate) = (server().await, Estate::new());
    estate.set_claim("shop-db", "u1", DeprovisionPolicy::Orphan, &class(&server));
    estate.bind("shop-db").await;
    estate.delete("shop-db");
    estate.set_claim("shop-db", "u2", DeprovisionPolicy::Delete, &class(&server));
    estate.pass("shop-db").await;
    assert_eq!(estate.status("shop-db").phase, ClaimPhase::Failed);
    assert!(estate.message("shop-db").contains("left behind on purpose"));
    estate.modify_secret("shop-db", |secret| {
        secret.annotations_mut().insert("score.dev/deprovision-policy".to_owned(), "Retain".to_owned());
    });
    estate.bind("shop-db").await;
}

#[tokio::test]
async fn a_policy_that_changes_before_the_deletion_is_the_one_that_holds() {
    let (server, estate) = (server().await, Estate::new());
    estate.set_claim("shop-db", "u1", DeprovisionPolicy::Delete, &class(&server));
    estate.bind("shop-db").await;
    let set_policy = |policy| {
        estate.api.modify(NAMESPACE, "shop-db", |claim: &mut ResourceClaim| {
            claim.spec.deprovision_policy = policy;
        });
    };
    // Deleted before the provisioner saw the change: the credentials must not go with the claim.
    set_policy(DeprovisionPolicy::Retain);
    estate.delete("shop-db");
    estate.pass("shop-db").await;
    assert!(estate.claim("shop-db").is_none());
    assert!(estate.secret("shop-db").unwrap().owner_references().is_empty());
    assert_eq!(counts(&server).await, (1, 2));

    estate.set_claim("shop-db", "u2", DeprovisionPolicy::Retain, &class(&server));
    estate.bind("shop-db").await;
    set_policy(DeprovisionPolicy::Delete);
    estate.bind("shop-db").await;
    assert_eq!(estate.claim("shop-db").unwrap().finalizers(), [FINALIZER.name]);
    estate.delete("shop-db");
    estate.pass("shop-db").await;
    assert_eq!(counts(&server).await, (0, 0));
}

#[tokio::test]
async fn lost_credentials_are_replaced_by_another_login_to_the_same_data() {
    let (server, estate) = (server().await, Estate::new());
    estate.set_claim("shop-db", "u1", DeprovisionPolicy::Delete, &class(&server));
    estate.bind("shop-db").await;
    let (database, login) =
        (estate.credential("shop-db", "database"), estate.credential("shop-db", "username"));
    estate.remove_secret("shop-db");
    estate.bind("shop-db").await;
    assert_eq!(estate.credential("shop-db", "database"), database);
    assert_ne!(estate.credential("shop-db", "username"), login);
    estate.log_in("shop-db").await.unwrap();
    assert_eq!(counts(&server).await.0, 1);
}

fn age(secret: &mut Secret) {
    secret.annotations_mut().insert("score.dev/rotated-at".to_owned(), "2026-01-01T00:00:00Z".to_owned());
}

#[tokio::test]
async fn a_password_is_replaced_when_asked_and_the_old_login_goes_when_nobody_uses_it() {
    let (server, estate) = (server().await, Estate::new());
    estate.set_claim("shop-db", "u1", DeprovisionPolicy::Delete, &class(&server));
    let first = estate.bind("shop-db").await;
    let old = estate.credential("shop-db", "uri");
    let old = old.split('?').next().unwrap();
    let session = estate.log_in("shop-db").await.unwrap();

    estate.annotate("shop-db", "score.dev/rotate", "monday");
    let second = estate.bind("shop-db").await;
    assert_ne!(second.outputs_revision, first.outputs_revision);
    assert_eq!(second.outputs["database"], first.outputs["database"]);
    assert_ne!(second.outputs["username"], first.outputs["username"]);
    estate.log_in("shop-db").await.unwrap();
    log_in(old).await.expect("clients that have not been restarted yet can still reconnect");
    assert_eq!(estate.bind("shop-db").await, second, "it was asked for once");

    estate.modify_secret("shop-db", age);
    estate.bind("shop-db").await;
    log_in(old).await.expect("its time is over, but a session is left");
    session.batch_execute("RESET role; CREATE SCHEMA mine").await.unwrap_or_default();
    drop(session);
    wait_for_no_sessions(&server, &estate).await;
    assert_eq!(estate.bind("shop-db").await, second);
    assert!(log_in(old).await.is_err());
    estate.log_in("shop-db").await.unwrap();
    assert_eq!(counts(&server).await, (1, 2));
}

async fn wait_for_no_sessions(server: &Postgres, estate: &Estate) {
    let database = estate.credential("shop-db", "database");
    let query = format!("SELECT pid FROM pg_stat_activity WHERE usename LIKE '{database}%'");
    let begin = Instant::now();
    while !server.ask("postgres", &query).await.is_empty() {
        assert!(begin.elapsed() < Duration::from_secs(20));
    }
}

#[tokio::test]
async fn a_password_is_replaced_at_its_age_and_a_rotation_that_was_cut_off_is_begun_again() {
    let (server, estate) = (server().await, Estate::new());
    let mut parameters = class(&server);
    parameters["rotation"] = json!({"maxAge": "30d"});
    estate.set_claim("shop-db", "u1", DeprovisionPolicy::Delete, &parameters);
    estate.bind("shop-db").await;
    let old = estate.credential("shop-db", "username");
    estate.modify_secret("shop-db", age);
    estate.api.fail_after(0);
    assert!(estate.process().pass("shop-db").await.is_err());
    assert_eq!(estate.credential("shop-db", "username"), old);
    estate.log_in("shop-db").await.expect("until it is handed over the old one is in force");
    estate.api.heal();
    estate.bind("shop-db").await;
    assert_ne!(estate.credential("shop-db", "username"), old);
    estate.log_in("shop-db").await.unwrap();
    assert_eq!(counts(&server).await, (1, 3));
}

#[tokio::test]
async fn fifty_claims_share_a_few_connections() {
    let (server, estate) = (server().await, Estate::new());
    let mut parameters = class(&server);
    parameters["server"]["maxConnections"] = 4.into();
    let names: Vec<String> = (0..50).map(|number| format!("db-{number}")).collect();
    for name in &names {
        estate.set_claim(name, name, DeprovisionPolicy::Delete, &parameters);
    }
    let process = estate.process();
    let watcher = server.connect("postgres").await;
    let query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'score-provisioner-postgres'";
    let bind_all = stream::iter(&names).for_each_concurrent(16, |name| bind(&process, name));
    tokio::pin!(bind_all);
    let mut most = 0;
    loop {
        tokio::select! {
            () = &mut bind_all => break,
            row = watcher.query_one(query, &[]) => most = most.max(row.unwrap().get::<_, i64>(0)),
        }
    }
    assert!((1..=4).contains(&most), "{most} connections");
    assert_eq!(counts(&server).await, (50, 100));
    for name in &names {
        estate.log_in(name).await.unwrap();
    }
}

/// Passes as the loop would make them, without its pauses.
async fn bind(process: &estate::Process, name: &str) {
    while process.pass(name).await.unwrap() != Retry::Checked {}
}

#[tokio::test]
async fn a_server_that_says_nothing_does_not_hold_up_the_claims_of_another() {
    let (server, estate) = (server().await, Estate::new());
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut dead = class(&server);
    dead["server"]["port"] = silent.local_addr().unwrap().port().into();
    for number in 0..40 {
        estate.set_claim(&format!("a{number}"), &format!("a{number}"), DeprovisionPolicy::Delete, &dead);
    }
    for number in 0..5 {
        let name = format!("live-{number}");
        estate.set_claim(&name, &name, DeprovisionPolicy::Delete, &class(&server));
    }
    let process = estate.process();
    let begin = Instant::now();
    let names =
        (0..40).map(|number| format!("a{number}")).chain((0..5).map(|number| format!("live-{number}")));
    let passes = stream::iter(names).for_each_concurrent(16, async |name| {
        if name.starts_with("live") {
            bind(&process, &name).await;
        } else {
            let retry = process.pass(&name).await.unwrap();
            assert!(matches!(retry, Retry::Soon | Retry::Busy), "{retry:?}");
        }
    });
    passes.await;
    // One attempt after the other would take 40 times as long as a connection may.
    assert!(begin.elapsed() < estate::LIMITS.connect * 8, "{:?}", begin.elapsed());
}

/// Passes of processes that are killed after ever more time, before and after most of what a pass does.
async fn killed_passes(
    estate: &Estate,
    names: &[String],
    before: impl Fn(&str, u64),
    after: impl AsyncFn(&str),
) {
    for milliseconds in (1..120).step_by(7) {
        for name in names.iter().filter(|name| estate.claim(name).is_some()) {
            before(name, milliseconds);
            let process = estate.process();
            let _ = tokio::time::timeout(Duration::from_millis(milliseconds), process.pass(name)).await;
            after(name).await;
        }
    }
}

#[tokio::test]
async fn a_process_that_is_killed_at_any_moment_neither_loses_nor_doubles_a_database() {
    let (server, estate) = (server().await, Estate::new());
    let names: Vec<String> = (0..6).map(|number| format!("db-{number}")).collect();
    for name in &names {
        estate.set_claim(name, name, DeprovisionPolicy::Delete, &class(&server));
    }
    killed_passes(&estate, &names, |_, _| (), async |_| ()).await;
    for name in &names {
        estate.bind(name).await;
        estate.log_in(name).await.unwrap().batch_execute("CREATE TABLE t AS SELECT 42 AS x").await.unwrap();
    }
    assert_eq!(counts(&server).await, (6, 12));
    let rotate = |name: &str, time: u64| estate.annotate(name, "score.dev/rotate", &(time / 28).to_string());
    killed_passes(&estate, &names, rotate, async |name| {
        estate.log_in(name).await.expect("what is handed out works at every moment");
    })
    .await;
    for name in &names {
        estate.bind(name).await;
        let row = estate.log_in(name).await.unwrap().query_one("SELECT x FROM t", &[]).await.unwrap();
        assert_eq!(row.get::<_, i32>(0), 42);
    }
    killed_passes(&estate, &names, |name, _| estate.delete(name), async |_| ()).await;
    for name in names.iter().filter(|name| estate.claim(name).is_some()) {
        estate.pass(name).await;
    }
    assert_eq!(counts(&server).await, (0, 0));
}

#[tokio::test]
async fn a_superuser_will_do_too() {
    let (server, estate) = (server().await, Estate::new());
    estate.set_platform_secret(estate::ADMIN, &[("username", "app"), ("password", "super")]);
    estate.set_claim("shop-db", "u1", DeprovisionPolicy::Delete, &class(&server));
    estate.bind("shop-db").await;
    let login = estate.credential("shop-db", "username");
    server.run("postgres", &[&format!("ALTER ROLE {login} SUPERUSER")]).await;
    estate.bind("shop-db").await;
    let superuser = format!("SELECT rolsuper FROM pg_roles WHERE rolname = '{login}'");
    assert_eq!(server.ask("postgres", &superuser).await, ["f"]);
    estate.annotate("shop-db", "score.dev/rotate", "1");
    estate.bind("shop-db").await;
    estate.modify_secret("shop-db", age);
    wait_for_no_sessions(&server, &estate).await;
    estate.bind("shop-db").await;
    assert_eq!(counts(&server).await, (1, 2));
    estate.delete("shop-db");
    estate.pass("shop-db").await;
    assert_eq!(counts(&server).await, (0, 0));
}

#[tokio::test]
async fn a_class_says_what_is_in_every_database_and_who_may_see_it() {
    let (server, estate) = (server().await, Estate::new());
    server.run("postgres", &["CREATE ROLE reporting LOGIN PASSWORD 'r'"]).await;
    let mut parameters = class(&server);
    estate.set_claim("shop-db", "u1", DeprovisionPolicy::Delete, &parameters);
    estate.bind("shop-db").await;
    let database = estate.credential("shop-db", "database");
    // Whatever its owner sets holds for the owner's sessions, and not for the provisioner's.
    let client = estate.log_in("shop-db").await.unwrap();
    let set = ["search_path = nowhere", "default_transaction_read_only = on", "statement_timeout = 1"];
    for setting in set {
        client.batch_execute(&format!("ALTER DATABASE {database} SET {setting}")).await.unwrap();
    }
    drop(client);
    parameters["extensions"] = json!(["pg_trgm", "uuid-ossp"]);
    parameters["schemaPrivileges"] = json!([{"role": "reporting", "privileges": ["USAGE", "CREATE"]}]);
    estate.set_claim("shop-db", "u1", DeprovisionPolicy::Delete, &parameters);
    estate.bind("shop-db").await;
    let reset = format!("ALTER DATABASE {database} RESET ALL");
    server.run("postgres", &[&reset]).await;
    let extensions = server.ask(&database, "SELECT extname FROM pg_extension ORDER BY 1").await;
    assert_eq!(extensions, ["pg_trgm", "plpgsql", "uuid-ossp"]);
    let reporting = format!("postgresql://reporting:r@127.0.0.1:{}/{database}", server.port);
    let client = with_room(&reporting).await;
    client.batch_execute("CREATE TABLE report (x int)").await.unwrap();
    parameters["connectionLimit"] = 1.into();
    estate.set_claim("shop-db", "u1", DeprovisionPolicy::Delete, &parameters);
    estate.bind("shop-db").await;
    // The database is as full as it may be, and its claim stays Bound.
    assert!(estate.log_in("shop-db").await.is_err());
    estate.bind("shop-db").await;
}

/// A login to a database that others are just leaving.
async fn with_room(uri: &str) -> tokio_postgres::Client {
    let begin = Instant::now();
    loop {
        match log_in(uri).await {
            Ok(client) => return client,
            Err(error) => assert!(begin.elapsed() < Duration::from_secs(20), "{error:?}"),
        }
    }
}

#[tokio::test]
async fn no_object_but_a_secret_holds_a_password() {
    let (server, estate) = (server().await, Estate::new());
    estate.set_claim("shop-db", "u1", DeprovisionPolicy::Delete, &class(&server));
    estate.bind("shop-db").await;
    let password = estate.credential("shop-db", "password");
    assert_clean(&estate.api, &password);
    estate.annotate("shop-db", "score.dev/rotate", "1");
    estate.bind("shop-db").await;
    assert_clean(&estate.api, &estate.credential("shop-db", "password"));
}

fn assert_clean(api: &TestApiServer, password: &str) {
    for claim in api.list::<ResourceClaim>() {
        assert!(!serde_json::to_string(&claim).unwrap().contains(password));
    }
}
