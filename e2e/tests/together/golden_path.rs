//! The first thing that anybody does: hello-web.

use anyhow::ensure;
use api_types::Workload;
use e2e::{Context, Result, inventory, sample, wait, with_namespace};
use kube::ResourceExt as _;

const HELLO: &str = "docs/examples/hello/workload.yaml";

#[tokio::test]
async fn hello_web_becomes_ready_answers_and_leaves_nothing_behind() -> Result {
    with_namespace("hello", async |context: Context| {
        let before = inventory::made_in(&context.client, &context.namespace).await?;
        context.apply_file(HELLO).await?;
        let workload = context.wait_ready("hello-web").await?;
        let endpoint = workload.status.and_then(|status| status.endpoint).unwrap_or_default();
        let page = sample::fetch(&context, &endpoint).await?;
        ensure!(page.to_lowercase().contains("hello"), "{endpoint} answers {page}");
        its_columns_are_those_of_the_contract(&context, &endpoint).await?;
        all_that_was_made_for_it_carries_its_labels(&context).await?;
        context.delete::<Workload>("hello-web").await?;
        wait::eventually("everything is gone that was made for hello-web", wait::PATIENCE, async || {
            let now = inventory::made_in(&context.client, &context.namespace).await?;
            Ok((now == before).then_some(()))
        })
        .await
    })
    .await
}

async fn its_columns_are_those_of_the_contract(context: &Context, endpoint: &str) -> Result {
    let shown = context.kubectl(&["get", "workload", "hello-web"]).await?;
    let lines: Vec<Vec<&str>> = shown.lines().map(|line| line.split_whitespace().collect()).collect();
    ensure!(lines[0] == ["NAME", "READY", "ENDPOINT", "CLAIMS", "AGE"], "{shown}");
    ensure!(lines[1][..3] == ["hello-web", "True", endpoint], "{shown}");
    let wide = context.kubectl(&["get", "wl", "hello-web", "--output=wide"]).await?;
    ensure!(wide.contains("REASON") && wide.contains("Succeeded"), "{wide}");
    let event = format!("The Workload is ready: {endpoint}");
    wait::eventually("an event tells that it is ready", wait::PATIENCE, async || {
        let described = context.kubectl(&["describe", "workload", "hello-web"]).await?;
        Ok(described.contains(&event).then_some(()))
    })
    .await
}

async fn all_that_was_made_for_it_carries_its_labels(context: &Context) -> Result {
    let pods = context.kubectl(&["get", "pods", "--selector=app=hello-web", "--output=name"]).await?;
    ensure!(pods.lines().count() == 1, "the label app selects {pods:?}");
    for kind in ["workloadplan", "workloadexposure", "deployment", "service", "pod"] {
        let selector = "--selector=app=hello-web,app.kubernetes.io/name=hello-web,\
                        app.kubernetes.io/instance=hello-web,app.kubernetes.io/managed-by,\
                        app.kubernetes.io/part-of,score.dev/workload=hello-web";
        let found = context.kubectl(&["get", kind, selector, "--output=name"]).await?;
        ensure!(found.lines().count() == 1, "{kind} with all labels: {found:?}");
    }
    Ok(())
}

#[tokio::test]
async fn two_namespaces_have_workloads_of_one_name_that_do_not_know_each_other() -> Result {
    with_namespace("one", async |one: Context| {
        with_namespace("two", async |two: Context| {
            tokio::try_join!(one.apply_file(HELLO), two.apply_file(HELLO))?;
            let (first, second) = tokio::try_join!(one.wait_ready("hello-web"), two.wait_ready("hello-web"))?;
            let endpoint = |workload: &Workload| workload.status.clone().and_then(|status| status.endpoint);
            ensure!(
                endpoint(&first).is_some() && endpoint(&first) != endpoint(&second),
                "one endpoint for both"
            );
            one.delete::<Workload>("hello-web").await?;
            let after = two.wait_ready("hello-web").await?;
            ensure!(
                after.resource_version() == second.resource_version(),
                "one's deletion touched the other"
            );
            Ok(())
        })
        .await
    })
    .await
}
