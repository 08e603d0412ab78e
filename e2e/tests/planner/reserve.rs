//! Room that is reserved.

use anyhow::{Context as _, ensure};
use e2e::podsets::{
    Mode, PodSets, SET, alone, both, cores, is_held, node_of, nominated, other_gate, planned,
    unscheduled_because, with_namespace,
};
use e2e::{Result, node, wait};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::ResourceExt as _;
use podset_types::{ConditionType, SchedulePlan, plan_name};
use serde_json::json;

/// The usual three replicas of a scheduler elect one of them; these notice within seconds that it is gone.
const ELECTED: &str = "--leader-elect=true --leader-elect-lease-duration=3s --leader-elect-renew-deadline=2s \
                       --leader-elect-retry-period=1s";

/// The node whose room is reserved for the pod `ours`, which is let go by the planner and kept by a gate of somebody else.
async fn reserved(sets: &PodSets) -> Result<String> {
    let node = sets.nodes(1, 4).await?.remove(0);
    sets.trigger(SET, json!({"state": "Schedule"})).await?;
    sets.create([sets.pod("ours", SET, both(cores(3), other_gate()))]).await?;
    sets.until_pod("ours", "reserved", |pod| nominated(pod) == Some(&node)).await?;
    Ok(node)
}

/// Another pod of the same priority for the same room waits, and the one that it was reserved for gets it.
async fn nobody_else_gets_it(sets: &PodSets, node: &str) -> Result {
    sets.create([sets.pod("rival", "", cores(3))]).await?;
    sets.until_pod("rival", "refused", |pod| unscheduled_because(pod) == "Unschedulable").await?;
    sets.until_pod("ours", "let go", |pod| !is_held(pod)).await?;
    sets.open_other_gate("ours").await?;
    sets.until_pod("ours", "bound to its node", |pod| node_of(pod) == Some(node)).await?;
    let rival = sets.api::<Pod>().get("rival").await?;
    ensure!(node_of(&rival).is_none(), "both are bound");
    Ok(())
}

#[tokio::test]
async fn what_is_reserved_for_a_gated_pod_is_not_given_to_another_of_its_priority() -> Result {
    with_namespace("reserve", async |sets: PodSets| {
        if !sets.holds_by(Mode::Gates) {
            return Ok(());
        }
        let node = reserved(&sets).await?;
        nobody_else_gets_it(&sets, &node).await
    })
    .await
}

#[tokio::test]
async fn what_is_reserved_stays_reserved_when_the_scheduler_was_started_anew() -> Result {
    alone("reserve", async |sets: PodSets| {
        if !sets.holds_by(Mode::Gates) {
            return Ok(());
        }
        node::restart_scheduler(ELECTED).await?;
        let outcome = Box::pin(renewed(&sets)).await;
        node::restart_scheduler("").await?;
        outcome
    })
    .await
}

async fn renewed(sets: &PodSets) -> Result {
    let before = scheduler(sets, None).await?;
    let node = reserved(sets).await?;
    node::restart_scheduler(&format!("{ELECTED} --v=1")).await?;
    let now = scheduler(sets, Some(&before)).await?;
    let says_so = |pod: &Pod| pod.annotations().values().any(|value| *value == now);
    sets.until_pod("ours", "known to the scheduler of now", says_so).await?;
    nobody_else_gets_it(sets, &node).await
}

/// The scheduler that works, which is another than `before`.
async fn scheduler(sets: &PodSets, before: Option<&str>) -> Result<String> {
    let leases: Api<Lease> = Api::namespaced(sets.client.clone(), "kube-system");
    let holder = |lease: &Lease| lease.spec.as_ref().and_then(|spec| spec.holder_identity.clone());
    let other = |lease: &Lease| holder(lease).is_some_and(|holder| Some(holder.as_str()) != before);
    let what = format!("held by another than {before:?}");
    let lease = wait::until_there(&leases, "kube-scheduler", &what, wait::PATIENCE, other).await?;
    holder(&lease).context("nobody holds the lease")
}

#[tokio::test]
async fn who_is_only_nominated_goes_elsewhere_if_the_planned_node_has_no_room_any_more() -> Result {
    with_namespace("reserve", async |sets: PodSets| {
        let nodes = sets.nodes(2, 4).await?;
        sets.trigger(SET, json!({"state": "Schedule", "enforcement": "Nominate"})).await?;
        sets.create([sets.pod("ours", SET, both(cores(3), other_gate()))]).await?;
        let is_let_go = |pod: &Pod| planned(pod).is_some() && !is_held(pod);
        let ours = sets.until_pod("ours", "let go", is_let_go).await?;
        let planned = planned(&ours).context("not planned")?;
        let other = nodes.into_iter().find(|node| *node != planned).context("there are two")?;
        sets.cordon(&planned).await?;
        sets.open_other_gate("ours").await?;
        let ours = sets.until_pod("ours", "bound elsewhere", |pod| node_of(pod) == Some(&other)).await?;
        ensure!(nominated(&ours) != Some(&planned), "it is still nominated for {planned}");
        // The plan stays as it was decided, and says so.
        let name = plan_name(&sets.namespace, SET);
        let says_so = |plan: &SchedulePlan| {
            let conditions = plan.status.iter().flat_map(|status| &status.conditions);
            conditions
                .into_iter()
                .any(|one| one.type_ == ConditionType::Drifted.to_string() && one.status == "True")
        };
        let plan = wait::until_there(&sets.api(), &name, "drifted", wait::PATIENCE, says_so).await?;
        ensure!(plan.spec.plan.iter().all(|item| item.node == planned), "the plan is {:?}", plan.spec.plan);
        Ok(())
    })
    .await
}
