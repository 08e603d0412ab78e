//! Another provisioner beside the installed one, which may use what a platform allows in the values of its chart: here,
//! what belongs to the test.

use anyhow::Context as _;
use api_types::Workload;
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{Api, DeleteParams, ListParams, PostParams};
use serde_json::{Value, json};

use crate::wait::PATIENCE;
use crate::{Context, Result, controllers, server};

/// Adds an argument of the provisioner to its pod.
///
/// # Errors
/// The pod has no arguments.
pub fn add_argument(pod: &mut Value, argument: String) -> Result {
    let arguments = pod["containers"][0]["args"].as_array_mut().context("no arguments")?;
    arguments.push(argument.into());
    Ok(())
}

/// The provisioner as it is installed, for claims of the test's namespace that name it by that.
fn twin(
    installed: &Deployment,
    context: &Context,
    change: impl FnOnce(&mut Value) -> Result,
) -> Result<Deployment> {
    let name = &context.namespace;
    let labels = json!({"app.kubernetes.io/name": name});
    let spec = installed.spec.as_ref().and_then(|spec| spec.template.spec.as_ref());
    let mut pod = serde_json::to_value(spec.context("no pod")?)?;
    let container = &mut pod["containers"][0];
    let replaced = ["--provisioner-name=", "--leader-election="];
    let is_replaced = |argument: &Value| {
        argument.as_str().is_some_and(|argument| replaced.iter().any(|flag| argument.starts_with(flag)))
    };
    container["args"].as_array_mut().context("no arguments")?.retain(|argument| !is_replaced(argument));
    container["env"]
        .as_array_mut()
        .context("no env")?
        .push(json!({"name": "SCORE_NAMESPACE", "value": name}));
    add_argument(&mut pod, format!("--provisioner-name={name}"))?;
    add_argument(&mut pod, "--leader-election=false".to_owned())?;
    change(&mut pod)?;
    Ok(serde_json::from_value(json!({
        "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }))?)
}

/// Runs a test beside another `provisioner`, as `score-provisioner-template`, of which the pod is changed by `change`. It
/// answers the claims that name the test's namespace as theirs, and goes once no claim needs it.
///
/// # Errors
/// The test's, or that the provisioner cannot be installed or removed.
pub async fn with_twin(
    context: &Context,
    provisioner: &str,
    change: impl FnOnce(&mut Value) -> Result,
    test: impl Future<Output = Result>,
) -> Result {
    let deployments: Api<Deployment> = Api::namespaced(context.client.clone(), controllers::NAMESPACE);
    let installed = deployments.get(provisioner).await?;
    deployments.create(&PostParams::default(), &twin(&installed, context, change)?).await?;
    // A test inside a test is more than the stack of a thread holds.
    let outcome = Box::pin(test).await;
    let outcome = outcome.and(leave(context).await);
    deployments.delete(&context.namespace, &DeleteParams::default()).await?;
    outcome
}

/// Lets all claims go, also those of a test that failed: nobody else would.
async fn leave(context: &Context) -> Result {
    context.api::<Workload>().delete_collection(&DeleteParams::default(), &ListParams::default()).await?;
    if server::gone(context, PATIENCE).await.is_ok() {
        return Ok(());
    }
    context
        .kubectl(&["annotate", "--all", "--overwrite", "resourceclaim.score.dev", "score.dev/abandon=true"])
        .await?;
    server::gone(context, PATIENCE).await
}
