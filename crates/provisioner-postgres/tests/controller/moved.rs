//! The class names another server than the one that a database was made on.

use crate::estate::{Estate, NAMESPACE, class, server};
use crate::postgres::Postgres;
use api_types::{ClaimPhase, DeprovisionPolicy::Delete, ResourceClaim};
use kube::ResourceExt as _;
use provisioner_postgres::Retry;
use serde_json::{Value, json};

const CLAIM: &str = "shop-db";

/// The claim's class names this server from now on.
fn point(estate: &Estate, parameters: &Value) {
    estate.api.modify(NAMESPACE, CLAIM, |claim: &mut ResourceClaim| {
        claim.spec.parameters = serde_json::from_value(parameters.clone()).unwrap();
    });
}

async fn databases(server: &Postgres) -> usize {
    server.ask("postgres", "SELECT datname FROM pg_database WHERE datname LIKE 'team%'").await.len()
}

async fn bound_on(server: &Postgres) -> Estate {
    let estate = Estate::new();
    estate.set_claim(CLAIM, "u1", Delete, &class(server));
    estate.bind(CLAIM).await;
    estate
}

/// As a version left it that wrote down less.
fn forget_server(estate: &Estate) {
    estate.modify_secret(CLAIM, |secret| {
        secret.annotations_mut().remove("score.dev/server");
    });
}

#[tokio::test]
async fn nobody_is_sent_to_another_server_and_no_second_database_is_made_there() {
    let (old, new) = (server().await, server().await);
    let estate = bound_on(&old).await;
    let (bound, uri) = (estate.status(CLAIM), estate.credential(CLAIM, "uri"));
    let mut dead = class(&new);
    dead["server"]["port"] = 1.into();
    for is_written_down in [true, false] {
        if !is_written_down {
            forget_server(&estate);
        }
        for (parameters, phase, words) in [
            (&class(&new), ClaimPhase::Failed, format!("made on the server `127.0.0.1:{}`", old.port)),
            (&dead, ClaimPhase::Binding, "`127.0.0.1:1` cannot be used now".to_owned()),
        ] {
            point(&estate, parameters);
            estate.pass(CLAIM).await;
            let status = estate.status(CLAIM);
            assert_eq!((status.phase, status.outputs_available), (phase, false));
            assert!(estate.message(CLAIM).contains(&words), "{}", estate.message(CLAIM));
            assert_eq!(status.outputs_revision, bound.outputs_revision, "what was handed out is in use");
            assert_eq!(estate.credential(CLAIM, "uri"), uri);
            estate.log_in(CLAIM).await.unwrap();
        }
    }
    estate.remove_secret(CLAIM);
    point(&estate, &class(&new));
    estate.pass(CLAIM).await;
    assert!(estate.message(CLAIM).contains("made on the server"), "{}", estate.message(CLAIM));
    assert!(estate.secret(CLAIM).is_none());
    assert_eq!(databases(&new).await, 0);

    point(&estate, &class(&old));
    let again = estate.bind(CLAIM).await;
    assert_eq!(again.outputs["database"], bound.outputs["database"]);
    assert_eq!(databases(&old).await, 1);
}

#[tokio::test]
async fn where_a_database_is_stays_known_whatever_the_claim_is_answered_in_the_meantime() {
    let (old, new) = (server().await, server().await);
    let estate = bound_on(&old).await;
    let bound = estate.status(CLAIM);
    let answered = async || {
        estate.pass(CLAIM).await;
        let status = estate.status(CLAIM);
        assert_eq!((status.phase, status.outputs_available), (ClaimPhase::Failed, false), "{status:?}");
        assert_eq!((&status.outputs, &status.outputs_revision), (&bound.outputs, &bound.outputs_revision));
    };
    let (mut wrong, mut closed) = (class(&old), class(&old));
    wrong["storage"] = "1Gi".into();
    closed["server"]["adminSecretRef"]["name"] = "none".into();
    // The last is of the other kind.
    for parameters in [wrong, closed, json!({})] {
        point(&estate, &parameters);
        answered().await;
    }
    point(&estate, &class(&old));
    estate.modify_secret(CLAIM, |secret| {
        secret.data.get_or_insert_default().remove("password");
    });
    answered().await;

    estate.remove_secret(CLAIM);
    point(&estate, &class(&new));
    answered().await;
    assert!(estate.message(CLAIM).contains("made on the server"), "{}", estate.message(CLAIM));
    assert_eq!(databases(&new).await, 0);
    point(&estate, &class(&old));
    assert_eq!(estate.bind(CLAIM).await.outputs["database"], bound.outputs["database"]);
}

#[tokio::test]
async fn a_server_that_has_another_name_by_now_is_recognised_by_the_database_on_it() {
    let server = server().await;
    let estate = bound_on(&server).await;
    let password = estate.credential(CLAIM, "password");
    let mut renamed = class(&server);
    renamed["server"]["host"] = "localhost".into();
    point(&estate, &renamed);
    estate.bind(CLAIM).await;
    assert_eq!(estate.credential(CLAIM, "host"), "localhost");
    assert_eq!(estate.credential(CLAIM, "password"), password);
    let place = format!("localhost:{}", server.port);
    assert_eq!(estate.secret(CLAIM).unwrap().annotations()["score.dev/server"], place);
    estate.log_in(CLAIM).await.unwrap();
    // Deleted before the provisioner saw that it has another name again.
    point(&estate, &class(&server));
    estate.delete(CLAIM);
    assert_eq!(estate.pass(CLAIM).await, Retry::Never);
    assert!(estate.claim(CLAIM).is_none());
    assert_eq!(databases(&server).await, 0);
}

#[tokio::test]
async fn a_deletion_waits_until_the_class_names_the_server_again_or_the_database_is_given_up() {
    let (old, new) = (server().await, server().await);
    for is_given_up in [false, true] {
        let estate = bound_on(&old).await;
        point(&estate, &class(&new));
        estate.delete(CLAIM);
        for _ in 0..2 {
            assert_eq!(estate.pass(CLAIM).await, Retry::Soon);
            let message = estate.message(CLAIM);
            let origin = format!("made on the server `127.0.0.1:{}`", old.port);
            assert!(message.contains(&origin) && message.contains("score.dev/abandon=true"), "{message}");
            // As when its namespace is deleted.
            estate.remove_secret(CLAIM);
        }
        if is_given_up {
            estate.annotate(CLAIM, "score.dev/abandon", "true");
        } else {
            point(&estate, &class(&old));
        }
        assert_eq!(estate.pass(CLAIM).await, Retry::Never);
        assert!(estate.claim(CLAIM).is_none());
        assert_eq!(databases(&old).await, usize::from(is_given_up));
    }
}
