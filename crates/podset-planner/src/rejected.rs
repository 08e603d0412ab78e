//! Writes to pods that the API server refuses although the pods have not changed: a policy, a webhook or a rule of its
//! own stands against them. The others are made all the same. These are told, and tried again, less and less often.

use std::{
    collections::HashMap,
    fmt::{self, Display},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use pod_planner::Uid;

use crate::text::shown;

/// When a write is tried again after it was refused for the first time; after that it is twice as long each time.
const FIRST: Duration = Duration::from_secs(5);

/// The longest time after which it is tried again.
const LONGEST: Duration = Duration::from_secs(300);

/// How much of what the API server says is repeated, in characters: it may repeat the pod.
const SHOWN: usize = 500;

/// What is to be done with a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Write {
    /// Room is reserved for it.
    Reserve,
    /// What is reserved is given back.
    Withdraw,
    /// It is let go to its node.
    Release,
    /// It is deleted, so that its controller makes another.
    Recycle,
    /// The scheduler is told again what is reserved for it.
    Renew,
}

impl Write {
    /// The part of the pod that is written to; None of the pod itself.
    pub fn subresource(self) -> Option<&'static str> {
        match self {
            Self::Reserve | Self::Withdraw => Some("status"),
            Self::Release | Self::Recycle | Self::Renew => None,
        }
    }
}

/// As a verb, before the name of the pod.
impl Display for Write {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Reserve => "reserve room for",
            Self::Withdraw => "give back the room of",
            Self::Release => "release",
            Self::Recycle => "delete",
            Self::Renew => "annotate",
        })
    }
}

/// A write that the API server refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// The uid of the pod.
    pub uid: Uid,
    /// The name of the pod.
    pub name: String,
    /// What was to be done with it.
    pub write: Write,
    /// What the API server says.
    pub why: String,
    /// How long until it is tried again.
    pub again: Duration,
}

/// What was refused last, by pod. Lost when the process ends, which costs a try for each.
#[derive(Debug, Default)]
pub struct Rejections(Mutex<HashMap<(Uid, Write), Memory>>);

#[derive(Debug)]
struct Memory {
    /// The version of the pod: another may be taken.
    version: Option<String>,
    why: String,
    since: Instant,
    pause: Duration,
}

impl Rejections {
    /// What was said of `write` to `pod`, if it is too early at the time `now` to try it again.
    pub fn recall(&self, pod: &Pod, write: Write, now: Instant) -> Option<Rejected> {
        let known = self.lock();
        let known = known.get(&key(pod, write)).filter(|known| known.version == pod.resource_version())?;
        let left = known.pause.checked_sub(now.duration_since(known.since)).filter(|left| !left.is_zero())?;
        Some(rejected(pod, write, known.why.clone(), left))
    }

    /// At the time `now` the API server has said `why` to `write` to `pod`.
    pub fn remember(&self, pod: &Pod, write: Write, why: &str, now: Instant) -> Rejected {
        let (mut known, key, why) = (self.lock(), key(pod, write), shown(why, SHOWN));
        known.retain(|_, known| now.duration_since(known.since) < 2 * LONGEST);
        let pause = known.get(&key).map_or(FIRST, |known| LONGEST.min(2 * known.pause));
        known.insert(key, Memory { version: pod.resource_version(), why: why.clone(), since: now, pause });
        rejected(pod, write, why, pause)
    }

    /// `write` to `pod` was made.
    pub fn forget(&self, pod: &Pod, write: Write) {
        self.lock().remove(&key(pod, write));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(Uid, Write), Memory>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(pod: &Pod, write: Write) -> (Uid, Write) {
    (pod.uid().unwrap_or_default(), write)
}

fn rejected(pod: &Pod, write: Write, why: String, again: Duration) -> Rejected {
    Rejected { uid: pod.uid().unwrap_or_default(), name: pod.name_any(), write, why, again }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(version: &str) -> Pod {
        serde_yaml_ng::from_str(&format!("metadata: {{name: a, uid: u, resourceVersion: '{version}'}}"))
            .unwrap()
    }

    #[test]
    fn what_is_refused_is_left_alone_for_longer_each_time_and_five_minutes_at_most() {
        let (rejections, start, pod) = (Rejections::default(), Instant::now(), pod("1"));
        assert_eq!(rejections.recall(&pod, Write::Release, start), None);
        let (mut now, mut pauses) = (start, Vec::new());
        for _ in 0..8 {
            let rejected = rejections.remember(&pod, Write::Release, "no", now);
            pauses.push(rejected.again.as_secs());
            let early = rejections.recall(&pod, Write::Release, now + rejected.again / 2).unwrap();
            assert_eq!((early.again, early.why.as_str()), (rejected.again / 2, "no"));
            now += rejected.again;
            assert_eq!(rejections.recall(&pod, Write::Release, now), None);
        }
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 300, 300]);
        rejections.forget(&pod, Write::Release);
        assert_eq!(rejections.remember(&pod, Write::Release, "no", now).again, FIRST);
    }

    #[test]
    fn a_pod_that_has_changed_and_another_write_are_tried_at_once() {
        let (rejections, now) = (Rejections::default(), Instant::now());
        let _ = rejections.remember(&pod("1"), Write::Release, "no", now);
        assert!(rejections.recall(&pod("1"), Write::Release, now).is_some());
        assert_eq!(rejections.recall(&pod("2"), Write::Release, now), None);
        assert_eq!(rejections.recall(&pod("1"), Write::Recycle, now), None);
    }

    #[test]
    fn of_what_the_api_server_says_the_beginning_is_kept_in_one_line() {
        let why = format!("Forbidden:\n{}", "x".repeat(10_000));
        let rejected = Rejections::default().remember(&pod("1"), Write::Release, &why, Instant::now());
        assert!(rejected.why.starts_with("Forbidden: x") && rejected.why.ends_with('…'), "{}", rejected.why);
        assert_eq!(rejected.why.chars().count(), SHOWN + 1);
    }
}
