//! The whole controller, with its watches: who is looked at when something changes.

use crate::estate::{Estate, PLATFORM, class, server};
use api_types::DeprovisionPolicy;
use clap::Parser as _;
use controller_kit::testing::until;
use kube::ResourceExt as _;
use provisioner_postgres::{Args, NAME, start};

#[tokio::test]
async fn a_claim_that_is_deleted_takes_its_database_with_it() {
    let (server, estate) = (server().await, Estate::new());
    estate.set_claim("kept", "uid-kept", DeprovisionPolicy::Delete, &class(&server));
    let (kit, stop) = estate.api.kit(NAME);
    let args = ["provisioner", "--image", "registry/postgres:15", "--servers-namespace", PLATFORM];
    let args = Args::try_parse_from(args).unwrap();
    let act = async {
        until("it is bound", || estate.status("kept").outputs_available).await;
        assert!(!estate.claim("kept").unwrap().finalizers().is_empty());
        estate.delete("kept");
        until("it is gone", || estate.claim("kept").is_none()).await;
        drop(stop);
    };
    tokio::join!(start(kit, args), act);
    let databases =
        server.ask("postgres", "SELECT datname FROM pg_database WHERE datname LIKE 'team%'").await;
    assert_eq!(databases, Vec::<String>::new());
}
