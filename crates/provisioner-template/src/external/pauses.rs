//! Which claims are not to be worked on for a while, because an API has asked for that.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use api_types::ResourceClaim;

/// Until when which claim is left alone. A claim that changes is another question, and so is one that is deleted.
#[derive(Debug, Default)]
pub struct Pauses(Mutex<HashMap<Question, Instant>>);

#[derive(Debug, PartialEq, Eq, Hash)]
struct Question {
    uid: Option<String>,
    generation: Option<i64>,
    leaves: bool,
}

impl Question {
    fn of(claim: &ResourceClaim) -> Self {
        let meta = &claim.metadata;
        Self { uid: meta.uid.clone(), generation: meta.generation, leaves: meta.deletion_timestamp.is_some() }
    }
}

impl Pauses {
    /// Leaves `claim` alone for `pause`.
    pub fn set(&self, claim: &ResourceClaim, pause: Duration) {
        let now = Instant::now();
        let mut pauses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pauses.retain(|_, until| *until > now);
        pauses.insert(Question::of(claim), now + pause);
    }

    /// How long `claim` is still left alone.
    pub fn left(&self, claim: &ResourceClaim) -> Option<Duration> {
        let pauses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = pauses.get(&Question::of(claim))?.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_left_alone_until_its_time_is_over_or_it_changes() {
        let text = include_str!("../../tests/fixtures/claim.yaml");
        let mut claim: ResourceClaim = serde_yaml_ng::from_str(text).unwrap();
        let pauses = Pauses::default();
        assert_eq!(pauses.left(&claim), None);
        pauses.set(&claim, Duration::from_secs(60));
        assert!(pauses.left(&claim).unwrap() > Duration::from_secs(30));
        pauses.set(&claim, Duration::ZERO);
        assert_eq!(pauses.left(&claim), None);
        pauses.set(&claim, Duration::from_secs(60));
        claim.metadata.generation = Some(99);
        assert_eq!(pauses.left(&claim), None);
    }
}
