//! Whom the provisioner trusts to be the API.

use crate::remote::set_platform_secret;
use crate::tls::{self, Authority, authority};
use crate::world::{World, declare};
use api_types::{ClaimPhase, ResourceClaim};
use serde_json::json;

/// An API that speaks TLS as `host`, and has one bucket that is always there; its origin.
fn start(authority: &Authority, host: &str) -> String {
    let body = "{\"id\": \"b-1\"}";
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    format!("https://localhost:{}", tls::start(authority, host, move |_| answer.clone().into_bytes()))
}

fn world(origin: &str, trusted: Option<&str>) -> World {
    let declaration = json!({
        "externalApi": {
            "url": origin,
            "create": {"path": "/buckets"},
            "read": {"path": "/buckets/{{ remote.id }}"},
            "delete": {"path": "/buckets/{{ remote.id }}"},
        },
        "outputs": {"id": {"value": "answer.id"}},
    });
    let world = World::at(Some(origin.to_owned()), |claim: &mut ResourceClaim| {
        let mut declaration = declaration;
        if trusted.is_some() {
            declaration["externalApi"]["caSecretRef"] = json!({"name": "api-ca"});
        }
        declare(claim, &declaration.to_string());
    });
    if let Some(pem) = trusted {
        set_platform_secret(&world, "api-ca", &[("ca.crt", pem)]);
    }
    world
}

#[tokio::test]
async fn an_api_is_trusted_by_the_authority_that_is_given_for_it_and_for_its_name_alone() {
    let (ours, other) = (authority(), authority());
    let origin = start(&ours, "localhost");
    world(&origin, Some(&ours.pem())).until_bound().await;
    for (origin, trusted) in [
        (origin.clone(), None),
        (origin, Some(other.pem())),
        (start(&ours, "elsewhere.example.com"), Some(ours.pem())),
    ] {
        let world = world(&origin, trusted.as_deref());
        world.pass().await.unwrap();
        assert_eq!(world.status().phase, ClaimPhase::Failed, "{}", world.message());
        assert!(world.message().contains("invalid peer certificate"), "{}", world.message());
    }
}

#[tokio::test]
async fn an_authority_that_is_none_is_said() {
    let world = world("https://localhost:1", Some("no certificate"));
    world.pass().await.unwrap();
    assert_eq!(world.status().phase, ClaimPhase::Failed);
    assert!(world.message().contains("the given CA bundle holds no PEM certificate"), "{}", world.message());
}
