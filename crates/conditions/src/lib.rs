//! Rules for lists of [`Condition`]s (`meta/v1`), as every status of our kinds holds them.
//!
//! Pure: the time is given, so that the same input makes the same list, and a status that says nothing new is equal
//! to the one before it. That is what lets a controller stay silent when nothing changes.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

/// The longest message that the API server takes, in bytes.
pub const MAX_MESSAGE_BYTES: usize = 32_768;

/// What a controller wants a condition to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desired {
    /// The condition's type.
    pub type_: String,
    /// Whether it holds.
    pub status: Status,
    /// Why, as a word of a closed vocabulary.
    pub reason: String,
    /// What to do next, for users.
    pub message: String,
    /// The generation of the spec that was looked at.
    pub observed_generation: i64,
}

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// Nobody can tell.
    Unknown,
}

impl Status {
    /// The word that Kubernetes uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// The list that says what `desired` says, in its order.
///
/// `lastTransitionTime` is kept from `current` where the status of that type is the same, else it is `now` in whole
/// seconds (finer is not stored by the API server). Types that `desired` does not name are left out: the list has
/// one writer.
pub fn reconcile(
    current: &[Condition],
    desired: impl IntoIterator<Item = Desired>,
    now: Timestamp,
) -> Vec<Condition> {
    desired.into_iter().map(|desired| next(find(current, &desired.type_), desired, now)).collect()
}

fn next(current: Option<&Condition>, desired: Desired, now: Timestamp) -> Condition {
    let status = desired.status.as_str();
    let last_transition_time = current
        .filter(|condition| condition.status == status)
        .map_or_else(|| Time(whole_seconds(now)), |condition| condition.last_transition_time.clone());
    Condition {
        type_: desired.type_,
        status: status.to_owned(),
        reason: desired.reason,
        message: truncate(desired.message),
        observed_generation: Some(desired.observed_generation),
        last_transition_time,
    }
}

/// `time` as the API server stores it, so that it equals what is read back.
pub fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

fn truncate(mut message: String) -> String {
    if message.len() > MAX_MESSAGE_BYTES {
        let end = (0..=MAX_MESSAGE_BYTES - '…'.len_utf8()).rev().find(|end| message.is_char_boundary(*end));
        message.truncate(end.unwrap_or(0));
        message.push('…');
    }
    message
}

/// The condition of type `type_`.
pub fn find<'a>(conditions: &'a [Condition], type_: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.type_ == type_)
}

/// The condition of type `type_`, if it speaks of `generation`: how one controller reads another one's answer.
pub fn find_observed<'a>(conditions: &'a [Condition], type_: &str, generation: i64) -> Option<&'a Condition> {
    find(conditions, type_).filter(|condition| condition.observed_generation == Some(generation))
}

/// Whether the condition of type `type_` is True for `generation`.
pub fn is_true(conditions: &[Condition], type_: &str, generation: i64) -> bool {
    find_observed(conditions, type_, generation)
        .is_some_and(|condition| condition.status == Status::True.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn desired(status: Status, message: &str, generation: i64) -> Desired {
        Desired {
            type_: "Ready".into(),
            status,
            reason: "Because".into(),
            message: message.into(),
            observed_generation: generation,
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_transition_time_stays_while_the_status_stays() {
        let first = reconcile(&[], [desired(Status::False, "one", 1)], at(10));
        let second = reconcile(&first, [desired(Status::False, "two", 2)], at(20));
        assert_eq!(second[0].last_transition_time.0, at(10));
        assert_eq!(second[0].message, "two");
        assert_eq!(second[0].observed_generation, Some(2));
    }

    #[test]
    fn the_transition_time_moves_with_the_status() {
        let first = reconcile(&[], [desired(Status::False, "", 1)], at(10));
        let second = reconcile(&first, [desired(Status::True, "", 1)], at(20));
        assert_eq!(second[0].last_transition_time.0, at(20));
    }

    #[test]
    fn saying_the_same_again_changes_nothing() {
        let first = reconcile(&[], [desired(Status::True, "", 1)], at(10));
        assert_eq!(reconcile(&first, [desired(Status::True, "", 1)], at(99)), first);
    }

    #[test]
    fn times_have_whole_seconds_because_the_api_server_keeps_no_others() {
        let now = Timestamp::new(10, 999).unwrap();
        assert_eq!(reconcile(&[], [desired(Status::True, "", 1)], now)[0].last_transition_time.0, at(10));
    }

    #[test]
    fn a_type_that_is_no_longer_wanted_goes() {
        let first = reconcile(&[], [desired(Status::True, "", 1)], at(10));
        assert_eq!(reconcile(&first, [], at(20)), []);
    }

    #[test]
    fn an_answer_for_another_generation_does_not_count() {
        let conditions = reconcile(&[], [desired(Status::True, "", 1)], at(10));
        assert!(is_true(&conditions, "Ready", 1));
        assert!(!is_true(&conditions, "Ready", 2));
        assert!(find_observed(&conditions, "Ready", 2).is_none());
    }

    #[test]
    fn a_message_too_long_for_the_api_server_is_cut_at_a_character() {
        let long = "ä".repeat(MAX_MESSAGE_BYTES);
        let message = &reconcile(&[], [desired(Status::True, &long, 1)], at(0))[0].message;
        assert!(message.len() <= MAX_MESSAGE_BYTES);
        assert!(message.ends_with('…'));
    }
}
