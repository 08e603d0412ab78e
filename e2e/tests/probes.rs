//! What the platform asks each controller: whether it lives, whether it is ready, what it measures.

use std::collections::BTreeSet;

use anyhow::ensure;
use e2e::{Context, Result, cluster, controllers, with_namespace};
use regex::Regex;

#[tokio::test]
async fn every_controller_is_alive_ready_and_measures_its_reconciles() -> Result {
    with_namespace("probes", async |context: Context| {
        for name in controllers::NAMES {
            controllers::get(&context.client, name, "/live").await?;
            controllers::get(&context.client, name, "/ready").await?;
            let metrics = controllers::get(&context.client, name, "/metrics").await?;
            for kind in ["counter", "histogram"] {
                ensure!(metrics.contains(&format!(" {kind}\n")), "{name} has no {kind}:\n{metrics}");
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

#[tokio::test]
async fn every_metric_in_the_documentation_exists() -> Result {
    with_namespace("metrics", async |context: Context| {
        // Some metrics begin with the first object.
        context.apply_file("docs/examples/node-postgres/workload.yaml").await?;
        context.wait_ready("node-postgres-app").await?;
        let mut exported = String::new();
        for name in controllers::NAMES {
            exported += &controllers::get(&context.client, name, "/metrics").await?;
        }
        let missing: Vec<String> =
            documented()?.into_iter().filter(|name| !exported.contains(&format!("# TYPE {name} "))).collect();
        ensure!(missing.is_empty(), "documented and not exported: {missing:?}");
        Ok(())
    })
    .await
}
