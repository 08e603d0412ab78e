//! The sample app: a page to look at, and a client inside the cluster to look at it with.

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use kube::api::{DeleteParams, LogParams, PostParams};

use crate::wait::{PATIENCE, until_there};
use crate::{Context, Result};

/// The image, as the local cluster has it.
pub fn image() -> String {
    std::env::var("E2E_SAMPLE_APP_IMAGE").unwrap_or_else(|_| "localhost/score/sample-app:dev".to_owned())
}

/// What a client inside the cluster is answered at `url`: a pod that fetches it and ends.
///
/// # Errors
/// Nothing answers there, or not with success.
pub async fn fetch(context: &Context, url: &str) -> Result<String> {
    let pods = context.api::<Pod>();
    let pod = pods.create(&PostParams::default(), &fetcher(url)?).await?;
    let name = pod.name_any();
    let done = until_there(&pods, &name, "at its end", PATIENCE, |pod| {
        phase(pod) != "Pending" && phase(pod) != "Running"
    });
    let done = done.await?;
    let said = pods.logs(&name, &LogParams::default()).await?;
    pods.delete(&name, &DeleteParams::default().grace_period(0)).await?;
    anyhow::ensure!(phase(&done) == "Succeeded", "{url} does not answer inside the cluster: {said}");
    Ok(said)
}

/// How far a pod is: `Pending`, `Running`, `Succeeded` or `Failed`.
pub fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or("Pending")
}

/// The pod that fetches `url`, and tries for up to half a minute.
///
/// # Errors
/// None that could happen.
pub fn fetcher(url: &str) -> Result<Pod> {
    Ok(serde_json::from_value(serde_json::json!({
        "metadata": {"generateName": "fetch-"},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": false,
            "terminationGracePeriodSeconds": 0,
            "securityContext": {
                "runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [{
                "name": "fetch",
                "image": image(),
                "args": ["fetch", "--timeout", "30", url],
                "securityContext": {
                    "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
                    "capabilities": {"drop": ["ALL"]},
                },
            }],
        },
    }))?)
}

/// How many rows the page says that the database holds.
///
/// # Errors
/// It speaks of none.
pub fn rows(page: &str) -> Result<u64> {
    let count =
        page.lines().find_map(|line| line.strip_prefix("Visits: ")?.split_whitespace().next()?.parse().ok());
    count.ok_or_else(|| anyhow::anyhow!("the page shows no rows:\n{page}"))
}
