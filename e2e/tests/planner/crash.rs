//! A planner that stops, whether it wants to or not.

use std::collections::BTreeMap;

use anyhow::ensure;
use e2e::killer::{Killer, PATIENCE, Pace};
use e2e::podsets::{PodSets, SET, alone, is_held, without_planner};
use e2e::{Result, controllers, seed, wait};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use kube::api::{DeleteParams, ListParams};
use podset_types::{LABEL_POD_SET, MemberCounts, SchedulePlan, TriggerState, plan_name};
use serde_json::json;

const KILLS: Pace = Pace { kills: 4, longest_pause: 4.0 };
const SETS: [(&str, usize); 3] = [("one", 1), ("three", 3), ("fifty", 50)];

#[tokio::test]
async fn a_planner_that_is_killed_at_any_moment_lets_nobody_go_twice_or_leaves_a_plan() -> Result {
    let seed = seed::seed()?;
    alone("crash", async |sets: PodSets| {
        sets.nodes(5, 64).await?;
        let mut killer = Killer::new(&sets.client, &[controllers::PLANNER], seed);
        for set in SETS {
            sets.trigger(set.0, json!({"state": "Planning"})).await?;
        }
        killer.during("release", KILLS, release(&sets)).await?;
        for (set, _) in SETS {
            sets.runs_as_planned(set).await?;
        }
        was_let_go_once(&sets)?;
        killer.during("deletion", KILLS, delete(&sets)).await?;
        killer.has_killed_processes()?;
        killer.all_are_back().await
    })
    .await
}

async fn release(sets: &PodSets) -> Result {
    for (set, count) in SETS {
        sets.create((0..count).map(|number| sets.pod(&format!("{set}-{number}"), set, json!({})))).await?;
        sets.set_state(set, TriggerState::Schedule).await?;
    }
    for (set, count) in SETS {
        let bound = |members: MemberCounts| usize::try_from(members.bound) == Ok(count);
        sets.until_members(set, &format!("that of {count} bound pods"), PATIENCE, bound).await?;
    }
    Ok(())
}

/// Each pod was held from the beginning, and never again once it was not.
fn was_let_go_once(sets: &PodSets) -> Result {
    let mut seen = BTreeMap::<_, Vec<bool>>::new();
    for pod in sets.pods.versions()? {
        let stages = seen.entry(pod.name_any()).or_default();
        if stages.last() != Some(&is_held(&pod)) {
            stages.push(is_held(&pod));
        }
    }
    for (pod, stages) in seen {
        ensure!(stages == [true, false], "{pod} was held: {stages:?}");
    }
    Ok(())
}

async fn delete(sets: &PodSets) -> Result {
    for (set, _) in SETS {
        let members = ListParams::default().labels(&format!("{LABEL_POD_SET}={set}"));
        sets.api::<Pod>().delete_collection(&DeleteParams::default().grace_period(0), &members).await?;
        let name = plan_name(&sets.namespace, set);
        let plans = sets.api::<SchedulePlan>();
        wait::until(&plans, &name, "gone", PATIENCE, |plan| plan.is_none()).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_planner_that_missed_how_pods_were_deleted_forgets_them_and_their_plan() -> Result {
    alone("missed", async |sets: PodSets| {
        sets.nodes(2, 8).await?;
        sets.trigger(SET, json!({"state": "Schedule"})).await?;
        sets.create(["one", "two", "three"].map(|name| sets.pod(name, SET, json!({})))).await?;
        sets.until_bound(3).await?;
        without_planner(&sets, sets.delete::<Pod>("one")).await?;
        let (plans, name) = (sets.api::<SchedulePlan>(), plan_name(&sets.namespace, SET));
        let without_one = |plan: &SchedulePlan| plan.spec.plan.iter().all(|item| item.pod != "one");
        let plan = wait::until_there(&plans, &name, "without the pod", PATIENCE, without_one).await?;
        ensure!(plan.spec.plan.len() == 2, "the plan is {:?}", plan.spec.plan);
        without_planner(&sets, async {
            sets.delete::<Pod>("two").await?;
            sets.delete::<Pod>("three").await
        })
        .await?;
        wait::until_gone(&plans, &plan).await
    })
    .await
}
