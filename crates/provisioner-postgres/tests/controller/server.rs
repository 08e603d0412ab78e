//! Databases on a server that the platform gives: a real PostgreSQL, and an API server in memory.

use crate::estate::{self, ADMIN, Estate, class, log_in, server};
use crate::postgres::Postgres;
use api_types::{ClaimPhase, DeprovisionPolicy::Delete};
use controller_kit::testing::Fault;
use kube::ResourceExt as _;
use provisioner_postgres::{FINALIZER, Retry};
use serde_json::json;

const DATABASES: &str = "SELECT datname FROM pg_database WHERE datname LIKE 'team%' ORDER BY 1";
const ROLES: &str = "SELECT rolname FROM pg_roles WHERE rolname LIKE 'team%' ORDER BY 1";

/// How much there is of one claim: databases, and roles.
async fn counts(server: &Postgres) -> (usize, usize) {
    (server.ask("postgres", DATABASES).await.len(), server.ask("postgres", ROLES).await.len())
}

#[tokio::test]
async fn a_claim_gets_a_database_of_its_own_and_nothing_is_written_after_that() {
    let (server, estate) = (server().await, Estate::new());
    estate.set_claim("shop-db", "u1", Delete, &class(&server));
    let status = estate.bind("shop-db").await;
    assert_eq!(status.message.as_deref(), Some("PostgreSQL database ready"));
    let outputs: Vec<_> = status.outputs.keys().map(String::as_str).collect();
    assert_eq!(outputs, ["database", "host", "name", "password", "port", "sslmode", "uri", "username"]);
    assert_eq!(estate.claim("shop-db").unwrap().finalizers(), [FINALIZER.name]);
    assert_eq!(counts(&server).await, (1, 2));

    let client = estate.log_in("shop-db").await.unwrap();
    client.batch_execute("CREATE TABLE t (x int)").await.unwrap();
    let database = estate.credential("shop-db", "database");
    let owner = server.ask(&database, "SELECT tableowner FROM pg_tables WHERE tablename = 't'").await;
    assert_eq!(owner, std::slice::from_ref(&database), "what a login makes belongs to the owner");
    server.run("postgres", &["CREATE ROLE stranger LOGIN PASSWORD 'x'"]).await;
    let stranger = format!("postgresql://stranger:x@127.0.0.1:{}/{database}", server.port);
    assert!(log_in(&stranger).await.is_err(), "nobody else may connect");

    estate.api.clear_requests();
    let process = estate.process();
    for _ in 0..2 {
        assert_eq!(process.pass("shop-db").await.unwrap(), Retry::Checked);
    }
    assert_eq!(estate.api.writes(), []);
}

#[tokio::test]
async fn wherever_a_creation_was_cut_off_it_ends_as_if_it_had_not_been() {
    let (server, estate) = (server().await, Estate::new());
    for number in 0..5 {
        for fault in [Fault::Refused(503), Fault::AnswerLost] {
            let name = format!("db-{number}-{fault:?}").to_lowercase().replace(['(', ')'], "");
            estate.set_claim(&name, &name, Delete, &class(&server));
            estate.api.disturb(number, fault);
            let _ = estate.process().pass(&name).await;
            estate.api.heal();
            let password = estate.secret(&name).map(|_| estate.credential(&name, "password"));
            estate.bind(&name).await;
            assert!(password.is_none_or(|password| password == estate.credential(&name, "password")));
            estate.log_in(&name).await.unwrap();
        }
    }
    assert_eq!(counts(&server).await, (10, 20), "nothing twice, nothing forgotten");
}

/// The statements that take a server back to where it was after the first steps of a creation.
fn rewinds(base: &str) -> Vec<Vec<String>> {
    let database = format!("DROP DATABASE {base}");
    let (login, owner) = (format!("DROP ROLE {base}_1"), format!("DROP ROLE {base}"));
    vec![
        vec![database.clone(), login.clone(), owner],
        vec![database.clone(), login],
        vec![database],
        vec![format!("GRANT ALL ON DATABASE {base} TO PUBLIC")],
    ]
}

#[tokio::test]
async fn wherever_the_work_on_the_server_was_cut_off_it_is_taken_up() {
    let (server, estate) = (server().await, Estate::new());
    for step in 0..4 {
        let name = format!("db-{step}");
        estate.set_claim(&name, &name, Delete, &class(&server));
        estate.bind(&name).await;
        // As if the process had died before it could write down that all is there.
        let password = estate.credential(&name, "password");
        estate.modify_secret(&name, |secret| {
            secret.annotations_mut().remove("score.dev/provisioned");
        });
        estate
            .api
            .modify(estate::NAMESPACE, &name, |claim: &mut api_types::ResourceClaim| claim.status = None);
        let rewind = &rewinds(&estate.credential(&name, "database"))[step];
        let rewind: Vec<_> = rewind.iter().map(String::as_str).collect();
        server.run("postgres", &rewind).await;

        estate.bind(&name).await;
        assert_eq!(estate.credential(&name, "password"), password);
        estate.log_in(&name).await.unwrap();
    }
    assert_eq!(counts(&server).await, (4, 8));
    let public =
        "SELECT datname FROM pg_database, aclexplode(datacl) WHERE grantee = 0 AND datname LIKE 'team%'";
    assert_eq!(server.ask("postgres", public).await, [""; 0]);
}

#[tokio::test]
async fn what_others_have_on_the_server_is_left_alone() {
    let (server, estate) = (server().await, Estate::new());
    estate.set_claim("shop-db", "u1", Delete, &class(&server));
    estate.bind("shop-db").await;
    let database = estate.credential("shop-db", "database");
    estate.delete("shop-db");
    estate.pass("shop-db").await;
    estate.remove_secret("shop-db");
    assert_eq!(counts(&server).await, (0, 0));

    server.run("postgres", &[&format!("CREATE DATABASE {database}")]).await;
    server.run(&database, &["CREATE TABLE theirs (x int)"]).await;
    for _ in 0..2 {
        estate.set_claim("shop-db", "u1", Delete, &class(&server));
        assert_eq!(estate.pass("shop-db").await, Retry::Rarely);
        assert_eq!(estate.status("shop-db").phase, ClaimPhase::Failed);
        assert!(estate.message("shop-db").contains("was not made for this resource"));
        assert_eq!(counts(&server).await, (1, 0));
        // To delete such a claim drops nothing.
        estate.delete("shop-db");
        estate.pass("shop-db").await;
        assert!(estate.claim("shop-db").is_none());
        assert_eq!(server.ask(&database, "SELECT count(*) FROM theirs").await, ["0"]);
        estate.remove_secret("shop-db");
    }
    server.run("postgres", &[&format!("DROP DATABASE {database}"), &format!("CREATE ROLE {database}")]).await;
    estate.set_claim("shop-db", "u1", Delete, &class(&server));
    estate.pass("shop-db").await;
    assert!(estate.message("shop-db").contains("has a role"), "{}", estate.message("shop-db"));
    assert_eq!(counts(&server).await, (0, 1));
}

#[tokio::test]
async fn what_somebody_changes_on_the_server_is_repaired() {
    let (server, estate) = (server().await, Estate::new());
    let mut parameters = class(&server);
    parameters["connectionLimit"] = 7.into();
    estate.set_claim("shop-db", "u1", Delete, &parameters);
    let bound = estate.bind("shop-db").await;
    let base = estate.credential("shop-db", "database");
    let login = estate.credential("shop-db", "username");
    for drift in [
        format!("DROP ROLE {login}"),
        format!("ALTER ROLE {login} PASSWORD 'guessed'"),
        format!("ALTER ROLE {login} NOLOGIN"),
        format!("ALTER ROLE {login} VALID UNTIL '2001-01-01'"),
        format!("ALTER ROLE {login} CREATEDB CREATEROLE NOINHERIT"),
        format!("ALTER ROLE {login} RESET role"),
        format!("REVOKE {base} FROM {login}"),
        format!("ALTER ROLE {base} LOGIN"),
        format!("GRANT CONNECT ON DATABASE {base} TO PUBLIC"),
        format!("REVOKE ALL ON DATABASE {base} FROM {base}"),
        format!("ALTER DATABASE {base} CONNECTION LIMIT 1"),
        format!("ALTER DATABASE {base} ALLOW_CONNECTIONS false"),
    ] {
        server.run("postgres", &[&drift]).await;
        assert_eq!(estate.bind("shop-db").await, bound, "{drift}");
        let client = estate.log_in("shop-db").await.unwrap();
        let row = client.query_one("SELECT current_user::text, session_user::text", &[]).await.unwrap();
        assert_eq!((row.get(0), row.get(1)), (base.as_str(), login.as_str()), "{drift}");
        let facts = format!(
            "SELECT datconnlimit || ' ' || (SELECT rolcanlogin FROM pg_roles WHERE rolname = '{base}') || ' ' ||
               (SELECT count(*) FROM aclexplode(datacl) WHERE grantee = 0) || ' ' ||
               (SELECT rolcreatedb OR rolcreaterole FROM pg_roles WHERE rolname = '{login}')
             FROM pg_database WHERE datname = '{base}'"
        );
        assert_eq!(server.ask("postgres", &facts).await, ["7 false 0 false"], "{drift}");
    }
}

#[tokio::test]
async fn a_database_that_vanished_is_not_replaced_by_an_empty_one() {
    let (server, estate) = (server().await, Estate::new());
    estate.set_claim("shop-db", "u1", Delete, &class(&server));
    estate.bind("shop-db").await;
    let database = estate.credential("shop-db", "database");
    server.run("postgres", &[&format!("DROP DATABASE {database}")]).await;
    estate.pass("shop-db").await;
    assert_eq!(estate.status("shop-db").phase, ClaimPhase::Failed);
    assert!(estate.message("shop-db").contains("is no longer on the server"));
    assert!(estate.status("shop-db").outputs.is_empty(), "what was handed out leads to nothing any more");
    assert_eq!(counts(&server).await.0, 0);
    // Released, as the page says.
    estate.modify_secret("shop-db", |secret| {
        secret.annotations_mut().remove("score.dev/provisioned");
    });
    estate.bind("shop-db").await;
}

#[tokio::test]
async fn a_server_that_is_down_is_waited_for_and_the_data_is_there_again() {
    let (mut server, estate) = (server().await, Estate::new());
    estate.set_claim("shop-db", "u1", Delete, &class(&server));
    let bound = estate.bind("shop-db").await;
    let client = estate.log_in("shop-db").await.unwrap();
    client.batch_execute("CREATE TABLE t AS SELECT 42 AS x; CHECKPOINT").await.unwrap_or_default();
    client.batch_execute("CREATE TABLE IF NOT EXISTS t AS SELECT 42 AS x").await.unwrap();
    server.stop();

    let process = estate.process();
    assert_eq!(process.pass("shop-db").await.unwrap(), Retry::Soon);
    let down = estate.status("shop-db");
    assert_eq!((down.phase, down.outputs_available), (ClaimPhase::Binding, false));
    assert_eq!(down.outputs_revision, bound.outputs_revision, "what was handed out is not taken back");
    assert!(down.message.unwrap().contains("cannot be used now: it refuses connections"));
    estate.api.clear_requests();
    process.pass("shop-db").await.unwrap();
    assert_eq!(estate.api.writes(), [], "the same answer is not given twice");

    server.start_again();
    server.ready().await;
    assert_eq!(estate.bind("shop-db").await, bound);
    let row = estate.log_in("shop-db").await.unwrap().query_one("SELECT x FROM t", &[]).await.unwrap();
    assert_eq!(row.get::<_, i32>(0), 42);
}

#[tokio::test]
async fn the_platforms_credentials_can_change_while_the_process_runs() {
    let (server, estate) = (server().await, Estate::new());
    estate.set_claim("shop-db", "u1", Delete, &class(&server));
    let process = estate.process();
    process.pass("shop-db").await.unwrap();
    assert!(estate.status("shop-db").outputs_available);
    server.run("postgres", &["ALTER ROLE provisioner PASSWORD 'second'"]).await;
    let later = estate.process();
    assert_eq!(later.pass("shop-db").await.unwrap(), Retry::Soon);
    assert!(estate.message("shop-db").contains("does not accept the platform's credentials in `pg-admin`"));
    estate.set_platform_secret(ADMIN, &[("username", "provisioner"), ("password", "second\n")]);
    for process in [process, later] {
        assert_eq!(process.pass("shop-db").await.unwrap(), Retry::Checked);
    }
    assert!(estate.status("shop-db").outputs_available);
}

#[tokio::test]
async fn what_the_platform_did_not_set_up_is_said() {
    let (server, estate) = (server().await, Estate::new());
    let said = async |change: &dyn Fn(&mut serde_json::Value)| {
        let mut parameters = class(&server);
        change(&mut parameters);
        estate.set_claim("shop-db", "u1", Delete, &parameters);
        estate.pass("shop-db").await;
        assert_eq!(estate.status("shop-db").phase, ClaimPhase::Failed);
        estate.message("shop-db")
    };
    let missing = said(&|p| p["server"]["adminSecretRef"]["name"] = "none".into()).await;
    assert!(
        missing.contains("`none`, which the class names, does not exist in the namespace `score-system`"),
        "{missing}"
    );
    let authority = said(&|p| p["server"]["tls"] = json!({"mode": "verify-full"})).await;
    assert!(authority.contains("`pg-admin` in the namespace `score-system` has no `ca.crt`"), "{authority}");
    let unknown = said(&|p| p["storage"] = "1Gi".into()).await;
    assert!(unknown.contains("parameters.storage: there is no such parameter, only server"), "{unknown}");
    let matches = |request: &controller_kit::testing::Recorded| request.path.ends_with("pg-admin");
    estate.api.fail_next(matches, 403);
    let forbidden = said(&|_| ()).await;
    assert!(forbidden.contains("chart value `servers.secrets`"), "{forbidden}");
    estate.set_platform_secret("signing-key", &[("username", "u"), ("password", "p")]);
    let not_allowed = said(&|p| p["server"]["adminSecretRef"]["name"] = "signing-key".into()).await;
    assert!(not_allowed.contains("may not read `signing-key`"), "{not_allowed}");
    assert!(!estate.api.requests().iter().any(|request| request.path.ends_with("signing-key")));
    assert_eq!(counts(&server).await, (0, 0));
}

#[tokio::test]
async fn a_database_never_moves_between_the_kinds_of_classes() {
    let (server, estate) = (server().await, Estate::new());
    estate.set_claim("shop-db", "u1", Delete, &class(&server));
    estate.bind("shop-db").await;
    estate.set_claim("shop-db", "u1", Delete, &json!({}));
    estate.api.modify(estate::NAMESPACE, "shop-db", |claim: &mut api_types::ResourceClaim| {
        claim.spec.class = "default".to_owned();
    });
    estate.pass("shop-db").await;
    assert_eq!(estate.status("shop-db").phase, ClaimPhase::Failed);
    assert!(estate.message("shop-db").contains("its data would be left behind"));
    assert_eq!(counts(&server).await, (1, 2));
}
