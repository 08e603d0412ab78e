//! Fixtures for the tests of the pure steps. Claim, workload and key have names that cannot be mistaken for each
//! other, so that a mix-up fails.

use api_types::ResourceClaim;
use provisioner_kit::Claim;

use crate::settings::{Defaults, Settings};

pub(crate) const CLAIM: &str = include_str!("../tests/fixtures/claim.yaml");

pub(crate) fn resource_claim() -> ResourceClaim {
    serde_yaml_ng::from_str(CLAIM).unwrap()
}

pub(crate) fn claim() -> Claim {
    Claim::try_from(&resource_claim()).unwrap()
}

pub(crate) fn defaults() -> Defaults {
    Defaults {
        image: "registry/postgres:15".to_owned(),
        storage: "1Gi".parse().unwrap(),
        storage_class: None,
        run_as_user: 999,
        cluster_domain: None,
    }
}

pub(crate) fn settings() -> Settings {
    crate::settings::settings(None, &defaults()).unwrap()
}

/// Messages are for people who know their workload and nothing of what runs it.
pub(crate) fn assert_is_for_users(message: &str) {
    let words = message.to_lowercase();
    let words: Vec<_> = words.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    let nouns = [
        "pod",
        "pods",
        "statefulset",
        "secret",
        "secrets",
        "service",
        "services",
        "node",
        "nodes",
        "pvc",
        "persistentvolumeclaim",
        "container",
        "deployment",
        "kubelet",
    ];
    for noun in nouns {
        assert!(!words.contains(&noun), "`{noun}` in: {message}");
    }
}
