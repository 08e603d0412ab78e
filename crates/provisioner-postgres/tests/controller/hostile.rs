//! What a Workload, a careless platform, or whoever may write a claim's Secret could try on a server. Each is refused, or
//! stays the text that it is. The names that are made of such texts are tried where they are made.

use crate::estate::{ADMIN, Estate, NAMESPACE, class, server};
use crate::postgres::Postgres;
use api_types::{ClaimPhase, DeprovisionPolicy::Delete, ResourceClaim};
use k8s_openapi::ByteString;
use serde_json::{Value, json};
use tokio_postgres::Config;
use workload_gen::hostile_texts;

const CLAIM: &str = "shop-db";
const TEXTS: usize = 60;

/// A server with something on it that must stay as it is.
struct Guarded {
    server: Postgres,
    roles: Vec<String>,
    databases: Vec<String>,
}

const ROLES: &str = "SELECT rolname || rolsuper || rolcreatedb || rolcreaterole || rolcanlogin
                     FROM pg_roles WHERE rolname NOT LIKE 'team%' ORDER BY 1";
const DATABASES: &str = "SELECT datname FROM pg_database WHERE datname NOT LIKE 'team%' ORDER BY 1";

impl Guarded {
    async fn new() -> Self {
        let server = server().await;
        server.run("postgres", &["CREATE TABLE canary (x int)", "CREATE ROLE reporting"]).await;
        let (roles, databases) =
            (server.ask("postgres", ROLES).await, server.ask("postgres", DATABASES).await);
        Self { server, roles, databases }
    }

    async fn assert_untouched(&self) {
        assert_eq!(self.server.ask("postgres", "SELECT count(*) FROM canary").await, ["0"]);
        assert_eq!(self.server.ask("postgres", ROLES).await, self.roles);
        assert_eq!(self.server.ask("postgres", DATABASES).await, self.databases);
    }
}

/// Whether it is text to PostgreSQL and to the API server, and no more.
fn is_text(text: &str) -> bool {
    !text.is_empty() && !text.contains('\0')
}

fn set(estate: &Estate, parameters: &Value) {
    estate.set_claim(CLAIM, "u1", Delete, parameters);
}

#[tokio::test]
async fn what_a_class_says_is_refused_or_a_name() {
    let (guarded, estate) = (Guarded::new().await, Estate::new());
    let texts = hostile_texts();
    assert!(texts.len() >= TEXTS);
    // The database is there, so that whatever is added is added to it.
    set(&estate, &class(&guarded.server));
    estate.bind(CLAIM).await;
    let process = estate.process();
    for text in texts {
        for more in [
            json!({"extensions": [text]}),
            json!({"schemaPrivileges": [{"role": text, "privileges": ["USAGE"]}]}),
            json!({"schemaPrivileges": [{"role": "reporting", "privileges": [text]}]}),
            json!({"sslmode": text}),
            json!({"connectionLimit": text}),
            json!({"rotation": {"maxAge": text}}),
            json!({"rotation": {"gracePeriod": text}}),
            json!({text.clone(): text}),
        ] {
            let mut parameters = class(&guarded.server);
            parameters.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let mut claim = estate.claim(CLAIM).unwrap();
            claim.spec.parameters = serde_json::from_value(parameters).unwrap();
            process.claims.record(estate.api.insert(claim));
            process.pass(CLAIM).await.unwrap();
            let status = estate.status(CLAIM);
            // A role that PostgreSQL brings along may be granted something; that is what the platform wrote.
            let is_granted = text == "pg_monitor" && more["schemaPrivileges"][0]["role"] == *text;
            let expected = if is_granted { ClaimPhase::Bound } else { ClaimPhase::Failed };
            assert_eq!(status.phase, expected, "{more}: {status:?}");
        }
    }
    guarded.assert_untouched().await;
}

#[tokio::test]
async fn what_a_workload_says_is_refused_or_harmless() {
    let (guarded, estate) = (Guarded::new().await, Estate::new());
    set(&estate, &class(&guarded.server));
    let database = {
        estate.bind(CLAIM).await;
        estate.credential(CLAIM, "database")
    };
    let change = |change: &dyn Fn(&mut ResourceClaim)| {
        estate.api.modify(NAMESPACE, CLAIM, |claim: &mut ResourceClaim| change(claim));
    };
    for text in hostile_texts().into_iter().filter(|text| is_text(text)) {
        change(&|claim| claim.spec.params = serde_json::from_value(json!({"x": text})).unwrap());
        estate.pass(CLAIM).await;
        assert_eq!(estate.status(CLAIM).phase, ClaimPhase::Failed, "{text}");
        change(&|claim| claim.spec.params = serde_json::from_value(json!({text.clone(): 1})).unwrap());
        estate.pass(CLAIM).await;
        assert_eq!(estate.status(CLAIM).phase, ClaimPhase::Failed, "{text}");
    }
    // What reaches no statement at all, and what is written down with a new login.
    for text in hostile_texts().into_iter().filter(|text| is_text(text)).step_by(3) {
        change(&|claim| {
            claim.spec.params = None;
            claim.spec.class.clone_from(&text);
            claim.spec.key.clone_from(&text);
            claim.spec.id = Some(text.clone());
        });
        estate.annotate(CLAIM, "score.dev/rotate", &text);
        estate.bind(CLAIM).await;
        let annotations = estate.secret(CLAIM).unwrap().metadata.annotations.unwrap();
        assert_eq!(annotations["score.dev/rotated-for"], text);
    }
    assert_eq!(estate.credential(CLAIM, "database"), database);
    estate.log_in(CLAIM).await.unwrap();
    guarded.assert_untouched().await;
}

#[tokio::test]
async fn what_stands_in_a_secret_is_a_password_or_nothing() {
    let (guarded, estate) = (Guarded::new().await, Estate::new());
    set(&estate, &class(&guarded.server));
    estate.bind(CLAIM).await;
    for text in hostile_texts() {
        let put = |key: &str| {
            estate.modify_secret(CLAIM, |secret| {
                let data = secret.data.get_or_insert_default();
                data.insert(key.to_owned(), ByteString(text.clone().into_bytes()));
            });
        };
        put("password");
        // A machine that is busy may make one of them too slow.
        for _ in 0..5 {
            estate.pass(CLAIM).await;
            if estate.status(CLAIM).outputs_available {
                break;
            }
        }
        if estate.status(CLAIM).outputs_available {
            // The provisioner has logged in with it; whoever reads the URI reads the same.
            let uri: Config = estate.credential(CLAIM, "uri").parse().unwrap();
            assert_eq!(uri.get_password(), Some(text.as_bytes()));
            assert_eq!(uri.get_dbname(), Some(estate.credential(CLAIM, "name").as_str()));
        } else {
            assert!(!is_text(&text), "{text}: {:?}", estate.status(CLAIM));
            put("password");
        }
        // Everything else in it follows from what is written down, and is put back by the next pass.
        for key in ["host", "database", "uri", "sslmode"] {
            put(key);
        }
    }
    estate.modify_secret(CLAIM, |secret| {
        secret.data.get_or_insert_default().insert("password".to_owned(), ByteString(b"plain".to_vec()));
    });
    estate.bind(CLAIM).await;
    assert!(estate.credential(CLAIM, "uri").contains(":plain@127.0.0.1:"));
    guarded.assert_untouched().await;
}

#[tokio::test]
async fn what_the_platforms_secret_says_is_a_login_or_none() {
    let (guarded, estate) = (Guarded::new().await, Estate::new());
    set(&estate, &class(&guarded.server));
    for text in hostile_texts() {
        estate.set_platform_secret(ADMIN, &[("username", &text), ("password", &text)]);
        estate.pass(CLAIM).await;
        let status = estate.status(CLAIM);
        assert!(!status.outputs_available, "{text}: {status:?}");
    }
    guarded.assert_untouched().await;
    assert!(
        guarded.server.ask("postgres", "SELECT 1 FROM pg_roles WHERE rolname LIKE 'team%'").await.is_empty()
    );
}
