//! Waiting for the kinds that a controller cannot work without.

use std::{collections::BTreeSet, time::Duration};

use kube::{Client, error::DiscoveryError};
use rand::RngExt as _;

use crate::health::Readiness;

const GATE: &str = "crds";

/// Waits until the API server serves all of `kinds`, each `plural.group`. Meanwhile `readiness` says which it does
/// not, and a change of that is logged.
pub(crate) async fn wait(client: &Client, kinds: &[&str], readiness: &Readiness) {
    let mut before = None;
    for pause in pauses() {
        let now = obstacle(client, kinds).await;
        let Some(message) = &now else { break };
        readiness.close(GATE, message.as_str());
        if before != now {
            tracing::warn!("{message}");
            before = now;
        }
        tokio::time::sleep(pause).await;
    }
    readiness.open(GATE);
    if before.is_some() {
        tracing::info!("the cluster has all kinds that are needed");
    }
}

/// 2, 4, 8, 10, 10, … seconds, each up to a quarter more, so that replicas do not ask in step.
fn pauses() -> impl Iterator<Item = Duration> {
    let seconds = std::iter::successors(Some(2.0_f64), |seconds| Some((seconds * 2.0).min(10.0)));
    seconds.map(|seconds| Duration::from_secs_f64(seconds * rand::rng().random_range(1.0..1.25)))
}

/// What keeps `kinds` from being used, and what to do about it.
async fn obstacle(client: &Client, kinds: &[&str]) -> Option<String> {
    match missing(client, kinds).await {
        Ok(missing) if missing.is_empty() => None,
        Ok(missing) => Some(format!(
            "the cluster has no {}: install the CustomResourceDefinitions of Score",
            missing.join(", ")
        )),
        Err(error) => Some(format!(
            "the Kubernetes API server does not say which kinds it has, will ask again: {error}"
        )),
    }
}

/// Those of `kinds` that the API server does not serve.
async fn missing<'a>(client: &Client, kinds: &[&'a str]) -> Result<Vec<&'a str>, kube::Error> {
    let mut served = BTreeSet::new();
    for group in kinds.iter().filter_map(|kind| Some(kind.split_once('.')?.1)).collect::<BTreeSet<_>>() {
        served.extend(served_in(client, group).await?);
    }
    Ok(kinds.iter().copied().filter(|kind| !served.contains(*kind)).collect())
}

async fn served_in(client: &Client, group: &str) -> Result<Vec<String>, kube::Error> {
    match kube::discovery::group(client, group).await {
        Ok(found) => {
            let versions = found.versions();
            let resources = versions.flat_map(|version| found.versioned_resources(version));
            Ok(resources.map(|(resource, _)| format!("{}.{group}", resource.plural)).collect())
        }
        Err(kube::Error::Discovery(
            DiscoveryError::MissingApiGroup(_) | DiscoveryError::EmptyApiGroup(_),
        )) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}
