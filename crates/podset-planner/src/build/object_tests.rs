//! Plans of large sets, with the longest names that pods and nodes usually have.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use podset_types::ScheduleTrigger;
use serde_json::json;

use super::*;
use crate::validate::validate;

const PODS: usize = 5_000;
/// What etcd stores of one object at most.
const STORED: usize = 3 << 19;

/// A name of 63 characters.
fn name(kind: &str, number: usize) -> String {
    format!("{kind}-{number:0>width$}", width = 62 - kind.len())
}

fn world() -> World {
    let trigger: ScheduleTrigger = serde_json::from_value(json!({
        "apiVersion": "planner.ciena.io/v1alpha1", "kind": "ScheduleTrigger", "spec": {"state": "Schedule"},
        "metadata": {"namespace": "team", "name": "t", "labels": {LABEL_POD_SET: "web"}},
    }))
    .unwrap();
    let pod = |number: usize| {
        let uid = format!("00000000-0000-0000-0000-{number:012}");
        let metadata = json!({"namespace": "team", "name": name("pod", number), "uid": uid});
        let gates = json!([{"name": podset_types::GATE}]);
        let spec = json!({"containers": [], "schedulingGates": gates});
        let pod: Pod = serde_json::from_value(json!({"metadata": metadata, "spec": spec})).unwrap();
        Arc::new(pod)
    };
    let now = "2026-01-01T00:01:00Z".parse().unwrap();
    World { pods: (0..PODS).map(pod).collect(), ..World::without_set(Arc::new(trigger), now) }
}

/// The plan as it is stored, but for a few metadata.
fn stored(entries: &BTreeMap<Uid, Entry>, decision: &Decision) -> SchedulePlan {
    let world = world();
    let set = validate(&world).unwrap();
    let wanted = wanted(&world, &set, &Phase::Scheduling, entries, decision).unwrap();
    let status = plan_status(&wanted, &wanted.plan);
    SchedulePlan { status: Some(status), ..wanted.plan }
}

fn size(plan: &SchedulePlan) -> usize {
    serde_json::to_vec(plan).unwrap().len()
}

#[test]
fn of_five_thousand_pods_without_a_place_a_hundred_are_named() {
    let reason = "x".repeat(2_000);
    let unplaced =
        world().pods.iter().map(|pod| (pod.metadata.uid.clone().unwrap(), reason.clone())).collect();
    let plan = stored(&BTreeMap::new(), &Decision { unplaced, ..Decision::default() });
    let unplaced = &plan.status.as_ref().unwrap().unplaced;
    assert_eq!((unplaced.len(), unplaced[0].pod.clone()), (NAMED, name("pod", 0)));
    assert!(unplaced.is_sorted_by(|one, other| one.pod < other.pod));
    assert!(size(&plan) < 1 << 20, "{} bytes", size(&plan));
}

#[test]
fn a_plan_of_five_thousand_pods_can_be_stored() {
    let released_at = Some(Time("2026-01-01T00:01:00Z".parse().unwrap()));
    let entry = |(number, pod): (usize, &Arc<Pod>)| {
        let (name, node) = (pod.metadata.name.clone().unwrap(), name("node", number));
        let entry = Entry { name, node, nominated_because: None, released_at: released_at.clone() };
        (pod.metadata.uid.clone().unwrap(), entry)
    };
    let entries: BTreeMap<_, _> = world().pods.iter().enumerate().map(entry).collect();
    let plan = stored(&entries, &Decision::default());
    assert_eq!((plan.spec.plan.len(), plan.status.as_ref().unwrap().pods.len()), (PODS, PODS));
    assert!(size(&plan) < STORED, "{} bytes", size(&plan));
}

#[test]
fn of_many_that_run_elsewhere_a_hundred_are_named_and_all_are_counted() {
    let elsewhere = |number: usize| Drift {
        pod: name("pod", number),
        uid: number.to_string(),
        planned: name("node", 1),
        actual: name("node", 2),
    };
    let world = world();
    let set = validate(&world).unwrap();
    let mut wanted =
        wanted(&world, &set, &Phase::Scheduling, &BTreeMap::new(), &Decision::default()).unwrap();
    wanted.drift = (0..PODS).map(elsewhere).collect();
    let status = plan_status(&wanted, &wanted.plan);
    assert_eq!((status.drift.len(), wanted.drifted()), (NAMED, PODS));
    assert!(status.conditions[0].message.contains("and 4999 more"), "{}", status.conditions[0].message);
}
