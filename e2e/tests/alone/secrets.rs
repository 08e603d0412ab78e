//! No secret value leaves its Secret.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, ensure};
use e2e::busybox::workload;
use e2e::platform::{CACHED, configure, configured, offering, shipped_type};
use e2e::secrets::{self, Haystack};
use e2e::traces::{self, Collector, Span};
use e2e::{Context, Result, alone, sample, wait};
use k8s_openapi::api::core::v1::Pod;
use kube::api::DeleteParams;
use serde_json::json;

const APP: &str = "node-postgres-app";
const PROVISIONERS: [&str; 2] = ["score-provisioner-postgres", "score-provisioner-template"];

#[tokio::test]
async fn no_password_is_in_any_object_log_event_metric_or_span() -> Result {
    alone("secrets", async |context: Context| {
        let collector = Collector::start(env!("CARGO_BIN_EXE_otlp-collector")).await?;
        let watched = traces::exported_to(&context.client, async {
            live_through_everything(&context).await?;
            secrets::stay_in_their_secret(&context).await?;
            let spans = all_have_reported(&collector).await?;
            let password = secrets::password_of(&context, "node-postgres-app-db-postgres-secret").await?;
            let haystacks: Vec<Haystack> = spans
                .into_iter()
                .map(|span| Haystack {
                    name: format!("span {} of {}", span.name, span.service),
                    text: span.content,
                })
                .collect();
            let found = secrets::found(&[password], &haystacks)?;
            ensure!(found.is_empty(), "{found:?}");
            Ok(())
        });
        configured(&context, watched).await
    })
    .await
}

/// Creation, an update, an outage of the database, an output that does not exist.
async fn live_through_everything(context: &Context) -> Result {
    configure(context, "1.0.0", &offering(&[shipped_type("redis")?])).await?;
    context.apply(&workload("cached", CACHED)).await?;
    context.apply_file("docs/examples/node-postgres/workload.yaml").await?;
    let ready = context.wait_ready(APP).await?;
    let endpoint = ready.status.and_then(|status| status.endpoint).unwrap_or_default();
    sample::fetch(context, &endpoint).await?;
    context
        .api::<Pod>()
        .delete("node-postgres-app-db-postgres-0", &DeleteParams::default().grace_period(0))
        .await?;
    let container = ready.spec.containers.keys().next().cloned().unwrap_or_default();
    let variables =
        |value: &str| json!({"spec": {"containers": {&container: {"variables": {"MORE": value}}}}});
    context.patch(APP, variables("${resources.db.nothing}")).await?;
    context.patch(APP, variables("${resources.db.uri}?application_name=${metadata.name}")).await?;
    tokio::try_join!(context.wait_ready(APP), context.wait_ready("cached"))?;
    Ok(())
}

/// Waits until one trace has run from each Workload to Ready, through all who work for it, and gives all spans.
async fn all_have_reported(collector: &Collector) -> Result<Vec<Span>> {
    let ways = PROVISIONERS.map(|name| ["score-orchestrator", name, "score-runtime-kubernetes"]);
    let waiting = wait::eventually("traces run through every controller", wait::PATIENCE, async || {
        let spans = collector.spans();
        let traces = services_by_trace(&spans);
        let is_gone =
            |way: &[&str; 3]| traces.values().any(|services| way.iter().all(|name| services.contains(name)));
        Ok(ways.iter().all(is_gone).then(|| spans.clone()))
    });
    waiting.await.with_context(|| {
        let spans = collector.spans();
        let seen: BTreeSet<_> = services_by_trace(&spans).into_values().collect();
        format!("{} spans, in traces through {seen:?}", spans.len())
    })
}

fn services_by_trace(spans: &[Span]) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut traces = BTreeMap::<_, BTreeSet<_>>::new();
    for span in spans {
        traces.entry(span.trace.as_str()).or_default().insert(span.service.as_str());
    }
    traces
}
