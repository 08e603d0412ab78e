//! Nodes that keep pods away, and nodes that go.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use e2e::podsets::{
    PodSets, SET, both, is_held, node_of, other_gate, pins, room, unscheduled_because, with_namespace,
};
use e2e::{Result, wait};
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{DeleteParams, ListParams};
use kube::{Api, ResourceExt as _};
use podset_types::{ConditionType, MemberCounts, Reason, ScheduleTrigger, TriggerState};
use serde_json::{Value, json};

#[tokio::test]
async fn cordons_taints_and_tolerations_mean_to_the_planner_what_they_mean_to_the_scheduler() -> Result {
    with_namespace("nodes", async |sets: PodSets| {
        let taint =
            |effect: &str| json!({"spec": {"taints": [{"key": "e2e", "value": "x", "effect": effect}]}});
        let nodes = [
            ("plain", json!({})),
            ("cordoned", json!({"spec": {"unschedulable": true}})),
            ("no-schedule", taint("NoSchedule")),
            ("no-execute", taint("NoExecute")),
            ("prefer-no", taint("PreferNoSchedule")),
        ];
        let mut names = BTreeMap::new();
        for (node, change) in nodes {
            // The node has room for all pairs.
            names.insert(node, sets.node(node.to_owned(), both(room(32), change)).await?);
        }
        let tolerations = [
            ("nothing", json!([])),
            ("all", json!([{"key": "e2e", "operator": "Exists"}])),
            ("schedule", json!([{"key": "e2e", "operator": "Equal", "value": "x", "effect": "NoSchedule"}])),
            ("other", json!([{"key": "e2e", "operator": "Equal", "value": "y"}])),
            ("cordon", json!([{"key": "node.kubernetes.io/unschedulable", "operator": "Exists"}])),
        ];
        let mut pairs = Vec::new();
        for (node, name) in &names {
            for (tolerance, tolerated) in &tolerations {
                pairs.push((format!("{node}-{tolerance}"), tolerant(name, tolerated)));
            }
        }
        sets.trigger(SET, json!({"state": "Planning"})).await?;
        sets.create(pairs.iter().map(|(name, spec)| sets.pod(name, SET, spec.clone()))).await?;
        // The same pods without a set show what the scheduler thinks of each.
        let twins = pairs.iter().map(|(name, spec)| sets.pod(&format!("{name}-twin"), "", spec.clone()));
        sets.create(twins).await?;
        sets.until_held(pairs.len()).await?;
        sets.set_state(SET, TriggerState::Schedule).await?;
        let mut bound = 0;
        for (name, _) in &pairs {
            let is_judged = |pod: &Pod| node_of(pod).is_some() || unscheduled_because(pod) == "Unschedulable";
            let twin = sets.until_pod(&format!("{name}-twin"), "judged", is_judged).await?;
            match node_of(&twin) {
                Some(node) => {
                    sets.until_pod(name, "bound like its twin", |pod| node_of(pod) == Some(node)).await?;
                    bound += 1;
                }
                None => sets.until_told(name, "no node takes it").await?,
            }
        }
        ensure!(bound > pairs.len() / 3 && bound < pairs.len(), "{bound} of {} are bound", pairs.len());
        let held = pairs.len() - bound;
        let settled = |members: MemberCounts| {
            usize::try_from(members.gated) == Ok(held) && usize::try_from(members.bound) == Ok(bound)
        };
        sets.until_members(SET, &format!("holding {held} pods"), wait::PATIENCE, settled).await.map(drop)
    })
    .await
}

/// A pod for one node, with these tolerations.
fn tolerant(node: &str, tolerated: &Value) -> Value {
    let mut all = vec![json!({"key": "kwok.x-k8s.io/node", "operator": "Exists"})];
    all.extend(tolerated.as_array().into_iter().flatten().cloned());
    json!({"nodeSelector": {"kubernetes.io/hostname": node}, "tolerations": all})
}

/// The only pod of the set that is not being deleted, once it is let go to a node other than `before`.
async fn let_go(sets: &PodSets, before: Option<&str>) -> Result<(Pod, String)> {
    wait::eventually("a pod is let go to its node", wait::PATIENCE, async || {
        let pods = sets.api::<Pod>().list(&ListParams::default()).await?;
        let there = pods.into_iter().find(|pod| pod.metadata.deletion_timestamp.is_none());
        let Some(pod) = there.filter(|pod| !is_held(pod)) else { return Ok(None) };
        let node = pins(&pod).into_iter().next().flatten().context("it is not pinned")?;
        Ok((Some(node.as_str()) != before).then_some((pod, node)))
    })
    .await
}

async fn ends_up_as_planned(sets: &PodSets, before: &str) -> Result {
    let (pod, node) = let_go(sets, Some(before)).await?;
    sets.open_other_gate(&pod.name_any()).await?;
    sets.until_pod(&pod.name_any(), "bound to its node", |pod| node_of(pod) == Some(&node)).await?;
    sets.runs_as_planned(SET).await
}

#[tokio::test]
async fn a_pod_whose_node_goes_before_it_is_bound_is_made_and_planned_anew() -> Result {
    with_namespace("nodes", async |sets: PodSets| {
        sets.nodes(2, 4).await?;
        sets.trigger(SET, json!({"state": "Schedule"})).await?;
        sets.apply(&sets.replica_set("web", 1, other_gate())).await?;
        let (_, node) = let_go(&sets, None).await?;
        Api::<Node>::all(sets.client.clone()).delete(&node, &DeleteParams::default()).await?;
        ends_up_as_planned(&sets, &node).await
    })
    .await
}

#[tokio::test]
async fn a_pod_whose_node_takes_none_any_more_is_made_and_planned_anew() -> Result {
    with_namespace("nodes", async |sets: PodSets| {
        sets.nodes(2, 4).await?;
        sets.trigger(SET, json!({"state": "Schedule"})).await?;
        sets.apply(&sets.replica_set("web", 1, other_gate())).await?;
        let (pod, node) = let_go(&sets, None).await?;
        sets.cordon(&node).await?;
        sets.open_other_gate(&pod.name_any()).await?;
        ends_up_as_planned(&sets, &node).await
    })
    .await
}

#[tokio::test]
async fn a_pod_that_nobody_makes_again_is_named_when_its_node_goes() -> Result {
    with_namespace("nodes", async |sets: PodSets| {
        sets.nodes(2, 4).await?;
        sets.trigger(SET, json!({"state": "Schedule"})).await?;
        sets.create([sets.pod("single", SET, other_gate())]).await?;
        let (_, node) = let_go(&sets, None).await?;
        Api::<Node>::all(sets.client.clone()).delete(&node, &DeleteParams::default()).await?;
        let named = |trigger: &ScheduleTrigger| {
            let mut conditions = trigger.status.iter().flat_map(|status| &status.conditions);
            conditions.any(|one| {
                one.type_ == ConditionType::Degraded.to_string()
                    && one.reason == Reason::Stranded.to_string()
                    && one.message.contains("single")
            })
        };
        wait::until_there(&sets.api(), SET, "naming the pod", wait::PATIENCE, named).await?;
        // It is not taken away: nobody would make another.
        let single = sets.api::<Pod>().get("single").await?;
        ensure!(single.metadata.deletion_timestamp.is_none(), "it is being deleted");
        Ok(())
    })
    .await
}
