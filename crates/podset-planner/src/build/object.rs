//! The plan as an object.

use std::collections::{BTreeMap, BTreeSet};

use conditions::{Desired, Status};
use controller_kit::owner_reference;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use pod_planner::Uid;
use podset_types::{
    ConditionType, Drift, LABEL_POD_SET, PlanItem, PlannedPod, Reason, SchedulePlan, SchedulePlanSpec,
    SchedulePlanStatus, UnplacedPod,
};

use super::entries::{Decision, Entry};
use crate::{dereference::World, phase::Phase, validate::PodSet};

/// How many members a plan's status names of those that have no place, and of those that run elsewhere than planned,
/// the first by name: it has to be small enough to be stored.
pub const NAMED: usize = 100;

/// A plan that is to be there.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The plan, without status.
    pub plan: SchedulePlan,
    pods: Vec<PlannedPod>,
    unplaced: Vec<UnplacedPod>,
    drift: Vec<Drift>,
    /// Whether the plan says something that it did not say before.
    is_new: bool,
    /// Whether there is a place in it for somebody who is held.
    is_decision: bool,
    /// The external planner that decided.
    planner: Option<String>,
    now: Timestamp,
}

impl Wanted {
    /// How many members run on another node than planned.
    pub fn drifted(&self) -> usize {
        self.drift.len()
    }
}

/// The plan that is to be there, if anything was decided or could not be.
pub(super) fn wanted(
    world: &World,
    set: &PodSet,
    phase: &Phase,
    entries: &BTreeMap<Uid, Entry>,
    decision: &Decision,
) -> Option<Wanted> {
    if entries.is_empty() && (set.members.is_empty() || *phase != Phase::Scheduling) {
        return None;
    }
    let mut sorted: Vec<_> = entries.iter().collect();
    sorted.sort_by(|(_, one), (_, other)| one.name.cmp(&other.name));
    let planned = |(uid, entry): &(&Uid, &Entry)| PlannedPod {
        pod: entry.name.clone(),
        uid: (*uid).clone(),
        nominated_because: entry.nominated_because.clone(),
        released_at: entry.released_at.clone(),
    };
    let item = |(_, entry): &(&Uid, &Entry)| PlanItem { pod: entry.name.clone(), node: entry.node.clone() };
    let spec = SchedulePlanSpec { plan: sorted.iter().map(item).collect() };
    let pods: Vec<_> = sorted.iter().map(planned).collect();
    Some(Wanted {
        is_new: is_new(world.plan.as_deref(), &spec, &pods),
        is_decision: set.held().any(|member| entries.contains_key(&member.uid)),
        planner: decision.external.as_ref().and_then(|external| external.chosen.clone()),
        plan: SchedulePlan { metadata: metadata(world, set), spec, status: None },
        drift: drift(set, entries),
        pods,
        unplaced: unplaced(set, decision),
        now: world.now,
    })
}

/// The members that have no place, as far as a plan names them.
fn unplaced(set: &PodSet, decision: &Decision) -> Vec<UnplacedPod> {
    // They are sorted by name.
    let unplaced = set.members.iter().filter_map(|member| {
        let reason = decision.unplaced.get(&member.uid)?.clone();
        Some(UnplacedPod { pod: member.name.clone(), reason })
    });
    unplaced.take(NAMED).collect()
}

fn metadata(world: &World, set: &PodSet) -> ObjectMeta {
    ObjectMeta {
        name: Some(set.plan_name.clone()),
        namespace: Some(set.namespace.clone()),
        labels: Some(BTreeMap::from([(LABEL_POD_SET.to_owned(), set.name.clone())])),
        owner_references: Some(vec![owner_reference(&*world.trigger)]),
        ..ObjectMeta::default()
    }
}

/// Whether some pod has a place that it did not have in `plan`. That entries go with their pods is no decision.
fn is_new(plan: Option<&SchedulePlan>, spec: &SchedulePlanSpec, pods: &[PlannedPod]) -> bool {
    let Some((plan, status)) = plan.and_then(|plan| Some((plan, plan.status.as_ref()?))) else { return true };
    let before: BTreeSet<_> = plan.spec.plan.iter().map(|item| (&item.pod, &item.node)).collect();
    let uids: BTreeSet<_> = status.pods.iter().map(|planned| &planned.uid).collect();
    spec.plan.iter().any(|item| !before.contains(&(&item.pod, &item.node)))
        || pods.iter().any(|planned| !uids.contains(&planned.uid))
}

/// The members that run on another node than planned.
fn drift(set: &PodSet, entries: &BTreeMap<Uid, Entry>) -> Vec<Drift> {
    let drifted = set.members.iter().filter_map(|member| {
        let (planned, actual) = (&entries.get(&member.uid)?.node, member.node()?);
        (planned != actual).then(|| Drift {
            pod: member.name.clone(),
            uid: member.uid.clone(),
            planned: planned.clone(),
            actual: actual.clone(),
        })
    });
    drifted.collect()
}

/// The status of `plan`, which is `wanted` as it stands in the cluster.
pub fn plan_status(wanted: &Wanted, plan: &SchedulePlan) -> SchedulePlanStatus {
    let live = plan.status.as_ref();
    let generation = plan.metadata.generation.unwrap_or_default();
    let decided = live.and_then(|status| status.decided_at.clone()).filter(|_| !wanted.is_new);
    let before = live.and_then(|status| status.planner.clone());
    let current = live.map(|status| status.conditions.as_slice()).unwrap_or_default();
    SchedulePlanStatus {
        observed_generation: Some(generation),
        decided_at: Some(decided.unwrap_or_else(|| Time(conditions::whole_seconds(wanted.now)))),
        planner: if wanted.is_new && wanted.is_decision { wanted.planner.clone() } else { before },
        pods: wanted.pods.clone(),
        unplaced: wanted.unplaced.clone(),
        drift: wanted.drift.iter().take(NAMED).cloned().collect(),
        conditions: conditions::reconcile(current, [drifted(&wanted.drift, generation)], wanted.now),
    }
}

fn drifted(drift: &[Drift], generation: i64) -> Desired {
    let (status, reason, message) = match drift {
        [] => (
            Status::False,
            Reason::Succeeded,
            "Every bound pod is on the node that it was planned for.".to_owned(),
        ),
        [first, rest @ ..] => {
            let others = if rest.is_empty() { String::new() } else { format!(", and {} more", rest.len()) };
            let Drift { pod, planned, actual, .. } = first;
            let message = format!(
                "{pod} was planned for {planned} and runs on {actual}{others}: delete a pod to have it planned again."
            );
            (Status::True, Reason::Drifted, message)
        }
    };
    Desired {
        type_: ConditionType::Drifted.to_string(),
        status,
        reason: reason.to_string(),
        message,
        observed_generation: generation,
    }
}

#[cfg(test)]
#[path = "object_tests.rs"]
mod tests;
