//! Step 3: whether a set is held, and until when. Pure.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use podset_types::{ScheduleTriggerStatus, TriggerState};

use crate::{dereference::World, validate::PodSet};

/// Whether a set is held.
#[derive(Clone, Debug, PartialEq)]
pub enum Phase {
    /// It is.
    Held(Hold),
    /// It has been held for long enough: the trigger is to be set to `Schedule`.
    Due,
    /// It is planned and released.
    Scheduling,
}

/// What a set is held by.
#[derive(Clone, Debug, PartialEq)]
pub struct Hold {
    /// Since when.
    pub since: Timestamp,
    /// Why.
    pub why: Why,
    /// When that may change by itself.
    pub until: Option<Timestamp>,
}

/// Why a set is held.
#[derive(Clone, Debug, PartialEq)]
pub enum Why {
    /// Somebody has to set the state.
    ByUser,
    /// Pods may still join.
    Quiet,
    /// There are fewer members than asked for.
    TooFew,
    /// When it ends cannot be read; the sentence says why.
    Malformed(String),
}

impl Hold {
    /// How long it lasts from `now` on, if it ends by itself.
    pub fn left(&self, now: Timestamp) -> Option<Duration> {
        let left = self.until?.duration_since(now);
        Some(Duration::try_from(left).unwrap_or_default())
    }

    /// Until when it holds, for users. `quiet` says how long the quiet time lasts, if it ends.
    pub fn sentence(&self, quiet: Option<String>) -> String {
        match (&self.why, quiet) {
            (Why::Quiet, Some(quiet)) => format!("quiet {quiet}"),
            (Why::Quiet | Why::ByUser, _) => "until its spec.state is Schedule".to_owned(),
            (Why::TooFew, _) => "until there are as many pods as its spec.minMembers".to_owned(),
            (Why::Malformed(sentence), _) => sentence.clone(),
        }
    }
}

/// Whether `set` is held at the time of `world`.
///
/// What counts is when the trigger entered `Planning` and when the newest member was created: both stand in objects, so
/// a restart of this process changes nothing.
pub fn phase(world: &World, set: &PodSet) -> Phase {
    if set.settings.state == TriggerState::Schedule {
        return Phase::Scheduling;
    }
    let since = planning_since(world);
    let automatic = match &set.settings.automatic {
        Ok(automatic) => automatic,
        Err(sentence) => return held(since, Why::Malformed(sentence.clone()), None),
    };
    let deadline = automatic.max_wait.and_then(|wait| after(since, wait));
    let quiet_since = set.newest().map_or(since, |newest| newest.max(since));
    let enough = set.settings.min_members <= set.members.len();
    let quiet = automatic.quiet.filter(|_| enough).and_then(|quiet| after(quiet_since, quiet));
    let due = [deadline, quiet].into_iter().flatten().min();
    match due {
        Some(due) if due <= world.now => Phase::Due,
        None if automatic.quiet.is_none() => held(since, Why::ByUser, None),
        due if automatic.quiet.is_some() && !enough => held(since, Why::TooFew, due),
        due => held(since, Why::Quiet, due),
    }
}

fn held(since: Timestamp, why: Why, until: Option<Timestamp>) -> Phase {
    Phase::Held(Hold { since, why, until })
}

/// Since when the state is `Planning`: as the status says, else since the trigger was made, or since now if it was
/// `Schedule` before.
fn planning_since(world: &World) -> Timestamp {
    let now = conditions::whole_seconds(world.now);
    match &world.trigger.status {
        Some(status) if missed_changes(world, status) > 1 => now,
        Some(ScheduleTriggerStatus { planning_since: Some(since), .. }) => since.0,
        Some(status) if status.observed_generation.is_some() => now,
        _ => world.trigger.metadata.creation_timestamp.as_ref().map_or(now, |time| time.0),
    }
}

/// How often the spec has changed since `status` was written. To `Schedule` and back are two changes, of which nothing
/// else is left to be seen; if they were others, the quiet time begins again and no harm is done.
fn missed_changes(world: &World, status: &ScheduleTriggerStatus) -> i64 {
    let now = world.trigger.metadata.generation.unwrap_or_default();
    status.observed_generation.map_or(0, |observed| now.saturating_sub(observed))
}

/// `time` and `duration`; None if that is beyond all times.
pub fn after(time: Timestamp, duration: Duration) -> Option<Timestamp> {
    time.checked_add(SignedDuration::try_from(duration).ok()?).ok()
}

#[cfg(test)]
#[path = "phase_tests.rs"]
mod tests;
