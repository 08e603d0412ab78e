//! The search for secret values, and what a message does with one.

use anyhow::ensure;
use api_types::Workload;
use e2e::secrets::{self, Needle};
use e2e::{Context, Result, sample, wait, with_namespace};
use k8s_openapi::api::core::v1::Pod;
use kube::api::PostParams;
use serde_json::json;

#[tokio::test]
async fn the_search_finds_a_planted_value_in_every_kind_of_place() -> Result {
    with_namespace("planted", async |context: Context| {
        let value = format!("planted-{:032x}", rand::random::<u128>());
        context.apply(&places(&context.namespace, &value)).await?;
        prints(&context, &value).await?;
        let found = secrets::search(&context, &[Needle::new("it", &value)], |name| name == "own").await?;
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
        let found = secrets::search(&context, &[needle], |_| false).await?;
        let own = format!("the variable: Workload {}/web", context.namespace);
        ensure!(found == [own], "a variable's value stands elsewhere too: {found:?}");
        let status = context.api::<Workload>().get("web").await?.status;
        ensure!(!serde_json::to_string(&status)?.contains(&value), "the status repeats it");
        Ok(())
    })
    .await
}
