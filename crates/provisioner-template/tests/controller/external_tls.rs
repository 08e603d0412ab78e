//! Whom the provisioner trusts to be the API.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
};

use crate::remote::set_platform_secret;
use crate::world::{World, declare};
use api_types::{ClaimPhase, ResourceClaim};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use serde_json::json;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// An API that speaks TLS as `host`, and has one bucket that is always there; its origin.
fn start(authority: &Authority, host: &str) -> String {
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec![host.to_owned()]).unwrap().signed_by(&key, authority).unwrap();
    let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
    let certificates = vec![CertificateDer::from(certificate.der().to_vec())];
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(builder.with_no_client_auth().with_single_cert(certificates, key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    // It ends with the process.
    thread::spawn(move || {
        for connection in listener.incoming() {
            let config = config.clone();
            thread::spawn(move || serve(connection.unwrap(), config));
        }
    });
    origin
}

/// Answers requests until the other side has enough, or does not trust it.
fn serve(connection: TcpStream, config: Arc<ServerConfig>) {
    let mut stream = StreamOwned::new(ServerConnection::new(config).unwrap(), connection);
    let (mut received, mut buffer) = (Vec::new(), [0; 4096]);
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        received.extend_from_slice(&buffer[..count]);
        if received.windows(4).any(|end| end == b"\r\n\r\n") {
            received.clear();
            let body = "{\"id\": \"b-1\"}";
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
            if stream.write_all(format!("{head}{body}").as_bytes()).is_err() {
                return;
            }
        }
    }
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
    assert!(world.message().contains("authority that is given for it is none"), "{}", world.message());
}
