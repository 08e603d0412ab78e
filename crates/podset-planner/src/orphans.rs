//! Pods that are held although nobody says when their set is to be scheduled, or of which set they are: they are told
//! so, and what is reserved for them is given back.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use k8s_controller::events::{Event, EventRecorder, EventType};
use k8s_openapi::api::core::v1::Pod;
use kube::{ResourceExt as _, runtime::controller::Action};
use podset_types::{GATE, LABEL_POD_SET, Reason};

use crate::{
    apply::Writer,
    caches::Caches,
    phase::after,
    pods::{created, is_alive, is_held, is_reservable, nominated, set_of},
};

/// A trigger may be made right after its pods, by the same command.
const GRACE: Duration = Duration::from_secs(5);

/// How long what was told is remembered: as long as the API server keeps events, unless it is told otherwise.
const REMEMBER: Duration = Duration::from_secs(3600);

/// When a write that was not made is tried again.
const AGAIN: Duration = Duration::from_secs(10);

/// Which pods were told what, by uid and reason, and when. Lost when the process ends, which costs an event for each that
/// still waits.
#[derive(Debug, Default)]
pub struct Told(Mutex<HashMap<String, Instant>>);

impl Told {
    /// Whether `what` has to be told at the time `now`; it is taken to be told from then on.
    fn is_news(&self, what: &str, now: Instant) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.retain(|_, last| now.duration_since(*last) < REMEMBER);
        let news = !told.contains_key(what);
        if news {
            told.insert(what.to_owned(), now);
        }
        news
    }
}

/// Tells `pod`, once, that it waits for a trigger, or for the name of a set, if it does at the time `now`, and gives
/// back what is reserved for it. What cannot be told is logged: nothing depends on it.
pub async fn look_after(
    caches: &Caches,
    writer: &Writer,
    events: &EventRecorder,
    told: &Told,
    pod: Arc<Pod>,
    now: Timestamp,
) -> Action {
    if caches.ready().await.is_err() {
        return Action::await_change();
    }
    let Some(orphan) = orphaned(caches, &pod) else { return Action::await_change() };
    if let Some(left) = grace(&pod, now) {
        return Action::requeue(left);
    }
    let key = format!("{}/{}", pod.uid().unwrap_or_default(), orphan.reason());
    if told.is_news(&key, Instant::now())
        && let Err(error) = events.publish(&*pod, &event(&pod, &orphan)).await
    {
        tracing::warn!(error = &error as &dyn std::error::Error, "cannot tell a pod why it waits");
    }
    give_back(writer, &pod).await
}

/// Gives back the room that is reserved for `pod`, which nobody is going to release: others can have it.
async fn give_back(writer: &Writer, pod: &Arc<Pod>) -> Action {
    if !is_reservable(pod) || nominated(pod).is_none() {
        return Action::await_change();
    }
    let made = writer.withdraw(pod).await;
    if let Some(error) = &made.failed {
        let error = error as &dyn std::error::Error;
        tracing::warn!(pod = pod.name_any(), error, "cannot give back the room of a pod, will try again");
    }
    if let Some(rejected) = made.rejected.first() {
        let why = rejected.why.as_str();
        tracing::warn!(pod = pod.name_any(), why, "may not give back the room of a pod, will try again");
    }
    if made.written > 0 { Action::await_change() } else { Action::requeue(AGAIN) }
}

/// Why nobody will release a pod.
enum Orphan<'a> {
    /// No trigger governs its set.
    NoTrigger(&'a str),
    /// It is of no set, and has our gate all the same.
    NoPodSet,
}

impl Orphan<'_> {
    fn reason(&self) -> Reason {
        match self {
            Self::NoTrigger(_) => Reason::NoTrigger,
            Self::NoPodSet => Reason::NoPodSet,
        }
    }
}

/// Why nobody will release `pod`, if that is held.
fn orphaned<'a>(caches: &Caches, pod: &'a Pod) -> Option<Orphan<'a>> {
    if !is_held(pod) || !is_alive(pod) {
        return None;
    }
    let Some(set) = set_of(pod.labels()) else { return Some(Orphan::NoPodSet) };
    let triggers = caches.governing.get(&pod.namespace().unwrap_or_default(), set);
    triggers.is_empty().then_some(Orphan::NoTrigger(set))
}

/// How long its trigger may still take.
fn grace(pod: &Pod, now: Timestamp) -> Option<Duration> {
    let left = after(created(pod)?, GRACE)?.duration_since(now);
    Duration::try_from(left).ok().filter(|left| !left.is_zero())
}

fn event(pod: &Pod, orphan: &Orphan<'_>) -> Event {
    let namespace = pod.namespace().unwrap_or_default();
    let note = match orphan {
        Orphan::NoTrigger(set) => format!(
            "held: no ScheduleTrigger in namespace {namespace} has the label {LABEL_POD_SET}: {set}; create one to have \
             the set scheduled"
        ),
        Orphan::NoPodSet => format!(
            "held by the gate {GATE}, but names no set: set the label {LABEL_POD_SET} to the name of a pod set, or remove \
             the gate"
        ),
    };
    Event {
        type_: EventType::Warning,
        reason: orphan.reason().to_string(),
        action: "Hold".to_owned(),
        note: Some(note),
        related: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_is_told_once_an_hour_at_most() {
        let (told, start) = (Told::default(), Instant::now());
        assert!(told.is_news("a", start) && told.is_news("b", start));
        assert!(!told.is_news("a", start + REMEMBER / 2));
        assert!(told.is_news("a", start + REMEMBER));
    }

    #[test]
    fn a_trigger_may_come_a_moment_after_its_pods() {
        let mut pod = Pod::default();
        let at = |second| Timestamp::from_second(second).unwrap();
        pod.metadata.creation_timestamp = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at(100)));
        assert_eq!(grace(&pod, at(102)), Some(Duration::from_secs(3)));
        assert_eq!(grace(&pod, at(105)), None);
        assert_eq!(grace(&pod, at(500)), None);
    }
}
