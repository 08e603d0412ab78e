//! What stands in a plan for each member, and what is to stand there. By uid: another pod of the same name is another.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use pod_planner::{NodeName, Uid};
use podset_types::SchedulePlan;

use super::External;
use crate::{
    dereference::World,
    phase::{Phase, after},
    pods::{Stage, is_unschedulable, pinned},
    validate::{Member, PodSet},
};

/// What stands in a plan for a member.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) node: NodeName,
    /// Why it is only nominated.
    pub(super) nominated_because: Option<String>,
    /// When it was first seen released and not bound; known of gangs with a time limit, and of who is refused.
    pub(super) released_at: Option<Time>,
}

/// What the planner found.
#[derive(Debug, Default)]
pub(super) struct Decision {
    /// The uids of all that have a place, in the order in which the scheduler should see them.
    pub(super) order: Vec<Uid>,
    /// Node, and why it is only nominated, by uid.
    pub(super) places: BTreeMap<Uid, (NodeName, Option<String>)>,
    /// Why there is no place, by uid.
    pub(super) unplaced: BTreeMap<Uid, String>,
    /// What came of asking external planners; None if nobody was asked.
    pub(super) external: Option<External>,
}

/// What stands in `plan` for the members of `set`, and for those that have failed.
///
/// Which pods its entries are about stands in the status, which is written after them. Where that has not come about,
/// an entry is about the pod that has the name.
pub(super) fn known(plan: Option<&SchedulePlan>, set: &PodSet) -> BTreeMap<Uid, Entry> {
    let Some(plan) = plan else { return BTreeMap::new() };
    let nodes: BTreeMap<&str, &NodeName> =
        plan.spec.plan.iter().map(|item| (item.pod.as_str(), &item.node)).collect();
    let planned = plan.status.iter().flat_map(|status| &status.pods);
    let planned: BTreeMap<&str, _> = planned.map(|planned| (planned.pod.as_str(), planned)).collect();
    let entries = set.members.iter().chain(&set.failed).filter_map(|member| {
        let planned = planned.get(member.name.as_str());
        if planned.is_some_and(|planned| planned.uid != member.uid) {
            return None;
        }
        let entry = Entry {
            name: member.name.clone(),
            node: (*nodes.get(member.name.as_str())?).clone(),
            nominated_because: planned.and_then(|planned| planned.nominated_because.clone()),
            released_at: planned.and_then(|planned| planned.released_at.clone()),
        };
        Some((member.uid.clone(), entry))
    });
    entries.collect()
}

/// What is to stand in the plan. What was decided for a member that is no longer held is never changed, and stays as long as
/// the pod does.
pub(super) fn entries(
    world: &World,
    set: &PodSet,
    phase: &Phase,
    known: &BTreeMap<Uid, Entry>,
    decision: &Decision,
) -> BTreeMap<Uid, Entry> {
    let scheduling = *phase == Phase::Scheduling;
    let entry = |member: &Member| match &member.stage {
        Stage::Held => {
            let (node, because) = decision.places.get(&member.uid)?.clone();
            let name = member.name.clone();
            Some(Entry { name, node, nominated_because: because, released_at: None })
        }
        Stage::Released | Stage::Bound(_) => {
            let entry = known.get(&member.uid).cloned();
            let entry = entry.or_else(|| scheduling.then(|| fact(member)).flatten())?;
            Some(Entry { released_at: released_at(world, set, member, &entry), ..entry })
        }
    };
    let of_members = set.members.iter().filter_map(|member| Some((member.uid.clone(), entry(member)?)));
    let of_failed = set.failed.iter().filter_map(|pod| known.get_key_value(&pod.uid));
    of_members.chain(of_failed.map(|(uid, entry)| (uid.clone(), entry.clone()))).collect()
}

/// Where a member is, or must go, that was never planned.
fn fact(member: &Member) -> Option<Entry> {
    let node = member.node().cloned().or_else(|| pinned(&member.pod).map(str::to_owned))?;
    Some(Entry { name: member.name.clone(), node, nominated_because: None, released_at: None })
}

/// Whether the scheduler does not let `member` go to the node that it is pinned to.
pub(super) fn is_refused(member: &Member) -> bool {
    member.stage == Stage::Released && pinned(&member.pod).is_some() && is_unschedulable(&member.pod)
}

fn released_at(world: &World, set: &PodSet, member: &Member, entry: &Entry) -> Option<Time> {
    let is_limited = set.settings.gang.is_some_and(|gang| gang.timeout.is_some());
    if !is_limited && !is_refused(member) {
        return None;
    }
    let now = || (member.stage == Stage::Released).then(|| Time(next_second(world.now)));
    entry.released_at.clone().or_else(now)
}

/// `time` in whole seconds, as it is stored, and not before it: a limit that counts from there lasts for as long as it
/// says.
fn next_second(time: Timestamp) -> Timestamp {
    let second = conditions::whole_seconds(time);
    let next = || after(second, Duration::from_secs(1));
    if second < time { next().unwrap_or(second) } else { second }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_counts_from_the_end_of_the_second_in_which_a_pod_was_seen_released() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        for (time, stored) in [
            ("2026-01-01T00:00:01Z", "2026-01-01T00:00:01Z"),
            ("2026-01-01T00:00:01.000000001Z", "2026-01-01T00:00:02Z"),
            ("2026-01-01T00:00:01.9Z", "2026-01-01T00:00:02Z"),
        ] {
            assert_eq!(next_second(at(time)), at(stored), "{time}");
        }
    }
}
