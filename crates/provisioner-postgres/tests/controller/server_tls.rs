//! Whom the provisioner trusts to be the platform's server.

use crate::estate::{Estate, class, server};
use crate::postgres::{Identity, Postgres};
use api_types::{ClaimPhase, DeprovisionPolicy::Delete};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::{Value, json};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn identity(authority: &Authority, host: &str) -> Identity {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![host.to_owned()]).unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    Identity { certificate: certificate.pem(), key: key.serialize_pem() }
}

fn verified(server: &Postgres, host: &str, authority: &str) -> Value {
    let mut parameters = class(server);
    parameters["server"]["host"] = host.into();
    parameters["server"]["tls"] = json!({"mode": "verify-full", "caSecretRef": {"name": authority}});
    parameters
}

#[tokio::test]
async fn only_the_server_that_the_authority_vouches_for_is_given_a_password() {
    let (mut server, estate) = (server().await, Estate::new());
    let (right, wrong) = (authority(), authority());
    estate.set_platform_secret("right", &[("ca.crt", &right.pem())]);
    estate.set_platform_secret("wrong", &[("ca.crt", &wrong.pem())]);
    estate.set_platform_secret("broken", &[("ca.crt", "no certificate")]);

    estate.set_claim("plain-db", "plain", Delete, &verified(&server, "localhost", "right"));
    estate.pass("plain-db").await;
    assert_eq!(estate.status("plain-db").phase, ClaimPhase::Failed);
    assert!(estate.message("plain-db").contains("offers no encryption"), "{}", estate.message("plain-db"));

    server.set_identity(&identity(&right, "localhost"));
    server.stop();
    server.start_again();
    server.ready().await;
    for (host, authority, words) in [
        ("localhost", "wrong", "cannot be trusted (invalid peer certificate"),
        ("127.0.0.1", "right", "cannot be trusted (invalid peer certificate"),
        ("localhost", "broken", "the CA bundle holds no usable certificate"),
    ] {
        estate.set_claim("shop-db", "u1", Delete, &verified(&server, host, authority));
        estate.pass("shop-db").await;
        assert_eq!(estate.status("shop-db").phase, ClaimPhase::Failed, "{host}, {authority}");
        assert!(estate.message("shop-db").contains(words), "{}", estate.message("shop-db"));
    }
    // Under another name, unless the class says that any certificate of the authority will do.
    for (authority, phase) in [("wrong", ClaimPhase::Failed), ("right", ClaimPhase::Bound)] {
        let mut parameters = verified(&server, "127.0.0.1", authority);
        parameters["server"]["tls"]["mode"] = "verify-ca".into();
        estate.set_claim("named-db", "named", Delete, &parameters);
        estate.pass("named-db").await;
        assert_eq!(estate.status("named-db").phase, phase, "{}", estate.message("named-db"));
    }
    estate.set_claim("shop-db", "u1", Delete, &verified(&server, "localhost", "right"));
    let status = estate.bind("shop-db").await;
    assert_eq!(status.outputs["sslmode"].value, Some("require".into()));
    assert!(estate.credential("shop-db", "uri").ends_with("?sslmode=require"));
}
