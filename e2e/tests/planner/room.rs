//! Too little room.

use anyhow::ensure;
use e2e::podsets::{PodSets, SET, both, cores, is_held, nominated, room, with_namespace};
use e2e::{Result, wait};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use kube::api::ListParams;
use podset_types::{ConditionType, MemberCounts, Reason, ScheduleTrigger, TriggerState};
use serde_json::json;

const PODS: usize = 5;

async fn five_pods_for_four_places(sets: &PodSets, spec: serde_json::Value) -> Result {
    sets.nodes(2, 4).await?;
    sets.trigger(SET, both(json!({"state": "Planning"}), spec)).await?;
    sets.create((0..PODS).map(|number| sets.pod(&format!("pod-{number}"), SET, cores(2)))).await?;
    sets.until_held(PODS).await?;
    sets.set_state(SET, TriggerState::Schedule).await
}

fn says(trigger: &ScheduleTrigger, type_: ConditionType, reason: Reason) -> bool {
    let mut conditions = trigger.status.iter().flat_map(|status| &status.conditions);
    conditions.any(|one| one.type_ == type_.to_string() && one.reason == reason.to_string())
}

#[tokio::test]
async fn of_a_gang_nobody_is_reserved_or_let_go_before_there_is_room_for_all() -> Result {
    with_namespace("room", async |sets: PodSets| {
        five_pods_for_four_places(&sets, json!({"atomicity": "Gang"})).await?;
        let incomplete =
            |trigger: &ScheduleTrigger| says(trigger, ConditionType::Released, Reason::GangIncomplete);
        wait::until_there(&sets.api(), SET, "waiting for room", wait::PATIENCE, incomplete).await?;
        for pod in sets.api::<Pod>().list(&ListParams::default()).await? {
            let (held, node) = (is_held(&pod), nominated(&pod));
            ensure!(held && node.is_none(), "{}: held {held}, nominated for {node:?}", pod.name_any());
        }
        sets.node("more".to_owned(), room(4)).await?;
        sets.until_bound(PODS).await?;
        sets.runs_as_planned(SET).await
    })
    .await
}

#[tokio::test]
async fn who_has_no_place_waits_with_the_reason_and_the_others_go() -> Result {
    with_namespace("room", async |sets: PodSets| {
        five_pods_for_four_places(&sets, json!({})).await?;
        let four = |members: MemberCounts| members.bound == 4 && members.gated == 1;
        sets.until_members(SET, "four bound and one held", wait::PATIENCE, four).await?;
        let pods = sets.api::<Pod>().list(&ListParams::default()).await?;
        let (held, bound): (Vec<_>, Vec<_>) = pods.into_iter().partition(is_held);
        sets.until_told(&held[0].name_any(), "2 insufficient cpu").await?;
        // Room for one more.
        sets.delete::<Pod>(&bound[0].name_any()).await?;
        sets.until_bound(PODS - 1).await?;
        sets.runs_as_planned(SET).await
    })
    .await
}
