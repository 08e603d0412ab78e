//! Members that were released by a ticket to a scheduler that does not look at them, because it is down, or was never
//! there.
//!
//! They are named and nothing else: a scheduler that is down for a while is no reason to delete pods.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use pod_planner::Uid;

use crate::{phase::after, pods::is_untried, validate::PodSet};

/// How long a scheduler may take for its first look: it has as many pods before it as were released with this one.
const PATIENCE: Duration = Duration::from_secs(60);

/// Since when each is known to be untried, by namespace and name of the set. Lost when the process ends, which costs
/// the time that was waited for.
#[derive(Debug, Default)]
pub struct Untried(Mutex<HashMap<(String, String), BTreeMap<Uid, Timestamp>>>);

impl Untried {
    /// The names of the members of `set` that have been untried for long at the time `now`, and when the next ones will
    /// have been.
    pub fn look(&self, set: &PodSet, now: Timestamp) -> (Vec<String>, Option<Timestamp>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (set.namespace.clone(), set.name.clone());
        let before = known.remove(&key).unwrap_or_default();
        let (mut late, mut next, mut untried) = (Vec::new(), None, BTreeMap::new());
        for member in set.on_their_way().filter(|member| is_untried(&member.pod)) {
            let since = before.get(&member.uid).copied().unwrap_or(now);
            match after(since, PATIENCE) {
                Some(until) if until <= now => late.push(member.name.clone()),
                until => next = next.into_iter().chain(until).min(),
            }
            untried.insert(member.uid.clone(), since);
        }
        if !untried.is_empty() {
            known.insert(key, untried);
        }
        (late, next)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use k8s_openapi::api::core::v1::Pod;
    use podset_types::{ANNOTATION_TICKET, LABEL_POD_SET, SCHEDULER, ScheduleTrigger};
    use serde_json::{Value, json};

    use super::*;
    use crate::{dereference::World, validate::validate};

    /// A set of pods that were released by tickets, each with this condition if there is any.
    fn set(pods: &[(&str, Option<Value>)]) -> PodSet {
        let trigger: ScheduleTrigger = serde_json::from_value(json!({
            "apiVersion": "planner.ciena.io/v1alpha1", "kind": "ScheduleTrigger", "spec": {"state": "Schedule"},
            "metadata": {"name": "t", "labels": {LABEL_POD_SET: "web"}},
        }))
        .unwrap();
        let pod = |(name, condition): &(&str, Option<Value>)| {
            let ticket = json!({"uid": name, "node": "n1", "enforcement": "Pin"}).to_string();
            let labels = json!({LABEL_POD_SET: "web"});
            let metadata = json!({
                "name": name, "uid": name, "labels": labels, "annotations": {ANNOTATION_TICKET: ticket},
            });
            let spec = json!({"containers": [], "schedulerName": SCHEDULER});
            let status = json!({"conditions": condition.iter().collect::<Vec<_>>()});
            let pod = json!({"metadata": metadata, "spec": spec, "status": status});
            Arc::new(serde_json::from_value::<Pod>(pod).unwrap())
        };
        let world = World::without_set(Arc::new(trigger), Timestamp::UNIX_EPOCH);
        validate(&World { pods: pods.iter().map(pod).collect(), ..world }).unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn who_is_released_to_nobody_is_named_after_a_minute_and_until_somebody_looks() {
        let untried = Untried::default();
        let none = Vec::<String>::new();
        assert_eq!(untried.look(&set(&[("a", None)]), at(100)), (none.clone(), Some(at(160))));
        assert_eq!(untried.look(&set(&[("a", None), ("b", None)]), at(130)), (none.clone(), Some(at(160))));
        let late = untried.look(&set(&[("a", None), ("b", None)]), at(160));
        assert_eq!(late, (vec!["a".to_owned()], Some(at(190))));
        let refused = json!({"type": "PodScheduled", "status": "False", "reason": "Unschedulable"});
        let seen = untried.look(&set(&[("a", Some(refused)), ("b", None)]), at(170));
        assert_eq!(seen, (none.clone(), Some(at(190))));
        assert_eq!(untried.look(&set(&[("a", None)]), at(300)), (none, Some(at(360))), "since it was seen");
    }
}
