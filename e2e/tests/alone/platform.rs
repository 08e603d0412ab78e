//! What the platform team decides: the configuration, policies, and what they do to Workloads that run.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use api_types::{ConditionType, Reason, ResourceClaim, Workload, WorkloadPlan};
use e2e::busybox::workload;
use e2e::platform::{configs, configure, configured, policies, with_policy};
use e2e::wait::{PATIENCE, eventually, until_there};
use e2e::{Context, Result, alone, namespace, with_namespace};
use futures::future::try_join_all;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::ResourceExt as _;
use kube::api::{ListParams, Patch, PatchParams};

/// The built-in choices, and after them those of a test.
const BUILT_IN: &str = r#"
  profiles:
    - name: web-service
      backends:
        - {backendId: kubernetes, runtimeClass: kubernetes, template: {kind: manifests}, priority: 100, version: 1.0.0}
"#;
const DEFAULTS: &str = r#"
  provisioners:
    - {type: postgres, provisioner: provisioner-postgres, classes: [{name: default}], deprovisionPolicy: Delete}
    - {type: volume, provisioner: e2e, classes: [{name: default}], deprovisionPolicy: Delete}
  defaults: {profile: web-service}
"#;

fn config(profiles: &str) -> String {
    format!("{BUILT_IN}{profiles}{DEFAULTS}")
}

const IDLE: &str = "  containers: {main: {image: BUSYBOX, command: SLEEP}}\n";

async fn pod(context: &Context) -> Result<Pod> {
    let pods = context.api::<Pod>().list(&ListParams::default().labels("app=it")).await?;
    pods.items.into_iter().find(|pod| pod.metadata.deletion_timestamp.is_none()).context("it has no pod")
}

/// Waits until a condition is False for this reason, and its message has these words.
async fn told(context: &Context, type_: ConditionType, reason: Reason, words: &[&str]) -> Result {
    let is_told = |workload: &Workload| {
        let message = namespace::message(workload, type_);
        namespace::says(workload, type_, "False", reason) && words.iter().all(|word| message.contains(word))
    };
    let what = format!("{type_}=False/{reason} with {words:?}");
    until_there(&context.api(), "it", &what, PATIENCE, is_told).await.map(drop)
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
    alone("volumes", async |context: Context| {
        configured(&context, async {
            configure(&context, "1.0.0", &config("")).await?;
            let spec = r#"
  containers:
    writer:
      image: BUSYBOX
      command: [/bin/busybox, sh, -c, "echo kept > /data/note; WAIT"]
      volumes: {/data: {source: "${resources.data}", path: inner}}
    reader:
      image: BUSYBOX
      command: SLEEP
      volumes: {/all: {source: "${resources.data}", readOnly: true}}
  resources:
    data: {type: volume}
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
async fn a_profile_changes_what_runs_without_code() -> Result {
    alone("profile", async |context: Context| {
        configured(&context, async {
            let profile = r#"
    - name: guarded
      backends:
        - backendId: guarded
          runtimeClass: kubernetes
          priority: 1
          version: 1.0.0
          template:
            kind: manifests
            values:
              patches:
                - target: {kind: Deployment}
                  merge:
                    spec:
                      template:
                        spec:
                          containers: [{name: main, securityContext: {readOnlyRootFilesystem: true}}]
              objects:
                - apiVersion: policy/v1
                  kind: PodDisruptionBudget
                  metadata: {name: "{{ workload.name }}"}
                  spec: {minAvailable: 1, selector: {matchLabels: {app: "{{ workload.name }}"}}}
"#;
            let spec = format!("  profile: guarded\n{IDLE}");
            context.apply(&workload("it", &spec)).await?;
            // Until the platform offers the profile, this says so.
            told(
                &context,
                ConditionType::RuntimeReady,
                Reason::RuntimeSelecting,
                &["guarded", "web-service"],
            )
            .await?;
            configure(&context, "1.0.0", &config(profile)).await?;
            context.wait_ready("it").await?;
            let spec = pod(&context).await?.spec.context("no spec")?;
            let security = spec.containers[0].security_context.clone().unwrap_or_default();
            ensure!(security.read_only_root_filesystem == Some(true), "{security:?}");
            ensure!(security.allow_privilege_escalation == Some(false), "the patch took something away");
            context.api::<PodDisruptionBudget>().get("it").await?;

            let plain = profile.split("              objects:").next().unwrap_or_default();
            configure(&context, "1.0.1", &config(plain)).await?;
            eventually("what the template no longer has is gone", PATIENCE, async || {
                Ok(context.api::<PodDisruptionBudget>().get_opt("it").await?.is_none().then_some(()))
            })
            .await
        })
        .await
    })
    .await
}

#[tokio::test]
async fn an_invalid_configuration_is_reported_and_the_last_good_one_stays() -> Result {
    alone("config", async |context: Context| {
        configured(&context, async {
            let profile = r#"
    - name: extra
      backends: [{backendId: extra, runtimeClass: kubernetes, template: {kind: manifests}, priority: 1, version: 1.0.0}]
"#;
            configure(&context, "1.0.0", &config(profile)).await?;
            context.apply(&workload("it", &format!("  profile: extra\n{IDLE}"))).await?;
            context.wait_ready("it").await?;
            configure(&context, "1.0.1", "  profiles: [{name: extra, backends: nonsense}]\n").await?;
            let events = async || {
                let selector = "--field-selector=involvedObject.kind=ConfigMap";
                e2e::kubectl::kubectl(&["get", "events", "--namespace=score-system", selector, "--output=yaml"]).await
            };
            eventually("the configuration is reported", PATIENCE, async || {
                Ok(events().await?.contains("spec.profiles[0].backends").then_some(()))
            })
            .await?;
            // A new version needs the configuration again, and gets the last good one.
            context.apply(&workload("it", &format!("  profile: extra\n{IDLE}").replace("SLEEP", "[/bin/busybox, sh, -c, ': other; WAIT']"))).await?;
            context.wait_ready("it").await?;
            let stored: ConfigMap = configs(&context).get("orchestrator-config").await?;
            ensure!(stored.data.is_some_and(|data| data["config.yaml"].contains("nonsense")), "it was overwritten");
            Ok(())
        })
        .await
    })
    .await
}

/// Generation of the plan, by Workload.
async fn generations(context: &Context) -> Result<BTreeMap<String, Option<i64>>> {
    let plans = context.api::<WorkloadPlan>().list(&ListParams::default()).await?;
    Ok(plans.iter().map(|plan| (plan.name_any(), plan.metadata.generation)).collect())
}

#[tokio::test]
async fn a_change_of_the_configuration_touches_only_the_workloads_whose_plan_it_changes() -> Result {
    alone("many", async |context: Context| {
        configured(&context, async {
            let backend = |name: &str, account: &str| {
                format!(
                    "    - name: {name}\n      backends: [{{backendId: {name}, runtimeClass: kubernetes, priority: 1, \
                     version: 1.0.0, template: {{kind: manifests, values: {{serviceAccountName: {account}}}}}}}]\n"
                )
            };
            let both = |first: &str, second: &str| config(&(backend("first", first) + &backend("second", second)));
            configure(&context, "1.0.0", &both("default", "default")).await?;
            // None runs: that takes no room, and the plans are the same.
            let apply = (0..200).map(|number| {
                let profile = if number % 2 == 0 { "first" } else { "second" };
                let idle = workload(&format!("{profile}-{number}"), &format!("  profile: {profile}\n{IDLE}"));
                let idle = idle.replace("name: ", "annotations: {score.dev/replicas: '0'}, name: ");
                let context = &context;
                async move { context.apply(&idle).await }
            });
            try_join_all(apply).await?;
            let planned = async || {
                let generations = generations(&context).await?;
                Ok((generations.len() == 200).then_some(generations))
            };
            let before = eventually("200 plans", PATIENCE, planned).await?;
            configure(&context, "1.1.0", &both("default", "other")).await?;
            let changed = eventually("every plan of the second profile is new", PATIENCE, async || {
                let now = generations(&context).await?;
                let changed: Vec<String> =
                    now.into_iter().filter(|(name, plan)| before.get(name) != Some(plan)).map(|it| it.0).collect();
                Ok((changed.len() >= 100).then_some(changed))
            })
            .await?;
            ensure!(changed.iter().all(|name| name.starts_with("second-")), "{changed:?}");
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
            told(
                &context,
                ConditionType::InputsValid,
                Reason::PolicyViolation,
                &[name, "spec.containers.main.image", "registry.example.com/team/"],
            )
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
    alone("nobody", async |context: Context| {
        configured(&context, async {
            let profile = r#"
    - name: elsewhere
      backends: [{backendId: elsewhere, runtimeClass: nobody, template: {kind: manifests}, priority: 1, version: 1.0.0}]
"#;
            configure(&context, "1.0.0", &config(profile)).await?;
            context.apply(&workload("it", IDLE)).await?;
            context.wait_ready("it").await?;
            let spec = format!("  profile: elsewhere\n{IDLE}");
            context.apply(&workload("it", &spec)).await?;
            told(&context, ConditionType::RuntimeReady, Reason::RuntimeSelecting, &["nobody", "platform team"]).await?;
            let left = context.api::<Deployment>().get_opt("it").await?;
            ensure!(left.is_none(), "it still runs where it ran before");
            let spec = format!("{IDLE}  resources: {{data: {{type: volume}}}}\n");
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
