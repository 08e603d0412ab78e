//! What is held is held, whatever the scheduler would like to do.

use anyhow::ensure;
use e2e::podsets::{
    Mode, PodSets, SET, cores, is_held, is_passed_over, node_of, with_namespace, without_planner,
};
use e2e::{Result, podsets};
use k8s_openapi::api::core::v1::Pod;
use podset_types::{SCHEDULER, ScheduleTrigger, TriggerState};
use serde_json::json;

const PODS: [&str; 3] = ["one", "two", "three"];

#[tokio::test]
async fn a_set_is_held_while_its_trigger_is_planning_also_where_a_single_node_is_feasible() -> Result {
    for nodes in [1, 3] {
        with_namespace("held", async |sets: PodSets| {
            sets.nodes(nodes, 8).await?;
            sets.trigger(SET, json!({"state": "Planning"})).await?;
            sets.create(PODS.map(|name| sets.pod(name, SET, json!({})))).await?;
            sets.until_held(PODS.len()).await?;
            // The scheduler is at work, and would bind them.
            sets.create([sets.pod("beside", "", json!({}))]).await?;
            sets.until_pod("beside", "bound", |pod| node_of(pod).is_some()).await?;
            for name in PODS {
                let pod = sets.until_pod(name, "passed over", is_passed_over).await?;
                ensure!(node_of(&pod).is_none(), "{name} is bound");
                sets.until_told(name, "held by trigger team: until its spec.state is Schedule").await?;
            }
            sets.set_state(SET, TriggerState::Schedule).await?;
            sets.until_bound(PODS.len()).await?;
            sets.runs_as_planned(SET).await
        })
        .await?;
    }
    Ok(())
}

#[tokio::test]
async fn who_asks_for_the_planners_scheduler_is_held_and_bound_by_that_of_the_installation() -> Result {
    with_namespace("held", async |sets: PodSets| {
        sets.nodes(2, 8).await?;
        sets.trigger(SET, json!({"state": "Planning", "quietTime": "3s"})).await?;
        let asks = json!({"schedulerName": SCHEDULER});
        let binds = match sets.mode {
            Mode::Gates => "default-scheduler",
            Mode::Extender => SCHEDULER,
        };
        sets.create(PODS.map(|name| sets.pod(name, SET, asks.clone()))).await?;
        // The quiet time ends by itself.
        sets.until_bound(PODS.len()).await?;
        let trigger = sets.api::<ScheduleTrigger>().get(SET).await?;
        ensure!(trigger.spec.state == TriggerState::Schedule, "the trigger says {:?}", trigger.spec.state);
        for version in sets.pods.versions()? {
            let scheduler = version.spec.as_ref().and_then(|spec| spec.scheduler_name.as_deref());
            ensure!(scheduler == Some(binds), "a pod asks for {scheduler:?}");
        }
        sets.runs_as_planned(SET).await
    })
    .await
}

#[tokio::test]
async fn a_set_without_a_trigger_is_held_and_its_pods_say_what_is_missing() -> Result {
    with_namespace("held", async |sets: PodSets| {
        sets.nodes(1, 8).await?;
        sets.create([sets.pod("alone", SET, json!({}))]).await?;
        sets.until_told("alone", "no ScheduleTrigger").await?;
        sets.create([sets.pod("beside", "", json!({}))]).await?;
        sets.until_pod("beside", "bound", |pod| node_of(pod).is_some()).await?;
        ensure!(is_held(&sets.api::<Pod>().get("alone").await?), "it is not held");
        sets.trigger(SET, json!({"state": "Schedule"})).await?;
        sets.until_bound(1).await
    })
    .await
}

#[tokio::test]
async fn nothing_is_scheduled_around_a_planner_that_is_down() -> Result {
    podsets::alone("down", async |sets: PodSets| {
        sets.nodes(1, 8).await?;
        sets.trigger(SET, json!({"state": "Schedule"})).await?;
        without_planner(&sets, async {
            sets.create(PODS.map(|name| sets.pod(name, SET, cores(2)))).await?;
            sets.create([sets.pod("beside", "", json!({}))]).await?;
            sets.until_pod("beside", "bound", |pod| node_of(pod).is_some()).await?;
            for name in PODS {
                let pod = sets.until_pod(name, "passed over", is_passed_over).await?;
                ensure!(is_held(&pod), "{name} is not held");
            }
            Ok(())
        })
        .await?;
        sets.until_bound(PODS.len()).await?;
        sets.runs_as_planned(SET).await
    })
    .await
}
