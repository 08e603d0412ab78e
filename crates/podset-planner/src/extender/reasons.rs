//! Why a pod is held, for the scheduler to tell its users.
//!
//! The sentence stays the same as long as nothing changes: the scheduler writes it into the pod's status, and tries a pod
//! again that was written to. So it says until when, and not for how long.

use std::sync::Arc;

use controller_kit::{Cache, Index, Kit};
use jiff::Timestamp;
use k8s_openapi::{api::core::v1::Pod, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::{ResourceExt as _, runtime::watcher};
use podset_types::{LABEL_POD_SET, SchedulePlan, ScheduleTrigger};

use crate::{
    build::NAMED,
    caches::{by_set, poll},
    dereference::{Sets, World},
    phase::{Hold, Phase, phase},
    pods::set_of,
    validate::validate,
};

/// What the reasons are found in.
pub struct Reasons {
    members: Index<Pod>,
    governing: Index<ScheduleTrigger>,
    plans: Cache<SchedulePlan>,
}

impl Reasons {
    /// Found in these caches.
    pub fn new(pods: &Cache<Pod>, triggers: &Cache<ScheduleTrigger>, plans: Cache<SchedulePlan>) -> Self {
        Self { members: by_set(pods), governing: by_set(triggers), plans }
    }

    /// Watches what there is of sets. The future keeps it current.
    pub fn watch(kit: &Kit) -> (Self, impl Future<Output = ()> + Send + use<>) {
        let of_sets = watcher::Config::default().labels(LABEL_POD_SET);
        let (pods, of_pods) = kit.watch(kit.api(), of_sets, slim);
        let (triggers, of_triggers) = kit.watch(kit.api(), watcher::Config::default(), |_| ());
        let (plans, of_plans) = kit.watch(kit.api(), watcher::Config::default(), |_| ());
        let stop = kit.shutdown.clone();
        let current = async move {
            let (of_pods, of_triggers, of_plans) =
                (Box::pin(of_pods), Box::pin(of_triggers), Box::pin(of_plans));
            tokio::join!(poll(of_pods, &stop), poll(of_triggers, &stop), poll(of_plans, &stop));
        };
        (Self::new(&pods, &triggers, plans), current)
    }

    /// Why the pod with this metadata, which is held, is at the time `now`: the rest of a sentence about it.
    pub fn why(&self, metadata: &ObjectMeta, now: Timestamp) -> String {
        let namespace = metadata.namespace.as_deref().unwrap_or_default();
        let set = metadata.labels.as_ref().and_then(set_of).unwrap_or_default();
        let sets = Sets { members: &self.members, governing: &self.governing, plans: &self.plans };
        let triggers: Vec<Arc<ScheduleTrigger>> = self.governing.get(namespace, set);
        let found = triggers.iter().find_map(|trigger| {
            let world = sets.world(trigger, now);
            let phase = phase(&world, &validate(&world).ok()?);
            Some(format!("trigger {}: {}", trigger.name_any(), because(&world, &phase, metadata)))
        });
        found.unwrap_or_else(|| format!("no ScheduleTrigger has the label {LABEL_POD_SET}: {set}"))
    }
}

fn because(world: &World, phase: &Phase, metadata: &ObjectMeta) -> String {
    match phase {
        Phase::Held(hold) => hold.sentence(quiet_until(hold)),
        Phase::Due | Phase::Scheduling => {
            let status = world.plan.as_ref().and_then(|plan| plan.status.as_ref());
            let mut unplaced = status.iter().flat_map(|status| &status.unplaced);
            match unplaced.find(|left| metadata.name.as_ref() == Some(&left.pod)) {
                Some(left) => format!("no node takes it: {}", left.reason),
                // The plan does not name them all.
                None if status.is_some_and(|status| status.unplaced.len() >= NAMED) => {
                    "no node takes it, or its set is being planned".to_owned()
                }
                None => "its set is being planned".to_owned(),
            }
        }
    }
}

fn quiet_until(hold: &Hold) -> Option<String> {
    hold.until.map(|until| format!("until {}", conditions::whole_seconds(until)))
}

/// Drops what no reason depends on.
fn slim(pod: &mut Pod) {
    pod.spec = None;
    pod.metadata.annotations = None;
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(name: &str, created: &str) -> Pod {
        serde_json::from_value(json!({"metadata": {
            "namespace": "team", "name": name, "uid": name, "creationTimestamp": created,
            "labels": {"planner.ciena.io/pod-set": "web"},
        }}))
        .unwrap()
    }

    fn trigger(name: &str, spec: Value) -> ScheduleTrigger {
        serde_json::from_value(json!({
            "apiVersion": "planner.ciena.io/v1alpha1", "kind": "ScheduleTrigger", "spec": spec,
            "metadata": {
                "namespace": "team", "name": name, "creationTimestamp": "2026-01-01T00:00:00Z",
                "labels": {"planner.ciena.io/pod-set": "web"},
            },
        }))
        .unwrap()
    }

    fn why(triggers: Vec<ScheduleTrigger>, plans: Vec<SchedulePlan>, now: &str) -> String {
        let pods = Cache::from_objects([pod("a", "2026-01-01T00:00:10Z"), pod("b", "2026-01-01T00:00:20Z")]);
        let reasons = Reasons::new(&pods, &Cache::from_objects(triggers), Cache::from_objects(plans));
        reasons.why(&pod("a", "2026-01-01T00:00:10Z").metadata, now.parse().unwrap())
    }

    #[test]
    fn a_pod_of_a_set_that_is_held_is_told_by_whom_and_until_when_in_words_that_stay() {
        let quiet = || vec![trigger("t", json!({"state": "Planning", "quietTime": "1m"}))];
        let expected = "trigger t: quiet until 2026-01-01T00:01:20Z";
        for now in ["2026-01-01T00:00:21Z", "2026-01-01T00:01:19.5Z"] {
            assert_eq!(why(quiet(), vec![], now), expected);
        }
        let by_hand = vec![trigger("t", json!({"state": "Planning"}))];
        assert_eq!(
            why(by_hand, vec![], "2026-01-01T00:01:00Z"),
            "trigger t: until its spec.state is Schedule"
        );
    }

    #[test]
    fn the_trigger_that_governs_is_named_and_that_there_is_none_is_said() {
        let two = ["b", "a"]
            .map(|name| trigger(name, json!({"state": "Planning"})))
            .into_iter()
            .collect::<Vec<_>>();
        assert!(why(two, vec![], "2026-01-01T00:01:00Z").starts_with("trigger a: "));
        assert_eq!(
            why(vec![], vec![], "2026-01-01T00:01:00Z"),
            "no ScheduleTrigger has the label planner.ciena.io/pod-set: web"
        );
    }

    #[test]
    fn a_pod_without_a_place_is_told_why_and_another_that_it_is_being_planned() {
        let plan = |pod: &str| -> SchedulePlan {
            serde_json::from_value(json!({
                "apiVersion": "planner.ciena.io/v1alpha1", "kind": "SchedulePlan", "spec": {"plan": []},
                "metadata": {"namespace": "team", "name": podset_types::plan_name("team", "web")},
                "status": {"unplaced": [{"pod": pod, "reason": "0/3 nodes fit"}]},
            }))
            .unwrap()
        };
        let said = |pod: &str| {
            why(vec![trigger("t", json!({"state": "Schedule"}))], vec![plan(pod)], "2026-01-01T00:01:00Z")
        };
        assert_eq!(said("a"), "trigger t: no node takes it: 0/3 nodes fit");
        assert_eq!(said("b"), "trigger t: its set is being planned");
        let mut long = plan("b");
        let unplaced = &mut long.status.as_mut().unwrap().unplaced;
        *unplaced = vec![unplaced[0].clone(); NAMED];
        let said = why(vec![trigger("t", json!({"state": "Schedule"}))], vec![long], "2026-01-01T00:01:00Z");
        assert_eq!(said, "trigger t: no node takes it, or its set is being planned");
    }
}
