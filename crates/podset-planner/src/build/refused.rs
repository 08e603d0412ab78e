//! Members that the scheduler refuses although they fit by all that is known here: somebody has to be told. Pure.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use pod_planner::{NodeName, Uid};

use super::{
    entries::{Decision, Entry, is_refused},
    is_lost, is_made_room_for,
};
use crate::{
    dereference::World,
    phase::after,
    pods::{pinned, refusal},
    validate::{Member, PodSet},
};

/// How long a member may be refused before that is told: what is in its way may be about to go.
const PATIENCE: Duration = Duration::from_secs(30);

/// A member that the scheduler does not let go where it is pinned to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Its name.
    pub name: String,
    /// The node.
    pub node: NodeName,
    /// What the scheduler says.
    pub why: String,
}

/// The members that have been refused for long and are not taken back, and when the next ones will have been.
///
/// It counts since when that is known here: the time in the pod's condition is that of its creation, when a gate held it.
pub(super) fn refused(
    world: &World,
    set: &PodSet,
    entries: &BTreeMap<Uid, Entry>,
    decision: &Decision,
) -> (Vec<Refused>, Option<Timestamp>) {
    let (mut refused, mut next) = (Vec::new(), None);
    let is_left =
        |member: &Member| !is_lost(world, set, entries, decision, member) && !is_made_room_for(world, member);
    for member in set.on_their_way().filter(|member| is_refused(member) && is_left(member)) {
        let since = entries.get(&member.uid).and_then(|entry| entry.released_at.as_ref());
        match since.and_then(|since| after(since.0, PATIENCE)) {
            Some(until) if until <= world.now => refused.extend(of(member)),
            Some(until) => next = next.into_iter().chain([until]).min(),
            None => {}
        }
    }
    (refused, next)
}

fn of(member: &Member) -> Option<Refused> {
    let why = refusal(&member.pod)?.message.clone().unwrap_or_default();
    Some(Refused { name: member.name.clone(), node: pinned(&member.pod)?.to_owned(), why })
}
