//! No secret value leaves its Secret.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, ensure};
use api_types::Workload;
use e2e::busybox::workload;
use e2e::platform::{CACHED, configure, configured, offering, shipped_type};
use e2e::secrets::{self, Haystack, Needle};
use e2e::traces::{self, Collector, Span};
use e2e::{Context, Result, alone, sample, wait, with_namespace};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, PostParams};
use serde_json::json;

const APP: &str = "node-postgres-app";
const PROVISIONERS: [&str; 2] = ["score-provisioner-postgres", "score-provisioner-template"];

#[tokio::test]
async fn the_search_finds_a_planted_value_in_every_kind_of_place() -> Result {
    with_namespace("planted", async |context: Context| {
        let value = format!("planted-{:032x}", rand::random::<u128>());
        context.apply(&places(&context.namespace, &value)).await?;
        prints(&context, &value).await?;
        let exempt = BTreeSet::from(["own".to_owned()]);
        let found = secrets::search(&context, &[Needle::new("it", &value)], &exempt).await?;
        let namespace = &context.namespace;
        for place in
            ["ConfigMap plain", "ConfigMap annotated", "Secret other", "Workload named", "Event happened"]
        {
            let (kind, name) = place.split_once(' ').unwrap_or_default();
            let expected = format!("it: {kind} {namespace}/{name}");
            ensure!(found.contains(&expected), "not found in {place}: {found:?}");
        }
        ensure!(!found.iter().any(|place| place.contains("Secret") && place.ends_with("/own")), "{found:?}");
        Ok(())
    })
    .await
}

/// Runs a pod that prints the value: it complains about an address that it cannot reach.
async fn prints(context: &Context, value: &str) -> Result {
    let mut pod = sample::fetcher(&format!("ftp://{value}/"))?;
    pod.metadata.generate_name = None;
    pod.metadata.name = Some("prints".to_owned());
    let pods = context.api::<Pod>();
    pods.create(&PostParams::default(), &pod).await?;
    let has_failed = |pod: &Pod| sample::phase(pod) == "Failed";
    wait::until_there(&pods, "prints", "failed", wait::PATIENCE, has_failed).await?;
    Ok(())
}

fn places(namespace: &str, value: &str) -> String {
    format!(
        "
{{apiVersion: v1, kind: ConfigMap, metadata: {{name: plain}}, data: {{url: 'postgres://user:{value}@host/db'}}}}
---
{{apiVersion: v1, kind: ConfigMap, metadata: {{name: annotated, annotations: {{last: 'x{value}'}}}}}}
---
{{apiVersion: v1, kind: Secret, metadata: {{name: other}}, stringData: {{uri: 'ab{value}'}}}}
---
{{apiVersion: v1, kind: Secret, metadata: {{name: own}}, stringData: {{password: '{value}'}}}}
---
apiVersion: score.dev/v1b1
kind: Workload
metadata: {{name: named}}
spec: {{containers: {{main: {{image: '.', variables: {{PASSWORD: '{value}'}}}}}}}}
---
apiVersion: events.k8s.io/v1
kind: Event
metadata: {{name: happened}}
eventTime: '2026-01-01T00:00:00.000000Z'
action: Test
reason: Test
type: Normal
note: 'failed to log in with {value}'
reportingController: e2e
reportingInstance: e2e
regarding: {{apiVersion: v1, kind: ConfigMap, name: plain, namespace: {namespace}}}
"
    )
}

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
            let found = secrets::found(&[password], &haystacks);
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

#[tokio::test]
async fn a_message_about_a_value_that_looks_like_a_secret_does_not_repeat_it() -> Result {
    with_namespace("repeat", async |context: Context| {
        let value = format!("hunter2-{:032x}", rand::random::<u128>());
        let workload = json!({
            "apiVersion": "score.dev/v1b1", "kind": "Workload", "metadata": {"name": "web"},
            "spec": {"containers": {"main": {
                "image": sample::image(),
                "variables": {"PASSWORD": format!("{value}${{resources.none.output}}")},
            }}},
        });
        context.apply(&workload.to_string()).await?;
        let (type_, reason) = (api_types::ConditionType::InputsValid, api_types::Reason::SpecInvalid);
        context.wait_condition("web", type_, "False", reason).await?;
        let needle = Needle::new("the variable", &value);
        let found = secrets::search(&context, &[needle], &BTreeSet::new()).await?;
        let own = format!("the variable: Workload {}/web", context.namespace);
        ensure!(found == [own], "a variable's value stands elsewhere too: {found:?}");
        let status = context.api::<Workload>().get("web").await?.status;
        ensure!(!serde_json::to_string(&status)?.contains(&value), "the status repeats it");
        Ok(())
    })
    .await
}
