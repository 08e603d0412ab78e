//! Waiting for the kinds that a controller cannot work without.

use std::{collections::BTreeSet, time::Duration};

use kube::{Client, error::DiscoveryError};
use rand::RngExt as _;

use crate::health::Readiness;

const GATE: &str = "crds";

/// Makes the process not ready until the kinds have been looked for.
pub(crate) fn not_yet_asked(readiness: &Readiness) {
    readiness.close(GATE, "the Kubernetes API server has not yet said which kinds it has");
}

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
            "the cluster has no {}: install their CustomResourceDefinitions",
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

#[cfg(test)]
mod tests {
    use api_types::{ResourceClaim, Workload};
    use k8s_openapi::api::core::v1::ConfigMap;
    use tokio::time::Instant;

    use super::*;
    use crate::testing::TestApiServer;

    const KINDS: [&str; 2] = ["workloads.score.dev", "resourceclaims.score.dev"];

    #[tokio::test(start_paused = true)]
    async fn a_process_is_not_ready_before_all_kinds_exist_and_says_which_are_missing() {
        let (server, readiness) = (TestApiServer::new(), Readiness::default());
        let client = server.client();
        let mut waiting = std::pin::pin!(wait(&client, &KINDS, &readiness));
        let mut look = async || tokio::time::timeout(Duration::from_secs(30), waiting.as_mut()).await;

        look().await.unwrap_err();
        assert!(readiness.closed()[0].contains("workloads.score.dev, resourceclaims.score.dev: install"));
        server.serve::<Workload>();
        look().await.unwrap_err();
        assert!(readiness.closed()[0].contains("has no resourceclaims.score.dev: install"));
        server.serve::<ResourceClaim>();
        look().await.unwrap();
        assert!(readiness.closed().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn an_api_server_that_does_not_answer_is_asked_again() {
        let (server, readiness) = (TestApiServer::new(), Readiness::default());
        server.serve::<Workload>();
        server.fail_next(|_| true, 403);
        let started = Instant::now();
        wait(&server.client(), &KINDS[..1], &readiness).await;
        assert!(started.elapsed() >= Duration::from_secs(2));
    }

    #[tokio::test]
    async fn a_kind_of_another_group_does_not_count() {
        let server = TestApiServer::new();
        server.serve::<ConfigMap>();
        server.serve::<Workload>();
        let missing =
            missing(&server.client(), &["configmaps.other.dev", "workloads.score.dev"]).await.unwrap();
        assert_eq!(missing, ["configmaps.other.dev"]);
    }

    #[test]
    fn pauses_grow_to_ten_seconds_and_are_not_in_step() {
        let pauses: Vec<_> = pauses().take(6).map(|pause| pause.as_secs_f64()).collect();
        for (pause, least) in pauses.iter().zip([2.0, 4.0, 8.0, 10.0, 10.0, 10.0]) {
            assert!((least..least * 1.25).contains(pause), "{pauses:?}");
        }
    }
}
