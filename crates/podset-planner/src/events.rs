//! Events on the pods that wait: why, told once to each pod and again only when the reason is another one.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures::{StreamExt as _, stream};
use k8s_controller::events::{Event, EventRecorder, EventType};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use podset_types::{ConditionType, Reason, ScheduleTrigger};

use crate::{
    build::{External, Intent},
    dereference::World,
    phase::Phase,
    pods::created,
    validate::{Member, PodSet},
};

/// How many events are sent at once.
const PARALLEL: usize = 16;

/// How long what was told in vain is remembered. Then the status of the trigger knows it.
const REMEMBER: Duration = Duration::from_secs(3600);

/// What was told to which pod, by the uid of the trigger.
#[derive(Debug, Default)]
pub struct Told(Mutex<BTreeMap<String, Memory>>);

#[derive(Debug)]
struct Memory {
    reasons: BTreeMap<String, Reason>,
    used: Instant,
}

impl Told {
    /// Those of `waiting` that have not been told their reason yet.
    ///
    /// A process that has just started knows from the status of the trigger what the one before has told: the reason,
    /// and of which pods it knew. So a restart repeats nothing.
    fn news<'a>(
        &self,
        trigger: &ScheduleTrigger,
        waiting: Vec<(&'a Member, Reason)>,
    ) -> Vec<(&'a Member, Reason)> {
        let (mut told, used) = (self.0.lock().unwrap_or_else(PoisonError::into_inner), Instant::now());
        told.retain(|_, memory| used.duration_since(memory.used) < REMEMBER);
        let uid = trigger.uid().unwrap_or_default();
        let before =
            told.remove(&uid).map_or_else(|| told_before(trigger, &waiting), |memory| memory.reasons);
        let news = waiting
            .iter()
            .filter(|(member, reason)| before.get(&member.uid) != Some(reason))
            .copied()
            .collect();
        // Also that nobody waits: what the status says is for a new process alone. It knows pods by the second of their
        // creation, in which another may come.
        let reasons = waiting.into_iter().map(|(member, reason)| (member.uid.clone(), reason)).collect();
        told.insert(uid, Memory { reasons, used });
        news
    }
}

fn told_before(trigger: &ScheduleTrigger, waiting: &[(&Member, Reason)]) -> BTreeMap<String, Reason> {
    let told = waiting.iter().filter(|(member, reason)| was_told(trigger, &member.pod, *reason));
    told.map(|(member, reason)| (member.uid.clone(), *reason)).collect()
}

fn was_told(trigger: &ScheduleTrigger, pod: &Pod, reason: Reason) -> bool {
    let Some(status) = &trigger.status else { return false };
    let released = conditions::find(&status.conditions, ConditionType::Released.into());
    let known = status.last_member_at.as_ref().is_some_and(|last| created(pod) <= Some(last.0));
    // Of a gang some lack a place and the others wait for them, and there is one condition for both.
    let gang = reason == Reason::Unplaced
        && released.is_some_and(|one| one.reason == Reason::GangIncomplete.to_string());
    known && (gang || released.is_some_and(|one| one.reason == reason.to_string()))
}

/// Tells the members that wait why they do. What cannot be told is logged: nothing depends on it.
pub async fn tell(
    events: &EventRecorder,
    told: &Told,
    world: &World,
    set: &PodSet,
    phase: &Phase,
    intent: &Intent,
) {
    let waiting =
        set.held().filter_map(|member| Some((member, reason(set, member, phase, intent)?))).collect();
    let news = told.news(&world.trigger, waiting).into_iter();
    let notes: Vec<(Arc<Pod>, Event)> = news
        .map(|(member, reason)| (member.pod.clone(), event(world, member, reason, phase, intent)))
        .collect();
    let sent = stream::iter(notes).map(|(pod, event)| async move { events.publish(&*pod, &event).await });
    let failed = sent.buffer_unordered(PARALLEL).filter_map(async |sent| sent.err());
    if let Some(error) = failed.collect::<Vec<_>>().await.first() {
        tracing::warn!(error = error as &dyn std::error::Error, "cannot tell pods why they wait");
    }
}

/// Tells of external planners that are not heeded, on the trigger; once, until there is something else to be said.
pub async fn tell_of_planners(events: &EventRecorder, trigger: &ScheduleTrigger, intent: &Intent) {
    let Some(complaint) = intent.external.as_ref().and_then(External::complaint) else { return };
    let said = trigger
        .status
        .as_ref()
        .and_then(|status| conditions::find(&status.conditions, ConditionType::ExternalPlanners.into()));
    if said.is_some_and(|said| said.message == complaint) {
        return;
    }
    let event = Event {
        type_: EventType::Warning,
        reason: Reason::PlannerRefused.to_string(),
        action: "Plan".to_owned(),
        note: Some(complaint),
        related: None,
    };
    if let Err(error) = events.publish(trigger, &event).await {
        tracing::warn!(error = &error as &dyn std::error::Error, "cannot tell of external planners");
    }
}

/// Why `member` waits; None if it does not for long.
fn reason(set: &PodSet, member: &Member, phase: &Phase, intent: &Intent) -> Option<Reason> {
    match phase {
        Phase::Held(hold) => Some(hold.why.reason()),
        Phase::Due => None,
        Phase::Scheduling if intent.unplaced.contains_key(&member.uid) => Some(Reason::Unplaced),
        Phase::Scheduling if set.settings.gang.is_some() && !intent.unplaced.is_empty() => {
            Some(Reason::GangIncomplete)
        }
        Phase::Scheduling if set.settings.gang.is_some() && set.members.len() < set.settings.min_members => {
            Some(Reason::TooFewMembers)
        }
        Phase::Scheduling => None,
    }
}

fn event(world: &World, member: &Member, reason: Reason, phase: &Phase, intent: &Intent) -> Event {
    let trigger = world.trigger.name_any();
    let why = match phase {
        Phase::Held(hold) => {
            hold.sentence(hold.left(world.now).map(|left| format!("for {} s more", left.as_secs())))
        }
        Phase::Due | Phase::Scheduling => waits(member, reason, intent),
    };
    let type_ = match reason {
        Reason::MalformedDuration | Reason::Unplaced | Reason::GangIncomplete => EventType::Warning,
        _ => EventType::Normal,
    };
    Event {
        type_,
        reason: reason.to_string(),
        action: "Hold".to_owned(),
        note: Some(format!("held by trigger {trigger}: {why}")),
        related: Some(kube::Resource::object_ref(&*world.trigger, &())),
    }
}

fn waits(member: &Member, reason: Reason, intent: &Intent) -> String {
    match (intent.unplaced.get(&member.uid), reason) {
        (Some(why), _) => format!("no node takes it: {why}"),
        (None, Reason::TooFewMembers) => "until the gang has as many pods as its spec.minMembers".to_owned(),
        (None, _) => format!("until every pod of the gang has a place; {} have none", intent.unplaced.len()),
    }
}

#[cfg(test)]
#[path = "events_tests.rs"]
mod tests;
