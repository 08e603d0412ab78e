//! The whole controller, with its watches: who is looked at when something changes.

use crate::estate::{ADMIN, Estate, PLATFORM, class, server};
use api_types::DeprovisionPolicy;
use clap::Parser as _;
use controller_kit::testing::until;
use kube::ResourceExt as _;
use prometheus::TextEncoder;
use provisioner_postgres::{Args, NAME, start};

#[tokio::test]
async fn a_claim_that_is_deleted_takes_its_database_with_it_or_leaves_it_and_is_counted() {
    let (server, estate) = (server().await, Estate::new());
    estate.set_claim("dropped", "uid-dropped", DeprovisionPolicy::Delete, &class(&server));
    estate.set_claim("kept", "uid-kept", DeprovisionPolicy::Retain, &class(&server));
    let (kit, stop) = estate.api.kit(NAME);
    let registry = kit.registry.clone();
    let metrics = || TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
    let left = r#"score_resources_left_behind{class="shared",state="retained",type="postgres"} 1"#;
    let servers = ["--servers-namespace", PLATFORM, "--allowed-server-secret", ADMIN];
    let args = [&["provisioner", "--image", "registry/postgres:15"], &servers[..]].concat();
    let args = Args::try_parse_from(args).unwrap();
    let act = async {
        for name in ["dropped", "kept"] {
            until("it is bound", || estate.status(name).outputs_available).await;
        }
        assert!(!estate.claim("dropped").unwrap().finalizers().is_empty());
        assert!(!metrics().contains(left));
        for name in ["dropped", "kept"] {
            estate.delete(name);
            until("it is gone", || estate.claim(name).is_none()).await;
        }
        until("what was left is counted", || metrics().contains(left)).await;
        drop(stop);
    };
    tokio::join!(start(kit, args), act);
    let databases =
        server.ask("postgres", "SELECT datname FROM pg_database WHERE datname LIKE 'team%'").await;
    assert_eq!(databases.len(), 1, "{databases:?}");
}
