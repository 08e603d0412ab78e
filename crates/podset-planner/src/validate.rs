//! Step 2: finds the set that a trigger governs, and what is asked for it. Pure.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use pod_planner::{NodeName, Uid};
use podset_types::{
    Atomicity, Enforcement, LABEL_QUIET_TIME, MalformedDuration, ScheduleTrigger, Strategy, TriggerState,
    parse_duration, plan_name,
};

use crate::{
    dereference::World,
    pods::{End, Stage, created, end, is_leaving, node_of, set_of, stage},
};

/// A set and what is asked for it.
#[derive(Clone, Debug)]
pub struct PodSet {
    /// The namespace of all of it.
    pub namespace: String,
    /// The value of the label.
    pub name: String,
    /// The name of its plan.
    pub plan_name: String,
    /// The pods that count, sorted by name. One that has done its work still does, where it did it.
    pub members: Vec<Member>,
    /// The pods that have failed where they were bound, sorted by name: nothing is asked of them, but what was planned for
    /// them stays known.
    pub failed: Vec<Member>,
    /// What is asked for.
    pub settings: Settings,
}

/// A pod that counts.
#[derive(Clone, Debug)]
pub struct Member {
    /// The pod.
    pub pod: Arc<Pod>,
    /// Its uid.
    pub uid: Uid,
    /// Its name.
    pub name: String,
    /// How far it is.
    pub stage: Stage,
}

/// What a trigger asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Whether the set is held.
    pub state: TriggerState,
    /// When it is scheduled by itself; what cannot be read, as a sentence for users.
    pub automatic: Result<Automatic, String>,
    /// How many members there must be.
    pub min_members: usize,
    /// None of a set whose members are released one by one.
    pub gang: Option<Gang>,
    /// How members are distributed over nodes.
    pub strategy: pod_planner::Strategy,
    /// Whether members are pinned to their nodes.
    pub pin: bool,
}

/// When a set is scheduled by itself: never if both are absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Automatic {
    /// How long no pod may have joined.
    pub quiet: Option<Duration>,
    /// How long at most.
    pub max_wait: Option<Duration>,
}

/// What a gang is held to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gang {
    /// How long a member may be released without being bound.
    pub timeout: Option<Duration>,
}

/// Why a trigger governs no set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It names none.
    NoPodSet,
    /// This older one governs it.
    Conflict(String),
}

/// The set that the trigger of `world` governs.
///
/// # Errors
/// If it governs none.
pub fn validate(world: &World) -> Result<PodSet, Refusal> {
    let trigger = &*world.trigger;
    let name = set_of(trigger.labels()).ok_or(Refusal::NoPodSet)?.to_owned();
    if let Some(winner) =
        world.others.iter().filter(|other| comes_first(other, trigger)).min_by_key(|other| age(other))
    {
        return Err(Refusal::Conflict(winner.name_any()));
    }
    let namespace = trigger.namespace().unwrap_or_default();
    let there = world.pods.iter().filter(|pod| !is_leaving(pod));
    // What has ended without a node was never anywhere.
    let there = there.filter(|pod| end(pod).is_none() || node_of(pod).is_some());
    let (failed, members): (Vec<_>, Vec<_>) = there.partition(|pod| end(pod) == Some(End::Failed));
    Ok(PodSet {
        plan_name: plan_name(&namespace, &name),
        namespace,
        name,
        members: members.into_iter().map(member).collect(),
        failed: failed.into_iter().map(member).collect(),
        settings: settings(trigger),
    })
}

fn member(pod: &Arc<Pod>) -> Member {
    Member { uid: pod.uid().unwrap_or_default(), name: pod.name_any(), stage: stage(pod), pod: pod.clone() }
}

/// Whether `other` governs the set instead of `trigger`: the oldest that is not being deleted does, and of several of
/// one age that with the first name.
fn comes_first(other: &ScheduleTrigger, trigger: &ScheduleTrigger) -> bool {
    other.metadata.deletion_timestamp.is_none() && age(other) < age(trigger)
}

fn age(trigger: &ScheduleTrigger) -> (Option<Timestamp>, String) {
    (trigger.metadata.creation_timestamp.as_ref().map(|time| time.0), trigger.name_any())
}

fn settings(trigger: &ScheduleTrigger) -> Settings {
    let spec = &trigger.spec;
    let timeout = spec.gang_timeout.as_deref().map(|text| limit("spec.gangTimeout", text)).transpose();
    let automatic = automatic(trigger);
    Settings {
        state: spec.state,
        // A limit that cannot be read is none, and the sentence says so.
        automatic: automatic.and_then(|automatic| timeout.as_ref().map(|_| automatic).map_err(Clone::clone)),
        min_members: spec.min_members.and_then(|least| usize::try_from(least).ok()).unwrap_or_default(),
        gang: (spec.atomicity == Some(Atomicity::Gang))
            .then(|| Gang { timeout: timeout.unwrap_or_default() }),
        strategy: match spec.strategy.unwrap_or_default() {
            Strategy::Spread => pod_planner::Strategy::Spread,
            Strategy::Pack => pod_planner::Strategy::Pack,
        },
        pin: spec.enforcement.unwrap_or_default() == Enforcement::Pin,
    }
}

fn automatic(trigger: &ScheduleTrigger) -> Result<Automatic, String> {
    let label = trigger.labels().get(LABEL_QUIET_TIME).filter(|text| !text.is_empty());
    let quiet = match (trigger.spec.quiet_time.as_deref(), label) {
        (Some(text), _) => Some(read("spec.quietTime", text)?),
        (None, Some(text)) => Some(read(&format!("the label {LABEL_QUIET_TIME}"), text)?),
        (None, None) => None,
    };
    let max_wait = trigger.spec.max_wait.as_deref().map(|text| read("spec.maxWait", text)).transpose()?;
    Ok(Automatic { quiet, max_wait })
}

fn read(place: &str, text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|error: MalformedDuration| format!("{place}: {error}"))
}

/// As [`read`], of the time in which a pod has to be bound.
fn limit(place: &str, text: &str) -> Result<Duration, String> {
    match read(place, text)? {
        Duration::ZERO => Err(format!(
            "{place}: no pod is bound within `{text}`: write a longer time, or leave it out for no limit"
        )),
        limit => Ok(limit),
    }
}

impl PodSet {
    /// The members that are held.
    pub fn held(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| member.stage == Stage::Held)
    }

    /// The members that are released and not bound.
    pub fn on_their_way(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| member.stage == Stage::Released)
    }

    /// When the newest member was created.
    pub fn newest(&self) -> Option<Timestamp> {
        self.members.iter().filter_map(|member| created(&member.pod)).max()
    }
}

impl Member {
    /// The node that it is bound to.
    pub fn node(&self) -> Option<&NodeName> {
        match &self.stage {
            Stage::Bound(node) => Some(node),
            Stage::Held | Stage::Released => None,
        }
    }
}

#[cfg(test)]
#[path = "validate_tests.rs"]
mod tests;
