//! Step 6: what to say of a set in its trigger. Pure.

use std::collections::BTreeSet;

use conditions::{Desired, Status};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use podset_types::{
    ConditionType, LABEL_QUIET_TIME, MemberCounts, PlanRef, Reason, SCHEDULER, ScheduleTriggerStatus,
};

use crate::{
    build::{Intent, NAMED},
    dereference::World,
    phase::{Hold, Phase, Why},
    pods::Stage,
    validate::{PodSet, Refusal},
};

/// What a condition says, but for its type.
struct Said(Status, Reason, String);

fn yes(message: &str) -> Said {
    Said(Status::True, Reason::Succeeded, message.to_owned())
}

fn no(reason: Reason, message: impl Into<String>) -> Said {
    Said(Status::False, reason, message.into())
}

/// The status of a trigger that governs no set.
pub fn refused(world: &World, refusal: &Refusal) -> ScheduleTriggerStatus {
    let (reason, message) = match refusal {
        Refusal::NoPodSet => (
            Reason::NoPodSet,
            "The trigger governs nothing: give it the label planner.ciena.io/pod-set with the name of a pod set.".to_owned(),
        ),
        Refusal::Conflict(winner) => (
            Reason::Conflict,
            format!("The older trigger {winner} governs this pod set: delete one of the two, or give it another set."),
        ),
    };
    let mut said = vec![(ConditionType::Ready, no(reason, message.clone()))];
    if reason == Reason::Conflict {
        said.push((ConditionType::Conflict, Said(Status::True, reason, message.clone())));
    }
    said.push((ConditionType::Degraded, Said(Status::True, reason, message)));
    status(world, said)
}

/// The status of the trigger of `set`, which is as it stands after the writes of `intent`.
pub fn compute(world: &World, set: &PodSet, phase: &Phase, intent: &Intent) -> ScheduleTriggerStatus {
    let degraded = degraded(set, phase, intent);
    let parts = [planned(set, phase, intent), released(set, phase, intent), scheduled(set)];
    let ready = ready(&parts, &degraded);
    let [planned, released, scheduled] = parts;
    let mut said = vec![
        (ConditionType::Ready, ready),
        (ConditionType::Planned, planned),
        (ConditionType::Released, released),
        (ConditionType::Scheduled, scheduled),
        (ConditionType::Degraded, degraded),
    ];
    said.extend(external_planners(world, intent).map(|answers| (ConditionType::ExternalPlanners, answers)));
    let hold = match phase {
        Phase::Held(hold) => Some(hold),
        Phase::Due | Phase::Scheduling => None,
    };
    let time = |time: Timestamp| Time(conditions::whole_seconds(time));
    ScheduleTriggerStatus {
        planning_since: hold.map(|hold| time(hold.since)),
        last_member_at: set.newest().map(time),
        quiet_until: hold.and_then(|hold| hold.until).map(time),
        plan_ref: intent.plan.as_ref().map(|_| PlanRef { name: set.plan_name.clone() }),
        members: Some(counts(set, intent)),
        ..status(world, said)
    }
}

fn status(world: &World, said: Vec<(ConditionType, Said)>) -> ScheduleTriggerStatus {
    let generation = world.trigger.metadata.generation.unwrap_or_default();
    let current = world.trigger.status.as_ref().map(|status| status.conditions.as_slice());
    let desired = said.into_iter().map(|(type_, Said(status, reason, message))| Desired {
        type_: type_.to_string(),
        status,
        reason: reason.to_string(),
        message,
        observed_generation: generation,
    });
    ScheduleTriggerStatus {
        observed_generation: Some(generation),
        conditions: conditions::reconcile(current.unwrap_or_default(), desired, world.now),
        ..ScheduleTriggerStatus::default()
    }
}

fn counts(set: &PodSet, intent: &Intent) -> MemberCounts {
    let count = |wanted: fn(&Stage) -> bool| {
        number(set.members.iter().filter(|member| wanted(&member.stage)).count())
    };
    let bound = count(|stage| matches!(stage, Stage::Bound(_)));
    let failed: BTreeSet<_> = set.failed.iter().map(|pod| &pod.name).collect();
    let entries = intent.plan.iter().flat_map(|wanted| &wanted.plan.spec.plan);
    let planned = entries.filter(|item| !failed.contains(&item.pod)).count();
    MemberCounts {
        total: number(set.members.len()),
        gated: count(|stage| *stage == Stage::Held),
        planned: number(planned),
        released: count(|stage| *stage == Stage::Released) + bound,
        bound,
    }
}

fn number(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

fn planned(set: &PodSet, phase: &Phase, intent: &Intent) -> Said {
    match phase {
        Phase::Held(hold) if !is_planned(set, intent) => on_hold(hold),
        _ if set.members.is_empty() => no(Reason::NoMembers, "No pod has the label of this set."),
        _ if !intent.unplaced.is_empty() => no(unplaced_reason(set), unplaced(set, intent)),
        _ if waits_for_members(set) => too_few(set),
        _ => yes("Every member has a place in the plan."),
    }
}

/// Whether all members that there are stand in the plan: while the set is held nobody is planned, but some may have
/// been.
fn is_planned(set: &PodSet, intent: &Intent) -> bool {
    let entries = intent.plan.iter().flat_map(|wanted| &wanted.plan.spec.plan);
    let planned: BTreeSet<_> = entries.map(|item| &item.pod).collect();
    !set.members.is_empty() && set.members.iter().all(|member| planned.contains(&member.name))
}

fn released(set: &PodSet, phase: &Phase, intent: &Intent) -> Said {
    let held = set.held().count();
    match phase {
        Phase::Held(hold) if held > 0 || set.members.is_empty() => on_hold(hold),
        _ if set.members.is_empty() => no(Reason::NoMembers, "No pod has the label of this set."),
        _ if held == 0 => yes("No member is held."),
        _ if !intent.unplaced.is_empty() => no(unplaced_reason(set), unplaced(set, intent)),
        _ if waits_for_members(set) => too_few(set),
        _ => no(Reason::Binding, format!("{held} members are about to be released.")),
    }
}

fn scheduled(set: &PodSet) -> Said {
    let waiting = set.members.iter().filter(|member| member.node().is_none()).count();
    match (set.members.len(), waiting) {
        (0, _) => no(Reason::NoMembers, "No pod has the label of this set."),
        (_, 0) => yes("Every member is bound to a node."),
        _ => no(Reason::Binding, "Some members are not bound to a node yet."),
    }
}

/// True only if somebody has to do something: what ends by itself is no degradation.
fn degraded(set: &PodSet, phase: &Phase, intent: &Intent) -> Said {
    if let Phase::Held(Hold { why: Why::Malformed(sentence), .. }) = phase {
        return Said(Status::True, Reason::MalformedDuration, sentence.clone());
    }
    let wrong = stranded(intent)
        .or_else(|| rejected(intent))
        .or_else(|| untried(intent))
        .or_else(|| kept_out(intent))
        .or_else(|| drifted(set, intent));
    let Some((reason, message)) = wrong else { return no(Reason::Succeeded, "Nothing needs attention.") };
    Said(Status::True, reason, message)
}

fn stranded(intent: &Intent) -> Option<(Reason, String)> {
    let first = intent.stranded.first()?;
    let message = format!(
        "{first}{} was released to a node that cannot take it, and no controller would make another: delete it and \
         create it again.",
        more(intent.stranded.len())
    );
    Some((Reason::Stranded, message))
}

fn rejected(intent: &Intent) -> Option<(Reason, String)> {
    let first = intent.rejected.first()?;
    let message = format!(
        "The API server does not let the planner {} {}{}: remove the cause that the API server names, or change the \
         pod. The planner tries again automatically. The API server says: {}",
        first.write,
        first.name,
        more(intent.rejected.len()),
        first.why
    );
    Some((Reason::Rejected, message))
}

fn untried(intent: &Intent) -> Option<(Reason, String)> {
    let first = intent.untried.first()?;
    let message = format!(
        "{first}{} was released to the scheduler {SCHEDULER}, which has not looked at it for a minute: check that this \
         scheduler runs. Where pods are held by scheduling gates there is none: delete the pod, and create it again if \
         no controller does.",
        more(intent.untried.len())
    );
    Some((Reason::NoScheduler, message))
}

/// The scheduler refuses members where they are planned.
fn kept_out(intent: &Intent) -> Option<(Reason, String)> {
    let first = intent.refused.first()?;
    let message = format!(
        "The scheduler does not let {} go to {}, where it is planned{}: remove the cause that the scheduler names, \
         or delete the pod, and if its controller makes another, that is planned again. The scheduler says: {}",
        first.name,
        first.node,
        more(intent.refused.len()),
        first.why
    );
    Some((Reason::Refused, message))
}

fn drifted(set: &PodSet, intent: &Intent) -> Option<(Reason, String)> {
    let drift = intent.plan.as_ref().map(crate::build::Wanted::drifted).filter(|drift| *drift > 0)?;
    let (name, which) = (&set.plan_name, first_of(drift, "them"));
    let message = format!(
        "{drift} members run on another node than planned: `kubectl describe scheduleplan {name}` names {which}."
    );
    Some((Reason::Drifted, message))
}

/// Of which of `all` the status of a plan speaks: `every` if it speaks of all.
fn first_of(all: usize, every: &str) -> String {
    if all > NAMED { format!("the first {NAMED}") } else { every.to_owned() }
}

/// How many others there are like the one that is named.
fn more(all: usize) -> String {
    if all > 1 { format!(" (and {} more)", all - 1) } else { String::new() }
}

/// What came of asking external planners. If nobody was asked this time, it is as it was; where there are none it is not
/// said. That one is of no use degrades nothing: the set is planned all the same.
fn external_planners(world: &World, intent: &Intent) -> Option<Said> {
    let Some(external) = &intent.external else { return said_before(world, ConditionType::ExternalPlanners) };
    match external.complaint() {
        _ if external.asked == 0 => None,
        Some(complaint) => Some(no(Reason::PlannerRefused, complaint)),
        None => Some(yes("The last answers of the external planners are valid.")),
    }
}

fn said_before(world: &World, type_: ConditionType) -> Option<Said> {
    let known = conditions::find(&world.trigger.status.as_ref()?.conditions, type_.into())?;
    let status = if known.status == Status::True.as_str() { Status::True } else { Status::False };
    Some(Said(status, known.reason.parse().ok()?, known.message.clone()))
}

/// The first thing that is not as it should be.
fn ready(parts: &[Said; 3], Said(degraded, reason, message): &Said) -> Said {
    if *degraded == Status::True {
        return no(*reason, message.clone());
    }
    match parts.iter().find(|Said(status, ..)| *status != Status::True) {
        Some(Said(_, reason, message)) => no(*reason, message.clone()),
        None => yes("Every member is bound as planned."),
    }
}

fn on_hold(hold: &Hold) -> Said {
    let reason = hold.why.reason();
    let message = match (&hold.why, hold.until) {
        (Why::ByUser, _) => "The set is held: set spec.state to Schedule to plan and release it.".to_owned(),
        (Why::Quiet, Some(until)) => {
            format!(
                "The set is scheduled automatically at {} if no pod joins it until then.",
                conditions::whole_seconds(until)
            )
        }
        (Why::Quiet, None) => format!(
            "The set is held: its quiet time is too long to be represented. Shorten spec.quietTime or the label \
             `{LABEL_QUIET_TIME}`."
        ),
        (Why::TooFew, _) => {
            "The set has fewer pods than spec.minMembers: it is held until they are there.".to_owned()
        }
        (Why::Malformed(sentence), _) => {
            format!("The set is held, and will not be scheduled automatically: {sentence}")
        }
    };
    no(reason, message)
}

/// A gang that is scheduled by hand waits for its members all the same.
fn waits_for_members(set: &PodSet) -> bool {
    set.settings.gang.is_some() && set.members.len() < set.settings.min_members
}

fn too_few(set: &PodSet) -> Said {
    let message = format!(
        "The gang has {} of at least {} members: none is released before they are there.",
        set.members.len(),
        set.settings.min_members
    );
    no(Reason::TooFewMembers, message)
}

fn unplaced_reason(set: &PodSet) -> Reason {
    if set.settings.gang.is_some() { Reason::GangIncomplete } else { Reason::Unplaced }
}

fn unplaced(set: &PodSet, intent: &Intent) -> String {
    let consequence =
        if set.settings.gang.is_some() { "so no member of the gang is released" } else { "and wait" };
    format!(
        "{} of {} members have no place, {consequence}: the status of the plan gives the reason for {}.",
        intent.unplaced.len(),
        set.members.len(),
        first_of(intent.unplaced.len(), "each")
    )
}

impl Why {
    /// The word for it.
    pub fn reason(&self) -> Reason {
        match self {
            Self::ByUser => Reason::HeldByUser,
            Self::Quiet => Reason::QuietTime,
            Self::TooFew => Reason::TooFewMembers,
            Self::Malformed(_) => Reason::MalformedDuration,
        }
    }
}

#[cfg(test)]
#[path = "status_tests.rs"]
mod tests;
