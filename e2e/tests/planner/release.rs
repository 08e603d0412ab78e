//! How pods are let go.

use std::time::{Duration, Instant};

use anyhow::ensure;
use e2e::Result;
use e2e::podsets::{Mode, PodSets, SET, is_held, node_of, pins, with_namespace};
use e2e::wait::PATIENCE;
use futures::future::try_join_all;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use podset_types::{MemberCounts, TriggerState};
use serde_json::{Value, json};

/// What is promised of a small set.
const AT_ONCE: Duration = Duration::from_secs(2);
/// A scheduler that asks the planner has tried the pods in vain, and may leave each alone for as long as its chart
/// says.
const BACKOFF: Duration = Duration::from_secs(1);
/// Other tests run beside this one, so the quickest set counts.
const SETS: [&str; 3] = ["one", "two", "three"];
const PODS: usize = 12;

#[tokio::test]
async fn one_patch_pins_and_lets_go_whatever_affinity_and_selector_a_pod_has() -> Result {
    with_namespace("release", async |sets: PodSets| {
        let nodes = sets.nodes(3, 8).await?;
        let os =
            json!({"matchExpressions": [{"key": "kubernetes.io/os", "operator": "In", "values": ["linux"]}]});
        let host = json!({"matchExpressions": [
            {"key": "kubernetes.io/hostname", "operator": "In", "values": [nodes[1]]}
        ]});
        let none =
            json!({"matchFields": [{"key": "metadata.name", "operator": "NotIn", "values": [nodes[0]]}]});
        let preferred = json!({"nodeAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 5, "preference": os}],
        }});
        sets.trigger(SET, json!({"state": "Planning"})).await?;
        let cases = [
            ("nothing", json!({}), 1),
            ("preferred", json!({"affinity": preferred}), 1),
            ("one-term", required(&[&os]), 1),
            ("two-terms", required(&[&os, &host]), 2),
            ("fields", required(&[&none]), 1),
            ("selector", json!({"nodeSelector": {"kubernetes.io/hostname": nodes[2]}}), 1),
        ];
        sets.create(cases.iter().map(|(name, spec, _)| sets.pod(name, SET, spec.clone()))).await?;
        sets.until_held(cases.len()).await?;
        sets.set_state(SET, TriggerState::Schedule).await?;
        sets.until_bound(cases.len()).await?;
        sets.runs_as_planned(SET).await?;
        for (name, _, terms) in cases {
            let pod = sets.api::<Pod>().get(name).await?;
            let node = node_of(&pod).map(str::to_owned);
            // A ticket says it once.
            let terms = if sets.mode == Mode::Gates { terms } else { 1 };
            ensure!(
                pins(&pod) == vec![node.clone(); terms],
                "{name} on {node:?} is pinned to {:?}",
                pins(&pod)
            );
        }
        // Held and free, or pinned and let go: there is no version in between.
        for pod in sets.pods.versions()? {
            let pinned = pins(&pod).iter().all(Option::is_some) && !pins(&pod).is_empty();
            ensure!(
                is_held(&pod) != pinned,
                "{} was held {}, pinned {pinned}",
                pod.name_any(),
                is_held(&pod)
            );
        }
        Ok(())
    })
    .await
}

fn required(terms: &[&Value]) -> Value {
    let terms = json!({"nodeSelectorTerms": terms});
    json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}})
}

#[tokio::test]
async fn a_set_is_bound_at_once_and_not_when_the_scheduler_happens_to_look_again() -> Result {
    with_namespace("release", async |sets: PodSets| {
        sets.nodes(3, 16).await?;
        let mut quickest = Duration::MAX;
        for set in SETS {
            quickest = quickest.min(let_go(&sets, set).await?);
        }
        // The scheduler by itself looks again at what it could not place after a minute and more.
        let within = if sets.mode == Mode::Gates { AT_ONCE } else { AT_ONCE + BACKOFF };
        ensure!(quickest < within, "it took {quickest:?}");
        Ok(())
    })
    .await
}

/// How long it takes from the trigger of a new set until all its pods are bound.
async fn let_go(sets: &PodSets, set: &str) -> Result<Duration> {
    sets.trigger(set, json!({"state": "Planning"})).await?;
    let names: Vec<_> = (0..PODS).map(|number| format!("{set}-{number}")).collect();
    sets.create(names.iter().map(|name| sets.pod(name, set, json!({})))).await?;
    let held = |members: MemberCounts| usize::try_from(members.gated) == Ok(PODS);
    sets.until_members(set, "holding all", PATIENCE, held).await?;
    let fired = Instant::now();
    sets.set_state(set, TriggerState::Schedule).await?;
    let bound = names.iter().map(|name| sets.until_pod(name, "bound", |pod| node_of(pod).is_some()));
    try_join_all(bound).await?;
    let took = fired.elapsed();
    println!("from the trigger to {PODS} bound pods: {took:?}");
    Ok(took)
}
