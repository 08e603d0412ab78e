//! Sets that change while they are planned.

use std::convert::Infallible;

use anyhow::ensure;
use e2e::podsets::{PodSets, SET, with_namespace};
use e2e::{Result, wait};
use k8s_openapi::api::core::v1::Pod;
use kube::api::Patch;
use podset_types::{MemberCounts, TriggerState};
use serde_json::json;

#[tokio::test]
async fn pods_that_others_write_to_at_the_same_time_are_let_go_all_the_same() -> Result {
    with_namespace("change", async |sets: PodSets| {
        sets.nodes(2, 16).await?;
        sets.trigger(SET, json!({"state": "Planning"})).await?;
        let names: Vec<_> = (0..16).map(|number| format!("pod-{number}")).collect();
        sets.create(names.iter().map(|name| sets.pod(name, SET, json!({})))).await?;
        sets.until_held(names.len()).await?;
        let bound = async {
            sets.set_state(SET, TriggerState::Schedule).await?;
            sets.until_bound(names.len()).await
        };
        tokio::select! {
            bound = bound => bound?,
            error = disturb(&sets, &names) => return error.map(|never| match never {}),
        }
        sets.runs_as_planned(SET).await
    })
    .await
}

/// Writes to the pods, one after the other, without end.
async fn disturb(sets: &PodSets, names: &[String]) -> Result<Infallible> {
    let pods = sets.api::<Pod>();
    for (number, name) in (0_u64..).zip(names.iter().cycle()) {
        let patch = json!({"metadata": {"annotations": {"example.com/number": number.to_string()}}});
        pods.patch(name, &Default::default(), &Patch::Merge(patch)).await?;
    }
    anyhow::bail!("there are more numbers")
}

#[tokio::test]
async fn who_joins_later_is_planned_around_those_that_are_there_or_held_if_the_trigger_is_set_back() -> Result
{
    with_namespace("change", async |sets: PodSets| {
        sets.nodes(3, 8).await?;
        sets.trigger(SET, json!({"state": "Schedule"})).await?;
        sets.create([sets.pod("first", SET, json!({}))]).await?;
        sets.until_bound(1).await?;
        let before = sets.plan(SET).await?;
        sets.create([sets.pod("second", SET, json!({}))]).await?;
        sets.until_bound(2).await?;
        let after = sets.plan(SET).await?;
        ensure!(after.get("first") == before.get("first"), "first {before:?}, then {after:?}");
        sets.set_state(SET, TriggerState::Planning).await?;
        let nobody_held = |members: MemberCounts| members.gated == 0 && members.bound == 2;
        sets.until_members(SET, "holding nobody", wait::PATIENCE, nobody_held).await?;
        sets.create([sets.pod("third", SET, json!({}))]).await?;
        sets.until_told("third", "held by trigger team").await?;
        let one_held = |members: MemberCounts| members.gated == 1 && members.bound == 2;
        sets.until_members(SET, "holding one", wait::PATIENCE, one_held).await?;
        sets.set_state(SET, TriggerState::Schedule).await?;
        sets.until_bound(3).await?;
        sets.runs_as_planned(SET).await
    })
    .await
}
