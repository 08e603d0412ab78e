//! How long somebody may take to answer before it counts as absent: to the first question that it is asked, and to each
//! later one.
//!
//! All times are those of objects, so that a restart changes nothing: the first question was asked when the object was
//! created, a later one when it says so ([`crate::asked`]). An answer, whatever it says, ends the silence; so whoever works
//! for long on what it was asked is never absent as long as it says at once that it does.

use std::time::Duration;

use api_types::{ResourceClaim, WorkloadExposure, WorkloadPlan};
use jiff::{SignedDuration, Timestamp};
use kube::api::ObjectMeta;

use crate::asked::asked_at;

/// Longer than a provisioner or a runtime takes to start anew and take over its lease.
pub const GRACE: SignedDuration = SignedDuration::from_secs(30);

/// How long nobody has answered yet to what is asked now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// Somebody has, or nobody knows when it was asked.
    Broken,
    /// Not long: it is over in this time.
    Young(Duration),
    /// Longer than [`GRACE`].
    Long,
}

impl Silence {
    /// What is left of the grace, if it has not ended.
    pub fn left(self) -> Option<Duration> {
        match self {
            Self::Young(left) => Some(left),
            Self::Broken | Self::Long => None,
        }
    }
}

/// Whether a provisioner has answered to `claim` as it is now.
pub fn of_provisioner(claim: &ResourceClaim, now: Timestamp) -> Silence {
    match answered_by_provisioner(claim) {
        None => since(created(&claim.metadata), now),
        Some(answered) => since_asked(&claim.metadata, answered, now),
    }
}

/// The generation of `claim` to which a provisioner answered last.
pub fn answered_by_provisioner(claim: &ResourceClaim) -> Option<i64> {
    claim.status.as_ref()?.observed_generation
}

/// Whether a runtime has answered in `exposure` to `plan` as it is now.
pub fn of_runtime(plan: Option<&WorkloadPlan>, exposure: &WorkloadExposure, now: Timestamp) -> Silence {
    match (answered_by_runtime(exposure), plan) {
        (None, _) => since(created(&exposure.metadata), now),
        (Some(answered), Some(plan)) => since_asked(&plan.metadata, answered, now),
        (Some(_), None) => Silence::Broken,
    }
}

/// The same for a runtime that was `heard` to answer others: it is there, and has more to do than it can do at once.
pub fn of_busy_runtime(silence: Silence, heard: Option<Timestamp>, now: Timestamp) -> Silence {
    match (silence, heard) {
        (Silence::Long, Some(heard)) => since(Some(heard), now),
        _ => silence,
    }
}

/// When a runtime last came to another conclusion in `exposure`.
pub fn heard_in(exposure: &WorkloadExposure) -> Option<Timestamp> {
    let conditions = exposure.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    conditions.iter().map(|condition| condition.last_transition_time.0).max()
}

/// The generation of the plan to which a runtime answered last.
pub fn answered_by_runtime(exposure: &WorkloadExposure) -> Option<i64> {
    exposure.status.as_ref()?.observed_plan_generation
}

/// An object of which nobody knows how old it is counts as new.
fn created(metadata: &ObjectMeta) -> Option<Timestamp> {
    metadata.creation_timestamp.as_ref().map(|created| created.0)
}

/// The silence after the last answer.
fn since_asked(question: &ObjectMeta, answered: i64, now: Timestamp) -> Silence {
    match asked_at(question) {
        Some(asked) if question.generation != Some(answered) => since(Some(asked), now),
        // What was asked before there were times is waited for in patience.
        _ => Silence::Broken,
    }
}

fn since(start: Option<Timestamp>, now: Timestamp) -> Silence {
    let age = start.map_or(SignedDuration::ZERO, |start| now.duration_since(start));
    match Duration::try_from(GRACE.saturating_sub(age)) {
        // A clock that is behind the one that was asked by waits no longer than the whole.
        Ok(left) if !left.is_zero() => Silence::Young(left.min(GRACE.unsigned_abs())),
        _ => Silence::Long,
    }
}

#[cfg(test)]
mod tests {
    use api_types::metadata::ANNOTATION_ASKED_AT;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn after(seconds: i64) -> Silence {
        since(Some(at(1_000)), at(1_000 + seconds))
    }

    #[test]
    fn the_grace_ends_after_half_a_minute() {
        assert_eq!(after(0), Silence::Young(Duration::from_secs(30)));
        assert_eq!(after(29), Silence::Young(Duration::from_secs(1)));
        assert_eq!(after(30), Silence::Long);
        assert_eq!(after(10_000), Silence::Long);
    }

    #[test]
    fn a_clock_that_is_behind_waits_no_longer_than_the_grace() {
        assert_eq!(after(-500), Silence::Young(Duration::from_secs(30)));
    }

    #[test]
    fn only_an_unbroken_silence_has_something_left() {
        assert_eq!(after(29).left(), Some(Duration::from_secs(1)));
        assert_eq!((Silence::Broken.left(), Silence::Long.left()), (None, None));
    }

    /// A question of generation 2, asked in second 1000 if it says so.
    fn question(says_so: bool) -> ObjectMeta {
        let time = says_so.then(|| (ANNOTATION_ASKED_AT.to_owned(), at(1_000).to_string()));
        ObjectMeta {
            generation: Some(2),
            annotations: Some(time.into_iter().collect()),
            ..ObjectMeta::default()
        }
    }

    #[test]
    fn after_an_answer_the_grace_begins_with_the_next_question() {
        assert_eq!(since_asked(&question(true), 1, at(1_010)), Silence::Young(Duration::from_secs(20)));
        assert_eq!(since_asked(&question(true), 1, at(1_030)), Silence::Long);
    }

    #[test]
    fn who_answers_others_is_not_absent() {
        let busy = |silence, heard: Option<i64>| of_busy_runtime(silence, heard.map(at), at(1_100));
        assert_eq!(busy(Silence::Long, Some(1_090)), Silence::Young(Duration::from_secs(20)));
        assert_eq!(busy(Silence::Long, Some(1_060)), Silence::Long);
        assert_eq!(busy(Silence::Long, None), Silence::Long);
        assert_eq!(busy(Silence::Broken, Some(1_060)), Silence::Broken);
    }

    #[test]
    fn an_answer_to_what_is_asked_now_breaks_the_silence_for_ever() {
        assert_eq!(since_asked(&question(true), 2, at(99_999)), Silence::Broken);
    }

    #[test]
    fn nobody_is_blamed_where_nobody_knows_since_when() {
        assert_eq!(since_asked(&question(false), 1, at(99_999)), Silence::Broken);
        assert_eq!(since(None, at(99_999)), Silence::Young(Duration::from_secs(30)));
    }
}
