//! A large set, and what it costs.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use e2e::podsets::{PodSets, SET, alone, both};
use e2e::{Result, audit, controllers};
use kube::ResourceExt as _;
use podset_types::{MemberCounts, ScheduleTrigger, TriggerState};
use serde_json::{Value, json};

/// Unless `E2E_SET` says otherwise.
const PODS: usize = 500;
/// Many more make the fake kubelet late on a small machine: nodes that miss their heartbeats are planned around, which costs.
const NODES: usize = 100;
/// Writes that a set costs however large it is: plan, statuses, progress once a second.
const CONSTANT: usize = 60;
const WITHIN: Duration = Duration::from_secs(300);

#[tokio::test]
async fn five_hundred_pods_on_a_hundred_nodes_cost_one_write_each_and_a_few_more() -> Result {
    let pods: usize = std::env::var("E2E_SET").map_or(Ok(PODS), |pods| pods.parse())?;
    alone("scale", async |sets: PodSets| {
        sets.nodes(NODES, 8).await?;
        sets.trigger(SET, json!({"state": "Planning"})).await?;
        let owner = owner(&sets).await?;
        let pod = |number: usize| {
            let mut pod = sets.pod(&format!("pod-{number}"), SET, json!({}));
            pod["metadata"]["ownerReferences"] = json!([owner]);
            pod
        };
        sets.create((0..pods).map(pod)).await?;
        let all = |count: i32| usize::try_from(count) == Ok(pods);
        let held = |members: MemberCounts| all(members.gated);
        sets.until_members(SET, "holding all", WITHIN, held).await?;
        sets.until_told(&format!("pod-{}", pods - 1), "held by trigger team").await?;
        let start = audit::mark(&sets).await?;
        let fired = Instant::now();
        sets.set_state(SET, TriggerState::Schedule).await?;
        let bound = |members: MemberCounts| all(members.bound);
        sets.until_members(SET, "all bound", WITHIN, bound).await?;
        println!("from the trigger to {pods} bound pods: {:?}", fired.elapsed());
        let end = audit::mark(&sets).await?;
        let metrics = controllers::get(&sets.client, controllers::PLANNER, "/metrics").await?;
        let planning =
            metrics.lines().filter(|line| line.starts_with("podset_planner_planning_duration_seconds_"));
        planning.filter(|line| !line.contains("_bucket")).for_each(|line| println!("{line}"));
        let writes = audit::writes_of(&[controllers::PLANNER], &start, &end).await?;
        let to_pods = writes.iter().filter(|write| write.object_ref.resource == "pods").count();
        println!("{to_pods} writes to pods, {} others", writes.len() - to_pods);
        ensure!(to_pods >= pods, "the audit log shows {to_pods} writes to pods: nothing was tested");
        ensure!(
            writes.len() <= pods + CONSTANT,
            "{} writes for {pods} pods:\n{}",
            writes.len(),
            audit::summary(&writes)
        );
        sets.runs_as_planned(SET).await
    })
    .await
}

/// What makes the planner take pods for those of a Deployment, for whom nothing is reserved because another would be
/// made. It has to be there, and does not have to make any.
async fn owner(sets: &PodSets) -> Result<Value> {
    let trigger = sets.api::<ScheduleTrigger>().get(SET).await?;
    let uid = trigger.uid().context("no uid")?;
    let kind = json!({"apiVersion": "planner.ciena.io/v1alpha1", "kind": "ScheduleTrigger"});
    Ok(both(kind, json!({"name": SET, "uid": uid, "controller": true})))
}
