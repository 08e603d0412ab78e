//! Pods that are held by a scheduler which asks the planner's extender.

use std::time::Instant;

use anyhow::{Context as _, ensure};
use e2e::Result;
use e2e::podsets::{
    HELD, Mode, PodSets, SET, alone, both, cores, is_held, node_of, other_gate, planned, unscheduled_because,
    with_namespace,
};
use e2e::wait;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use kube::api::ListParams;
use podset_types::{ANNOTATION_TICKET, TriggerState};
use serde_json::json;

/// The port that the scheduler asks, and one that it does not.
const ASKED: u16 = 7310;
const ELSEWHERE: u16 = 7311;

/// The message of the scheduler about a pod that it has not bound.
fn told(pod: &Pod) -> &str {
    let conditions = pod.status.iter().flat_map(|status| &status.conditions).flatten();
    let mut scheduled = conditions.filter(|condition| condition.type_ == "PodScheduled");
    scheduled.find_map(|condition| condition.message.as_deref()).unwrap_or_default()
}

#[tokio::test]
async fn with_one_feasible_node_a_pod_is_refused_with_the_reason_and_bound_once_it_has_its_ticket() -> Result
{
    with_namespace("extender", async |sets: PodSets| {
        if !sets.holds_by(Mode::Extender) {
            return Ok(());
        }
        sets.nodes(1, 8).await?;
        sets.trigger(SET, json!({"state": "Planning"})).await?;
        sets.create([sets.pod("first", SET, json!({}))]).await?;
        let why = format!("{HELD}: trigger team: until its spec.state is Schedule");
        let first = sets.until_pod("first", "refused", |pod| told(pod).contains(&why)).await?;
        // The ticket of another pod is none.
        let forged =
            json!({"uid": first.uid(), "node": format!("{}-1", sets.namespace), "enforcement": "Pin"});
        let mut second = sets.pod("second", SET, json!({}));
        second["metadata"]["annotations"] = json!({ANNOTATION_TICKET: forged.to_string()});
        sets.create([second]).await?;
        sets.until_pod("second", "refused", |pod| told(pod).contains(&why)).await?;
        sets.until_held(2).await?;
        let fired = Instant::now();
        sets.set_state(SET, TriggerState::Schedule).await?;
        for name in ["first", "second"] {
            sets.until_pod(name, "bound", |pod| node_of(pod).is_some()).await?;
        }
        println!("from the trigger to bound pods: {:?}", fired.elapsed());
        sets.runs_as_planned(SET).await
    })
    .await
}

#[tokio::test]
async fn while_the_extender_is_down_nobody_is_bound_and_who_was_released_is_when_it_is_back() -> Result {
    alone("extender", async |sets: PodSets| {
        if !sets.holds_by(Mode::Extender) {
            return Ok(());
        }
        sets.nodes(2, 8).await?;
        sets.trigger(SET, json!({"state": "Schedule"})).await?;
        sets.move_extender(ELSEWHERE).await?;
        let outcome = Box::pin(nobody_is_bound(&sets)).await;
        sets.move_extender(ASKED).await?;
        outcome?;
        sets.until_bound(2).await?;
        sets.runs_as_planned(SET).await
    })
    .await
}

async fn nobody_is_bound(sets: &PodSets) -> Result {
    let stranger = sets.pod("stranger", "", sets.scheduler());
    sets.create(["one", "two"].map(|name| sets.pod(name, SET, json!({}))).into_iter().chain([stranger]))
        .await?;
    for name in ["one", "two"] {
        sets.until_pod(name, "released", |pod| !is_held(pod)).await?;
    }
    for name in ["one", "two", "stranger"] {
        let in_vain = |pod: &Pod| unscheduled_because(pod) == "SchedulerError";
        let pod = sets.until_pod(name, "tried in vain", in_vain).await?;
        ensure!(node_of(&pod).is_none(), "{name} is bound");
    }
    Ok(())
}

/// What another scheduler binds to is not reserved from it.
#[tokio::test]
async fn a_pod_whose_room_somebody_else_has_taken_is_made_and_planned_anew() -> Result {
    with_namespace("extender", async |sets: PodSets| {
        if !sets.holds_by(Mode::Extender) {
            return Ok(());
        }
        sets.nodes(1, 4).await?;
        sets.trigger(SET, json!({"state": "Schedule"})).await?;
        sets.apply(&sets.replica_set("web", 1, both(cores(3), other_gate()))).await?;
        let before = only_pod(&sets, |pod| planned(pod).is_some()).await?;
        sets.create([sets.pod("rival", "", cores(3))]).await?;
        sets.until_pod("rival", "bound", |pod| node_of(pod).is_some()).await?;
        sets.open_other_gate(&before.name_any()).await?;
        let after = only_pod(&sets, |pod| pod.uid() != before.uid()).await?;
        sets.until_told(&after.name_any(), "no node takes it").await?;
        ensure!(is_held(&after), "it is not held");
        sets.delete::<Pod>("rival").await?;
        let after = only_pod(&sets, |pod| planned(pod).is_some()).await?;
        sets.open_other_gate(&after.name_any()).await?;
        sets.until_bound(1).await?;
        sets.runs_as_planned(SET).await
    })
    .await
}

/// The pod of the ReplicaSet that is not being deleted, once `holds` of it.
async fn only_pod(sets: &PodSets, holds: impl Fn(&Pod) -> bool) -> Result<Pod> {
    let of_web = ListParams::default().labels("app=web");
    let found = wait::eventually("the pod of the ReplicaSet", wait::PATIENCE, async || {
        let pods = sets.api::<Pod>().list(&of_web).await?;
        let mut there = pods.into_iter().filter(|pod| pod.metadata.deletion_timestamp.is_none());
        Ok(there.find(|pod| holds(pod)))
    });
    found.await.context("no such pod")
}
