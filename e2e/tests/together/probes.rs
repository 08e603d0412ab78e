//! What the platform asks each controller: whether it lives, whether it is ready, what it measures.

use std::collections::BTreeSet;

use anyhow::ensure;
use api_types::ResourceClaim;
use e2e::{Context, Result, cluster, controllers, wait, with_namespace};
use regex::Regex;

/// Reconciles by outcome and how long they take, and what the API server is asked.
const EVERYWHERE: [&str; 4] = [
    "score_reconciliations_total",
    "score_reconciliation_duration_seconds",
    "score_api_requests_total",
    "score_api_request_duration_seconds",
];

/// As the orchestrator would make it for a type that the platform has declared.
const CLAIM: &str = "
apiVersion: score.dev/v1b1
kind: ResourceClaim
metadata: {name: any}
spec:
  workloadRef: {name: none, uid: none}
  key: any
  type: any
  class: default
  provisioner: provisioner-template
  parameters: {outputs: {one: {value: 1}}}
  deprovisionPolicy: Delete
";

#[tokio::test]
async fn every_controller_is_alive_ready_and_measures_its_reconciles() -> Result {
    with_namespace("probes", async |context: Context| {
        // Some metrics begin with the first object.
        context.apply_file("docs/examples/node-postgres/workload.yaml").await?;
        context.apply(CLAIM).await?;
        context.wait_ready("node-postgres-app").await?;
        let is_bound =
            |claim: &ResourceClaim| claim.status.as_ref().is_some_and(|status| status.outputs_available);
        wait::until_there(&context.api(), "any", "Bound", wait::PATIENCE, is_bound).await?;
        for name in controllers::NAMES {
            controllers::get(&context.client, name, "/live").await?;
            controllers::get(&context.client, name, "/ready").await?;
            let metrics = controllers::get(&context.client, name, "/metrics").await?;
            for metric in EVERYWHERE {
                ensure!(metrics.contains(&format!("# TYPE {metric} ")), "{name} has no {metric}:\n{metrics}");
            }
        }
        Ok(())
    })
    .await
}

/// The names of metrics in the documentation, so that neither a renamed metric nor a wrong page goes unnoticed.
fn documented() -> Result<BTreeSet<String>> {
    let name = Regex::new(r"`((?:score|k8s|process)_[a-z0-9_]+)(?:\{[^`]*\})?`")?;
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(cluster::repository().join("docs"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "md") {
            let text = std::fs::read_to_string(path)?;
            names.extend(name.captures_iter(&text).map(|found| found[1].to_owned()));
        }
    }
    Ok(names)
}

/// Has no value while nothing is left behind; what leaves something looks for it.
const LEFT_BEHIND: &str = "score_resources_left_behind";

#[tokio::test]
async fn every_metric_in_the_documentation_exists() -> Result {
    let documented = documented()?;
    ensure!(!documented.is_empty(), "the documentation names no metric");
    with_namespace("metrics", async |context: Context| {
        let mut exported = String::new();
        for name in controllers::NAMES {
            exported += &controllers::get(&context.client, name, "/metrics").await?;
        }
        let is_missing =
            |name: &&String| *name != LEFT_BEHIND && !exported.contains(&format!("# TYPE {name} "));
        let missing: Vec<&String> = documented.iter().filter(is_missing).collect();
        ensure!(missing.is_empty(), "documented and not exported: {missing:?}");
        Ok(())
    })
    .await
}
