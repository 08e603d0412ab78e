//! Manifests that were written for a scheduler called `podset-planner-scheduler`, as they are.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, ensure};
use e2e::podsets::{PodSets, with_namespace};
use e2e::{Result, apply, wait};
use podset_types::{MemberCounts, SchedulePlan, ScheduleTrigger, TriggerState, plan_name};
use serde_json::Value;

const SET: &str = "planner-podset";
const TRIGGER: &str = "customtrigger";

/// Of each pair one on a node, although both are planned together: AFFINITY says whether they must or only wish to.
const APART: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME}
spec:
  replicas: 1
  selector: {matchLabels: {app: NAME}}
  template:
    metadata: {labels: {app: NAME, planner.ciena.io/pod-set: planner-podset}}
    spec:
      schedulerName: podset-planner-scheduler
      terminationGracePeriodSeconds: 0
      affinity:
        podAntiAffinity: AFFINITY
      containers:
        - {name: main, image: "localhost/score/pause:dev"}
"#;

const TERM: &str = "{labelSelector: {matchExpressions: [{key: app, operator: In, values: [OTHER]}]}, \
                    topologyKey: kubernetes.io/hostname}";

async fn released(sets: &PodSets, members: i32) -> Result {
    let held = |counts: MemberCounts| counts.gated == members;
    sets.until_members(TRIGGER, "holding the set", wait::PATIENCE, held).await?;
    sets.set_state(TRIGGER, TriggerState::Schedule).await?;
    let bound = |counts: MemberCounts| counts.bound == members;
    sets.until_members(TRIGGER, "that of a bound set", wait::PATIENCE, bound).await?;
    sets.runs_as_planned(SET).await
}

#[tokio::test]
async fn the_quick_starts_set_is_held_planned_and_verified_and_its_plan_goes_with_it() -> Result {
    with_namespace("examples", async |sets: PodSets| {
        sets.apply_file("docs/examples/pod-set/trigger.yaml").await?;
        sets.apply_file("docs/examples/pod-set/workloads.yaml").await?;
        released(&sets, 2).await?;
        let trigger = sets.api::<ScheduleTrigger>().get(TRIGGER).await?;
        let name = plan_name(&sets.namespace, SET);
        let reference = trigger.status.and_then(|status| status.plan_ref).context("no planRef")?;
        ensure!(reference.name == name, "the trigger names the plan {}", reference.name);
        let columns = sets.kubectl(&["get", "st", "--output=wide"]).await?;
        ensure!(
            columns.split_whitespace().take(5).eq(["NAME", "STATE", "PODSET", "QUIETTIME", "AGE"]),
            "{columns}"
        );
        let columns = sets.kubectl(&["get", "sp", "--output=wide"]).await?;
        ensure!(columns.split_whitespace().take(4).eq(["NAME", "PODSET", "AGE", "PLAN"]), "{columns}");
        ensure!(columns.contains(r#"[{"node":"node-"#), "the plan is not compact JSON: {columns}");
        verified(&sets).await?;
        sets.kubectl(&["delete", "deployment", "hello-client", "hello-server"]).await?;
        wait::until(&sets.api::<SchedulePlan>(), &name, "gone", wait::PATIENCE, |plan| plan.is_none())
            .await?;
        ensure!(sets.verify(&[]).await?.starts_with("No scheduleplan instances found\n"), "a plan is left");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn two_that_keep_apart_are_planned_apart() -> Result {
    are_planned_apart(&format!("{{requiredDuringSchedulingIgnoredDuringExecution: [{TERM}]}}")).await
}

#[tokio::test]
async fn two_that_would_rather_be_apart_are_planned_apart() -> Result {
    let wish = format!("{{weight: 100, podAffinityTerm: {TERM}}}");
    are_planned_apart(&format!("{{preferredDuringSchedulingIgnoredDuringExecution: [{wish}]}}")).await
}

async fn are_planned_apart(affinity: &str) -> Result {
    with_namespace("examples", async |sets: PodSets| {
        sets.apply_file("docs/examples/pod-set/trigger.yaml").await?;
        for (name, other) in [("app-1", "app-2"), ("app-2", "app-1")] {
            let manifest = APART.replace("AFFINITY", affinity);
            sets.apply(&manifest.replace("NAME", name).replace("OTHER", other)).await?;
        }
        released(&sets, 2).await?;
        let places = sets.places(SET).await?;
        let nodes: BTreeSet<_> = places.values().collect();
        ensure!(nodes.len() == 2, "they are at {places:?}");
        verified(&sets).await
    })
    .await
}

/// What the script of the original compares: the entries of the first plan with where the pods of the namespace run, all
/// of which must be bound. And what our own command says, which compares more.
async fn verified(sets: &PodSets) -> Result {
    let pods = sets.kubectl(&["get", "pods", "--output=json"]).await?;
    let pods: Value = serde_json::from_str(&pods)?;
    let mut places = BTreeMap::new();
    for pod in pods["items"].as_array().context("no pods")? {
        let name = pod["metadata"]["name"].as_str().context("no name")?;
        places.insert(name.to_owned(), pod["spec"]["nodeName"].as_str().context("not bound")?.to_owned());
    }
    let plans: Value =
        serde_json::from_str(&sets.kubectl(&["get", "scheduleplans", "--output=json"]).await?)?;
    for entry in plans["items"][0]["spec"]["plan"].as_array().context("no plan")? {
        let (pod, node) = (entry["pod"].as_str().context("no pod")?, entry["node"].as_str());
        ensure!(places.get(pod).map(String::as_str) == node, "{pod} is not on {node:?}: {places:?}");
    }
    ensure!(sets.verify(&[]).await? == "Planner assignment verification success\n", "not so told");
    let report: Value = serde_json::from_str(&sets.verify(&["--strict", "--output=json"]).await?)?;
    ensure!(report["success"] == true && report["plans"] == 1, "{report:#}");
    is_found_if_wrong(sets).await
}

/// A plan that nothing follows is found.
async fn is_found_if_wrong(sets: &PodSets) -> Result {
    let wrong = "{apiVersion: planner.ciena.io/v1alpha1, kind: SchedulePlan, metadata: {name: wrong}, \
                 spec: {plan: [{pod: nobody, node: nowhere}]}}";
    apply::apply(&sets.client, &sets.namespace, wrong).await?;
    let error = sets.verify(&[]).await.err().context("the wrong plan was not found")?.to_string();
    let told = "verification failed. Mismatches [{'pod': 'nobody', 'node': 'nowhere'}]";
    ensure!(error.contains(told), "{error}");
    sets.delete::<SchedulePlan>("wrong").await
}
