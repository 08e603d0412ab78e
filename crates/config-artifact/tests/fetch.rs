//! The document from a registry as it is run elsewhere, in good and in bad times.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

mod registry;

use std::{fs, process::Command, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use config_artifact::{Error, LIMIT, MEDIA_TYPE, Options, Reference, fetch};
use registry::{Kind, PASSWORD, Registry, USER, digest_of};
use tokio::net::{TcpListener, TcpStream};

const DOCUMENT: &[u8] = b"kind: OrchestratorConfig\n# \xc3\xa4 comment\n";
const NOWHERE: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// What a fetch without any option says.
async fn refusal(reference: &Reference) -> Error {
    fetch(reference, &Options::default()).await.unwrap_err()
}

#[tokio::test]
async fn a_document_that_was_pushed_is_fetched_by_its_digest() {
    let registry = Registry::start(Kind::Open);
    let reference = registry.push(&[(MEDIA_TYPE, DOCUMENT), ("text/markdown", b"# About it")]).await;
    assert_eq!(fetch(&reference, &Options::default()).await.unwrap().as_bytes(), DOCUMENT);
}

#[tokio::test]
async fn a_document_of_plain_yaml_is_fetched_too() {
    let registry = Registry::start(Kind::Open);
    let reference = registry.push(&[("application/yaml", DOCUMENT)]).await;
    assert_eq!(fetch(&reference, &Options::default()).await.unwrap().as_bytes(), DOCUMENT);
}

#[tokio::test]
async fn an_artifact_of_something_else_is_refused() {
    let registry = Registry::start(Kind::Open);
    let reference = registry.push(&[("application/json", b"{}")]).await;
    let error = refusal(&reference).await;
    assert!(matches!(&error, Error::Layers(types) if types == &["application/json"]), "{error}");
}

#[tokio::test]
async fn a_layer_that_was_changed_on_the_registrys_disk_is_refused() {
    let registry = Registry::start(Kind::Open);
    let reference = registry.push(&[(MEDIA_TYPE, DOCUMENT)]).await;
    let layer = registry.layer(&reference);
    let changed = String::from_utf8(DOCUMENT.to_vec()).unwrap().replace("Orchestrator", "0rchestrator");
    fs::write(registry.blob(&layer), changed).unwrap();
    let error = refusal(&reference).await;
    assert!(matches!(&error, Error::Digest { expected, .. } if *expected == layer), "{error}");
}

#[tokio::test]
async fn a_manifest_that_was_changed_on_the_registrys_disk_is_refused() {
    let registry = Registry::start(Kind::Open);
    let good = registry.push(&[(MEDIA_TYPE, DOCUMENT)]).await;
    let other = registry.push(&[(MEDIA_TYPE, b"kind: Other")]).await;
    fs::copy(registry.blob(&digest_of(&other)), registry.blob(&digest_of(&good))).unwrap();
    let error = refusal(&good).await;
    let expected = digest_of(&good);
    assert!(matches!(&error, Error::Digest { expected: digest, .. } if *digest == expected), "{error}");
}

#[tokio::test]
async fn what_is_not_there_is_said_to_be_missing() {
    let registry = Registry::start(Kind::Open);
    let reference = registry.push(&[(MEDIA_TYPE, DOCUMENT)]).await;
    let missing = registry.reference(NOWHERE);
    let error = refusal(&missing).await;
    assert!(matches!(&error, Error::NotFound(name) if *name == missing.to_string()), "{error}");

    let layer = registry.layer(&reference);
    fs::remove_file(registry.blob(&layer)).unwrap();
    let error = refusal(&reference).await;
    assert!(matches!(&error, Error::NotFound(name) if *name == reference.to_string()), "{error}");
}

#[tokio::test]
async fn an_index_is_refused() {
    let registry = Registry::start(Kind::Open);
    let reference = registry.push(&[(MEDIA_TYPE, DOCUMENT)]).await;
    let index = registry.push_index(&reference).await;
    let error = refusal(&index).await;
    assert!(matches!(&error, Error::Manifest(name) if *name == index.to_string()), "{error}");
}

#[tokio::test]
async fn a_document_may_be_as_large_as_the_limit_and_not_larger() {
    let registry = Registry::start(Kind::Open);
    let mut document = vec![b'#'; LIMIT];
    let reference = registry.push(&[(MEDIA_TYPE, &document)]).await;
    assert_eq!(fetch(&reference, &Options::default()).await.unwrap().len(), LIMIT);
    document.push(b'#');
    let reference = registry.push(&[(MEDIA_TYPE, &document)]).await;
    assert!(matches!(refusal(&reference).await, Error::TooLarge));
}

#[tokio::test]
async fn a_layer_that_goes_on_longer_than_the_manifest_says_is_not_read_to_its_end() {
    let registry = Registry::start(Kind::Open);
    let reference = registry.push(&[(MEDIA_TYPE, DOCUMENT)]).await;
    let layer = registry.layer(&reference);
    fs::write(registry.blob(&layer), vec![b'#'; 2 * LIMIT]).unwrap();
    assert!(matches!(refusal(&reference).await, Error::TooLarge));
}

#[tokio::test]
async fn a_document_that_is_no_text_is_refused() {
    let registry = Registry::start(Kind::Open);
    let reference = registry.push(&[(MEDIA_TYPE, b"kind: \xff")]).await;
    assert!(matches!(refusal(&reference).await, Error::NotText(_)));
}

#[tokio::test]
async fn a_registry_that_asks_who_is_there_takes_the_credentials_of_the_docker_config() {
    let registry = Registry::start(Kind::Protected);
    let reference = registry.push(&[(MEDIA_TYPE, DOCUMENT)]).await;
    let config = |password: &str| {
        let auth = BASE64_STANDARD.encode(format!("{USER}:{password}"));
        serde_json::json!({"auths": {&registry.address: {"auth": auth}}}).to_string()
    };
    let options = |name: &str, content: &str| Options {
        credentials: Some(registry.file(name, content)),
        ..Options::default()
    };

    let right = options("right.json", &config(PASSWORD));
    assert_eq!(fetch(&reference, &right).await.unwrap().as_bytes(), DOCUMENT);

    let wrong = fetch(&reference, &options("wrong.json", &config("another-passphrase"))).await.unwrap_err();
    assert!(matches!(wrong, Error::Unauthorized { anonymous: false, .. }), "{wrong}");
    assert!(!format!("{wrong} {wrong:?}").contains("passphrase"), "{wrong:?}");

    for options in [Options::default(), options("other.json", r#"{"auths": {}}"#)] {
        let none = fetch(&reference, &options).await.unwrap_err();
        assert!(matches!(none, Error::Unauthorized { anonymous: true, .. }), "{none}");
    }
    let unusable = fetch(&reference, &options("broken.json", "s3cret")).await.unwrap_err();
    assert!(matches!(unusable, Error::Credentials { .. }), "{unusable}");
    assert!(!format!("{unusable} {unusable:?}").contains("s3cret"), "{unusable:?}");
}

#[tokio::test]
async fn a_registry_with_a_certificate_of_a_private_ca_is_trusted_by_its_bundle_alone() {
    let registry = Registry::start(Kind::Tls);
    let reference = registry.push(&[(MEDIA_TYPE, DOCUMENT)]).await;
    let with = |ca_bundle| Options { ca_bundle: Some(ca_bundle), ..Options::default() };
    assert_eq!(fetch(&reference, &with(registry.ca_bundle())).await.unwrap().as_bytes(), DOCUMENT);

    let other = Registry::start(Kind::Tls);
    let error = fetch(&reference, &with(other.ca_bundle())).await.unwrap_err();
    assert!(
        matches!(&error, Error::Unreachable { problem, .. } if problem.contains("certificate")),
        "{error}"
    );

    let empty = fetch(&reference, &with(registry.file("empty.crt", "nothing"))).await.unwrap_err();
    assert!(matches!(empty, Error::CaBundle(_)), "{empty}");
    let missing = fetch(&reference, &with("/nowhere/ca.crt".into())).await.unwrap_err();
    assert!(missing.to_string().contains("/nowhere/ca.crt"), "{missing}");
}

#[tokio::test]
async fn a_registry_that_is_down_is_said_to_be_out_of_reach_and_serves_when_it_is_up_again() {
    let mut registry = Registry::start(Kind::Open);
    let reference = registry.push(&[(MEDIA_TYPE, DOCUMENT)]).await;
    registry.stop();
    let error = refusal(&reference).await;
    assert!(matches!(&error, Error::Unreachable { problem, .. } if problem.contains("refused")), "{error}");
    registry.serve();
    assert_eq!(fetch(&reference, &Options::default()).await.unwrap().as_bytes(), DOCUMENT);
}

#[tokio::test]
async fn connections_that_break_are_made_anew() {
    let registry = Registry::start(Kind::Open);
    let digest = digest_of(&registry.push(&[(MEDIA_TYPE, DOCUMENT)]).await);
    let front = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let reference: Reference =
        format!("{}/platform/config@{digest}", front.local_addr().unwrap()).parse().unwrap();
    let target = registry.address.clone();
    let relay = tokio::spawn(async move {
        for _ in 0..2 {
            drop(front.accept().await.unwrap());
        }
        loop {
            let (mut inside, _) = front.accept().await.unwrap();
            let mut outside = TcpStream::connect(&target).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut inside, &mut outside).await });
        }
    });
    assert_eq!(fetch(&reference, &Options::default()).await.unwrap().as_bytes(), DOCUMENT);
    relay.abort();
}

#[tokio::test]
async fn a_registry_that_never_answers_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let reference = format!("{}/platform/config@{NOWHERE}", silent.local_addr().unwrap()).parse().unwrap();
    let options = Options { timeout: Duration::from_millis(10), ..Options::default() };
    let error = fetch(&reference, &options).await.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error}");
}

/// An image without CA certificates is what the library ends a process for. The test runs itself again in such a place.
#[tokio::test]
async fn without_ca_certificates_of_the_system_an_error_says_so() {
    const NAME: &str = "without_ca_certificates_of_the_system_an_error_says_so";
    const MISSING: &str = "/nowhere/ca-certificates.crt";
    if std::env::var("SSL_CERT_FILE").is_ok_and(|file| file == MISSING) {
        let reference = format!("registry.invalid/platform/config@{NOWHERE}").parse().unwrap();
        let error = refusal(&reference).await;
        assert!(matches!(error, Error::NoSystemRoots(_)), "{error}");
        return;
    }
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args([NAME, "--exact"]).env("SSL_CERT_FILE", MISSING).env_remove("SSL_CERT_DIR");
    let output = again.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
}
