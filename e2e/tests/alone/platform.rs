//! A configuration that changes, and what that does to Workloads that run.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use api_types::{ConditionType, Reason, WorkloadPlan};
use e2e::busybox::workload;
use e2e::platform::{configs, configure, configured, profiled};
use e2e::wait::{PATIENCE, eventually};
use e2e::{Context, Result, alone};
use futures::future::try_join_all;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::ResourceExt as _;
use kube::api::ListParams;

/// A platform with these profiles more; no type but PostgreSQL.
fn config(profiles: &str) -> String {
    const POSTGRES: &str = "- {type: postgres, provisioner: provisioner-postgres, classes: [{name: default}], deprovisionPolicy: Delete}";
    profiled(profiles, POSTGRES)
}

const IDLE: &str = "  containers: {main: {image: BUSYBOX, command: SLEEP}}\n";

async fn pod(context: &Context) -> Result<Pod> {
    let pods = context.api::<Pod>().list(&ListParams::default().labels("app=it")).await?;
    pods.items.into_iter().find(|pod| pod.metadata.deletion_timestamp.is_none()).context("it has no pod")
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
            let words = ["guarded", "web-service"];
            context.told("it", ConditionType::RuntimeReady, Reason::RuntimeSelecting, &words).await?;
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
