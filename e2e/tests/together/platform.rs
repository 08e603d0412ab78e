//! What a platform offers and forbids, and what that does to Workloads that run.

use anyhow::{Context as _, ensure};
use api_types::{ConditionType, Reason, ResourceClaim, Workload};
use e2e::busybox::workload;
use e2e::platform::{offered, policies, with_policy};
use e2e::wait::{PATIENCE, eventually, until_there};
use e2e::{Context, Result, namespace, with_namespace};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use kube::api::{ListParams, Patch, PatchParams};

/// A type that no provisioner of the cluster serves.
const DISK: &str = "- {type: disk, provisioner: e2e, classes: [{name: default}], deprovisionPolicy: Delete}";
const IDLE: &str = "  containers: {main: {image: BUSYBOX, command: SLEEP}}\n";

async fn pod(context: &Context) -> Result<Pod> {
    let pods = context.api::<Pod>().list(&ListParams::default().labels("app=it")).await?;
    pods.items.into_iter().find(|pod| pod.metadata.deletion_timestamp.is_none()).context("it has no pod")
}

/// Answers the one claim of the namespace as a provisioner would.
async fn provide(context: &Context, outputs: serde_json::Value) -> Result {
    let claims = context.api::<ResourceClaim>();
    let claim = eventually("there is a claim", PATIENCE, async || {
        Ok(claims.list(&ListParams::default()).await?.items.pop())
    })
    .await?;
    let status = serde_json::json!({
        "apiVersion": "score.dev/v1b1", "kind": "ResourceClaim",
        "status": {
            "phase": "Bound", "reason": "Succeeded", "outputs": outputs, "outputsRevision": "1",
            "outputsAvailable": true, "observedGeneration": claim.metadata.generation,
        },
    });
    let manager = PatchParams::apply("e2e-provisioner").force();
    claims.patch_status(&claim.name_any(), &manager, &Patch::Apply(status)).await?;
    Ok(())
}

#[tokio::test]
async fn a_volume_of_any_provisioner_is_mounted_where_and_how_the_workload_says() -> Result {
    with_namespace("volumes", async |context: Context| {
        offered(&context, "", &[DISK.to_owned()], async {
            let spec = r#"
  containers:
    writer:
      image: BUSYBOX
      command: [/bin/busybox, sh, -c, "echo kept > /data/note; WAIT"]
      volumes: {/data: {source: "${resources.data}", path: inner}}
      readinessProbe: {exec: {command: [/bin/busybox, test, -s, /data/note]}}
    reader:
      image: BUSYBOX
      command: SLEEP
      volumes: {/all: {source: "${resources.data}", readOnly: true}}
  resources:
    data: {type: disk}
"#;
            context.apply(&workload("it", spec)).await?;
            provide(&context, serde_json::json!({"source": {"value": {"emptyDir": {}}}})).await?;
            context.wait_ready("it").await?;
            let seen =
                context.shell("it", "reader", "cat /all/inner/note; touch /all/x || echo refused").await?;
            ensure!(seen == "kept\nrefused\n", "{seen:?}");
            Ok(())
        })
        .await
    })
    .await
}

#[tokio::test]
async fn a_policy_forbids_what_it_says_and_what_runs_already_goes_on() -> Result {
    with_namespace("policy", async |context: Context| {
        context.apply(&workload("it", IDLE)).await?;
        context.wait_ready("it").await?;
        let first = pod(&context).await?.uid();
        let rules = "  allowedImages: [registry.example.com/team/]\n  limits: {containers: 1, memory: 64Mi}\n  \
                     allowedResources: [{type: redis}]\n";
        with_policy(&context, rules, async {
            let name = context.namespace.as_str();
            context.told("it", ConditionType::InputsValid, Reason::PolicyViolation, &[name, "spec.containers.main.image", "registry.example.com/team/"])
            .await?;
            ensure!(pod(&context).await?.uid() == first, "a policy stopped what ran");
            let counted = |policy: &kube::api::DynamicObject| {
                let status = &policy.data["status"];
                status["matchingWorkloads"] == 1 && status["blockedWorkloads"] == 1
            };
            eventually("the policy counts", PATIENCE, async || {
                Ok(Some(policies(&context).get(name).await?).filter(counted))
            })
            .await
            .map(drop)
        })
        .await?;
        // Without the policy it is valid again, and nothing has rolled.
        context.wait_ready("it").await?;
        ensure!(pod(&context).await?.uid() == first, "the end of a policy rolled what ran");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_policy_gives_defaults_to_what_a_workload_leaves_open() -> Result {
    with_namespace("policy-defaults", async |context: Context| {
        let defaults = "  defaults:\n    containers: {requests: {cpu: 7m}, limits: {memory: 48Mi}}\n    \
                        annotations: {example.com/cost: blue}\n";
        with_policy(&context, defaults, async {
            let limited = IDLE.replace("image:", "resources: {limits: {memory: 32Mi}}, image:");
            context.apply(&workload("it", &limited)).await?;
            context.wait_ready("it").await?;
            let pod = until_there(
                &context.api(),
                &pod(&context).await?.name_any(),
                "there",
                PATIENCE,
                |_: &Pod| true,
            )
            .await?;
            ensure!(
                pod.annotations().get("example.com/cost").is_some_and(|it| it == "blue"),
                "{:?}",
                pod.annotations()
            );
            let resources = pod.spec.context("no spec")?.containers[0].resources.clone();
            let shown = serde_json::to_value(resources)?;
            ensure!(shown["requests"]["cpu"] == "7m" && shown["limits"]["memory"] == "32Mi", "{shown}");
            Ok(())
        })
        .await
    })
    .await
}

#[tokio::test]
async fn a_type_that_only_a_stranger_serves_is_said_to_be_served_by_nobody_after_a_while() -> Result {
    with_namespace("nobody", async |context: Context| {
        let profile = r#"
    - name: elsewhere
      backends: [{backendId: elsewhere, runtimeClass: nobody, template: {kind: manifests}, priority: 1, version: 1.0.0}]
"#;
        offered(&context, profile, &[DISK.to_owned()], async {
            context.apply(&workload("it", IDLE)).await?;
            context.wait_ready("it").await?;
            let spec = format!("  profile: elsewhere\n{IDLE}");
            context.apply(&workload("it", &spec)).await?;
            context.told("it", ConditionType::RuntimeReady, Reason::RuntimeSelecting, &["nobody", "platform team"]).await?;
            let left = context.api::<Deployment>().get_opt("it").await?;
            ensure!(left.is_none(), "it still runs where it ran before");
            let spec = format!("{IDLE}  resources: {{data: {{type: disk}}}}\n");
            context.apply(&workload("it", &spec)).await?;
            let said = |workload: &Workload| {
                let message = namespace::message(workload, ConditionType::ClaimsReady);
                message.contains("data") && message.contains("platform team")
            };
            until_there(&context.api(), "it", "told that nobody provides data", PATIENCE, said).await.map(drop)
        })
        .await
    })
    .await
}
