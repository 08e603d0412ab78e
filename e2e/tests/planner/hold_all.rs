//! However many pods come, and whatever they look like, none slips through.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use e2e::podsets::{Mode, PodSets, alone, both, cores, node_of, other_gate};
use e2e::{Result, seed, wait};
use kube::ResourceExt as _;
use podset_types::{GATE, LABEL_POD_SET, MemberCounts, SCHEDULER};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

/// Sets, the last of which nobody governs.
const SETS: [&str; 5] = ["team", "My_Set", "a.b", "default", "nobody"];
const NODES: usize = 20;
/// Every so many pods one of no set, which the scheduler is to bind.
const BESIDE: usize = 100;
/// To notice as many pods and say why each waits. Ten thousand (`E2E_PODS=10000`) take minutes on two cores, most of them
/// to be created and deleted, and show no more.
const WITHIN: Duration = Duration::from_secs(300);

#[tokio::test]
async fn of_thousands_of_random_pods_none_is_bound_while_the_triggers_of_their_sets_are_planning() -> Result {
    let count: usize = std::env::var("E2E_PODS").unwrap_or_else(|_| "2000".to_owned()).parse()?;
    let mut random = StdRng::seed_from_u64(seed::seed()?);
    alone("hold-all", async |sets: PodSets| {
        sets.nodes(NODES, 100_000).await?;
        let governed = &SETS[..SETS.len() - 1];
        for set in governed {
            sets.trigger(set, json!({"state": "Planning"})).await?;
        }
        let pods: Vec<Value> = (0..count).map(|number| random_pod(&sets, number, &mut random)).collect();
        let of_set =
            |set: &str| pods.iter().filter(|pod| pod["metadata"]["labels"][LABEL_POD_SET] == set).count();
        let expected: Vec<_> = governed.iter().map(|set| (*set, of_set(set))).collect();
        let beside: Vec<_> = (0..count).step_by(BESIDE).map(|number| format!("pod-{number}")).collect();
        sets.create(pods).await?;
        for name in &beside {
            sets.until_pod(name, "bound", |pod| node_of(pod).is_some()).await?;
        }
        for (set, count) in expected {
            let trigger = set.to_lowercase().replace('_', "-");
            let all = i32::try_from(count).context("few pods")?;
            let held = |members: MemberCounts| members.gated == all && members.total == all;
            sets.until_members(&trigger, &format!("holding {count} pods"), WITHIN, held).await?;
        }
        let seen = wait::eventually("every pod is seen", WITHIN, async || {
            let versions = sets.pods.versions()?;
            let names: BTreeSet<_> = versions.iter().map(|pod| pod.name_any()).collect();
            Ok((names.len() == count).then_some(versions))
        });
        for pod in seen.await? {
            let slipped = pod.labels().contains_key(LABEL_POD_SET) && node_of(&pod).is_some();
            ensure!(!slipped, "{} is bound", pod.name_any());
        }
        Ok(())
    })
    .await
}

/// A pod that differs from others in everything that the scheduler looks at.
fn random_pod(sets: &PodSets, number: usize, random: &mut StdRng) -> Value {
    let name = format!("pod-{number}");
    if number.is_multiple_of(BESIDE) {
        return sets.pod(&name, "", json!({}));
    }
    let set = SETS[random.random_range(0..SETS.len())];
    let mut spec = cores(random.random_range(0..4));
    let node = format!("{}-{}", sets.namespace, random.random_range(1..=NODES));
    let schedulers: &[&str] = match sets.mode {
        Mode::Gates => &["default-scheduler", SCHEDULER],
        Mode::Extender => &[SCHEDULER],
    };
    let scheduler = schedulers[random.random_range(0..schedulers.len())];
    let host =
        json!({"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}]});
    let required = json!({"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [host]}});
    let changes = [
        json!({"schedulerName": scheduler}),
        json!({"nodeSelector": {"kubernetes.io/hostname": node}}),
        json!({"affinity": {"nodeAffinity": required}}),
        json!({"restartPolicy": "Never"}),
        json!({"schedulingGates": [{"name": GATE}]}),
        other_gate(),
    ];
    for change in changes {
        if random.random_bool(0.3) {
            spec = both(spec, change);
        }
    }
    sets.pod(&name, set, spec)
}
