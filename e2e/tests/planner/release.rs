//! How pods are let go.

use std::time::{Duration, Instant};

use anyhow::ensure;
use e2e::Result;
use e2e::podsets::{Mode, PodSets, SET, is_held, node_of, pins, with_namespace};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use podset_types::TriggerState;
use serde_json::{Value, json};

/// The scheduler looks again at what it could not place after a minute and more; who is let go must not wait for that.
const LONG_BEFORE_A_RETRY: Duration = Duration::from_secs(30);

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
        sets.nodes(3, 8).await?;
        sets.trigger(SET, json!({"state": "Planning"})).await?;
        let names: Vec<_> = (0..12).map(|number| format!("pod-{number}")).collect();
        sets.create(names.iter().map(|name| sets.pod(name, SET, json!({})))).await?;
        sets.until_held(names.len()).await?;
        let fired = Instant::now();
        sets.set_state(SET, TriggerState::Schedule).await?;
        for name in &names {
            sets.until_pod(name, "bound", |pod| node_of(pod).is_some()).await?;
        }
        let took = fired.elapsed();
        println!("from the trigger to {} bound pods: {took:?}", names.len());
        ensure!(took < LONG_BEFORE_A_RETRY, "it took {took:?}");
        Ok(())
    })
    .await
}
