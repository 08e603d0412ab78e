//! Step 4: decides who goes where, and what is to be written for it. Pure.

mod choose;
mod entries;
mod object;
pub mod patch;
mod refused;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use pod_planner::{Cluster, NodeName, Options, Plan, Problem, Uid, judge, plan};
use podset_types::SchedulePlan;

pub use self::{
    choose::External,
    object::{NAMED, Wanted, plan_status},
    refused::Refused,
};
use self::{
    choose::{choose, decision},
    entries::{Decision, Entry, entries, known},
    refused::refused,
};
use crate::{
    dereference::World,
    phase::{Phase, after},
    pods::{
        awaited, has_other_gates, is_owned, is_replaceable, is_reservable, is_unschedulable, nominated,
        pinned, priority,
    },
    rejected::Rejected,
    validate::{Member, PodSet},
};

/// How long a pod is left that the scheduler refuses and nominates: those that it evicts for it do not go at once.
const EVICTION: Duration = Duration::from_secs(10);

/// What is to be written for a set, in this order.
#[derive(Debug, Default)]
pub struct Intent {
    /// The plan; None if there is to be none.
    pub plan: Option<Wanted>,
    /// Reservations that are to be given back.
    pub withdraw: Vec<Arc<Pod>>,
    /// The members that get room reserved, and where.
    pub reserve: Vec<(Arc<Pod>, NodeName)>,
    /// The members that are to be released, in the order in which the scheduler should see them.
    pub release: Vec<Release>,
    /// The members that are to be deleted, so that their controllers make others.
    pub recycle: Vec<Arc<Pod>>,
    /// The members that would be, if anybody made others: their names.
    pub stranded: Vec<String>,
    /// The members that the scheduler does not let go where they are pinned to, for reasons that are not known here.
    pub refused: Vec<Refused>,
    /// The members that have no place, by uid: why.
    pub unplaced: BTreeMap<Uid, String>,
    /// What came of asking external planners; None if nobody was asked.
    pub external: Option<External>,
    /// When to look again although nothing changes.
    pub wake: Option<Timestamp>,
    /// What of all this the API server refuses; known once it was written.
    pub rejected: Vec<Rejected>,
    /// The members that no scheduler has tried for long since they were released by a ticket: their names. Known once
    /// the driver has looked.
    pub untried: Vec<String>,
}

impl Intent {
    /// Keeps those members of `set` from being released for whom the API server refuses to have room reserved; of a
    /// gang everybody then.
    pub fn hold_back(&mut self, set: &PodSet, rejected: &[Rejected]) {
        let refused: BTreeSet<&Uid> = rejected.iter().map(|rejected| &rejected.uid).collect();
        let all = self.release.len();
        self.release.retain(|release| !refused.contains(&release.uid));
        if set.settings.gang.is_some() && self.release.len() < all {
            self.release.clear();
        }
    }
}

/// A member that is to be released.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Its uid.
    pub uid: Uid,
    /// Its node.
    pub node: NodeName,
    /// Whether it is to be pinned to the node.
    pub pin: bool,
}

/// Whether somebody has to be found a place: a member that is held, or one whose place may be gone. Else what is
/// planned stays as it is, and nothing has to be computed.
pub fn needs_survey(world: &World, set: &PodSet, phase: &Phase) -> bool {
    *phase == Phase::Scheduling
        && (set.held().next().is_some() || set.on_their_way().any(|member| is_suspect(world, member)))
}

/// Decides for `set`. `cluster` is there if it [needs](needs_survey) to be.
pub fn build(world: &World, set: &PodSet, phase: &Phase, cluster: Option<&Cluster>) -> Intent {
    let known = known(world.plan.as_deref(), set);
    let decision = match (phase, cluster) {
        (Phase::Scheduling, Some(cluster)) => decide(world, set, cluster),
        _ => Decision::default(),
    };
    let entries = entries(world, set, phase, &known, &decision);
    let (recycle, stranded) = lost_members(world, set, &entries, &decision);
    let (refused, look_again) = refused(world, set, &entries, &decision);
    let held = || set.held().map(|member| (member, entries.get(&member.uid)));
    let pins = |entry: &Entry| set.settings.pin && entry.nominated_because.is_none();
    let reserve = held().filter_map(|(member, entry)| {
        let (pod, entry) = (&member.pod, entry?);
        let is_due = lacks_reservation(set, pod, &entry.node, pins(entry));
        is_due.then(|| (pod.clone(), entry.node.clone()))
    });
    let withdraw = held().filter(|(member, entry)| entry.is_none() && nominated(&member.pod).is_some());
    let holders: BTreeSet<&Uid> = set.held().map(|member| &member.uid).collect();
    let release = decision.order.iter().filter(|uid| holders.contains(uid)).filter_map(|uid| {
        let entry = entries.get(uid)?;
        Some(Release { uid: uid.clone(), node: entry.node.clone(), pin: pins(entry) })
    });
    Intent {
        reserve: reserve.collect(),
        withdraw: withdraw.map(|(member, _)| member.pod.clone()).collect(),
        release: release.collect(),
        recycle: recycle.into_iter().map(|member| member.pod.clone()).collect(),
        stranded: stranded.into_iter().map(|member| member.name.clone()).collect(),
        wake: next_limit(world, set, &entries).into_iter().chain(look_again).min(),
        refused,
        plan: object::wanted(world, set, phase, &entries, &decision),
        unplaced: decision.unplaced,
        external: decision.external,
        ..Intent::default()
    }
}

/// Who goes where: as we would have it, or as an external planner would. Of a gang that is not complete nobody goes
/// anywhere.
fn decide(world: &World, set: &PodSet, cluster: &Cluster) -> Decision {
    let own = proposal(set, cluster, world.plan.as_deref());
    let decision = match &world.consulted {
        Some(consulted) => choose(world, set, cluster, own, consulted),
        None => decision(own, None),
    };
    let complete = decision.unplaced.is_empty() && set.members.len() >= set.settings.min_members;
    if set.settings.gang.is_some() && !complete {
        return Decision { unplaced: decision.unplaced, external: decision.external, ..Decision::default() };
    }
    decision
}

/// Where the members of `set`, whose plan so far is `plan_so_far`, go by our own planner.
pub fn proposal(set: &PodSet, cluster: &Cluster, plan_so_far: Option<&SchedulePlan>) -> Plan {
    let members: Vec<&Pod> = set.members.iter().map(|member| &*member.pod).collect();
    let previous = known(plan_so_far, set).into_iter().map(|(uid, entry)| (uid, entry.node)).collect();
    let options = Options { strategy: set.settings.strategy, seed: seed(set), ..Options::default() };
    plan(cluster, &members, &previous, &options)
}

/// The same for the same set, and another for another, so that not all begin with the same node.
fn seed(set: &PodSet) -> u64 {
    let bytes = set.namespace.bytes().chain([b'/']).chain(set.name.bytes());
    bytes.fold(0, |seed: u64, byte| seed.wrapping_mul(31).wrapping_add(u64::from(byte)))
}

/// Whether `member`, which is on its way to its node, may never get there.
fn is_suspect(world: &World, member: &Member) -> bool {
    pinned(&member.pod).is_some_and(|node| world.lost.contains(node) || is_unschedulable(&member.pod))
}

/// The members that were released to a node which cannot take them, or have been on their way for too long: those that
/// somebody makes anew, and the others.
fn lost_members<'a>(
    world: &World,
    set: &'a PodSet,
    entries: &BTreeMap<Uid, Entry>,
    decision: &Decision,
) -> (Vec<&'a Member>, Vec<&'a Member>) {
    let lost = set.on_their_way().filter(|member| {
        is_lost(world, set, entries, decision, member)
            && !is_made_room_for(world, member)
            && left_until(world, entries, member).is_none()
    });
    lost.partition(|member| is_owned(&member.pod))
}

fn is_lost(
    world: &World,
    set: &PodSet,
    entries: &BTreeMap<Uid, Entry>,
    decision: &Decision,
    member: &Member,
) -> bool {
    let nowhere = is_suspect(world, member) && decision.unplaced.contains_key(&member.uid);
    let late = limit(set, entries, member).is_some_and(|limit| limit <= world.now);
    nowhere || late
}

/// Whether the scheduler has evicted pods of lower priority for `member`, and they are going.
fn is_made_room_for(world: &World, member: &Member) -> bool {
    let lowest = awaited(&member.pod).and_then(|node| world.making_room.get(node));
    lowest.is_some_and(|lowest| *lowest < priority(&member.pod))
}

/// Until when `member`, which the scheduler refuses, is left because it is nominated all the same: the scheduler writes
/// the nomination before those are going that it evicts for it.
fn left_until(world: &World, entries: &BTreeMap<Uid, Entry>, member: &Member) -> Option<Timestamp> {
    let node = awaited(&member.pod)?;
    if world.lost.contains(node) || !world.nominated.contains(&member.uid) {
        return None;
    }
    let refused_at = entries.get(&member.uid)?.released_at.as_ref()?;
    after(refused_at.0, EVICTION).filter(|until| *until > world.now)
}

/// When `member` of a gang has been on its way for too long.
fn limit(set: &PodSet, entries: &BTreeMap<Uid, Entry>, member: &Member) -> Option<Timestamp> {
    let timeout = set.settings.gang?.timeout?;
    after(entries.get(&member.uid)?.released_at.as_ref()?.0, timeout)
}

/// When the next member may be taken back that is left for now.
fn next_limit(world: &World, set: &PodSet, entries: &BTreeMap<Uid, Entry>) -> Option<Timestamp> {
    let limits = set.on_their_way().flat_map(|member| {
        let limit = limit(set, entries, member).filter(|limit| *limit > world.now);
        limit.into_iter().chain(left_until(world, entries, member))
    });
    limits.min()
}

/// Whether room is reserved for every member before it is released. Else nobody else may plan until it is.
pub fn reserves_all(set: &PodSet) -> bool {
    set.held().all(|member| reserves(set, &member.pod, set.settings.pin))
}

/// Whether room is reserved for `pod` before it is released, pinned if `pin` is said. Who goes by itself, and at once,
/// takes its room by the very write that releases it. But of a gang nobody goes before all can; who is not pinned has
/// nothing but the reservation to guide it; whom others hold does not go yet; and who loses its room in between is
/// lost, if nobody makes another at no cost.
fn reserves(set: &PodSet, pod: &Pod, pin: bool) -> bool {
    let is_at_risk = set.settings.gang.is_some() || !pin || has_other_gates(pod) || !is_replaceable(pod);
    is_reservable(pod) && is_at_risk
}

/// Whether room is still to be reserved for `pod` on `node`, or what was reserved elsewhere is to be moved there.
fn lacks_reservation(set: &PodSet, pod: &Pod, node: &str, pin: bool) -> bool {
    match nominated(pod) {
        Some(reserved) => is_reservable(pod) && reserved != node,
        None => reserves(set, pod, pin),
    }
}

/// Those of `releases` that still hold, now that the room is reserved and the set is as it is in `set`. Of a gang all or
/// none. `unplaced` are the members for which there is no place.
pub fn recheck(
    set: &PodSet,
    cluster: &Cluster,
    unplaced: &BTreeSet<Uid>,
    releases: Vec<Release>,
) -> Vec<(Arc<Pod>, Release)> {
    let held: BTreeMap<&Uid, &Member> = set.held().map(|member| (&member.uid, member)).collect();
    let members: Vec<&Pod> = set.members.iter().map(|member| &*member.pod).collect();
    // Those that were released before take their room, and others may have to be near them; what is wrong about them is not
    // for a release to mend.
    let settled = set.on_their_way().filter(|member| !unplaced.contains(&member.uid)).filter_map(|member| {
        let node = pinned(&member.pod).or_else(|| nominated(&member.pod))?;
        Some((member.uid.clone(), node.to_owned()))
    });
    let released = releases.iter().map(|release| (release.uid.clone(), release.node.clone()));
    let assignment = settled.chain(released).collect();
    let problems = judge(cluster, &members, &assignment, set.settings.strategy).problems;
    let refused: BTreeSet<&Uid> = problems.iter().map(about).collect();
    let all = releases.len();
    let good = releases.into_iter().filter(|release| !refused.contains(&release.uid)).filter_map(|release| {
        let pod = &held.get(&release.uid)?.pod;
        let is_ready = !lacks_reservation(set, pod, &release.node, release.pin);
        is_ready.then(|| (pod.clone(), release))
    });
    let good: Vec<_> = good.collect();
    if set.settings.gang.is_some() && good.len() < all { Vec::new() } else { good }
}

fn about(problem: &Problem) -> &Uid {
    match problem {
        Problem::UnknownPod(uid) => uid,
        Problem::UnknownNode { pod, .. }
        | Problem::AlreadyBound { pod, .. }
        | Problem::DoesNotFit { pod, .. } => &pod.uid,
    }
}

#[cfg(test)]
#[path = "build_tests.rs"]
mod tests;
