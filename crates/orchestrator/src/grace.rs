//! How long somebody may take to answer for the first time before it counts as absent. All times are those of objects,
//! so that a restart changes nothing.

use std::time::Duration;

use api_types::{ResourceClaim, WorkloadExposure};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// Longer than a provisioner or a runtime takes to start anew and take over its lease.
pub const GRACE: SignedDuration = SignedDuration::from_secs(30);

/// How long nobody has answered yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// Somebody has.
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

/// Whether any provisioner has ever answered to `claim`.
pub fn of_provisioner(claim: &ResourceClaim, now: Timestamp) -> Silence {
    let answered = claim.status.as_ref().is_some_and(|status| status.observed_generation.is_some());
    if answered { Silence::Broken } else { since(claim.metadata.creation_timestamp.as_ref(), now) }
}

/// Whether any runtime has ever answered in `exposure`.
pub fn of_runtime(exposure: &WorkloadExposure, now: Timestamp) -> Silence {
    let answered = exposure.status.as_ref().is_some_and(|status| status.observed_plan_generation.is_some());
    if answered { Silence::Broken } else { since(exposure.metadata.creation_timestamp.as_ref(), now) }
}

/// An object of which nobody knows how old it is counts as new.
fn since(created: Option<&Time>, now: Timestamp) -> Silence {
    let age = created.map_or(SignedDuration::ZERO, |created| now.duration_since(created.0));
    match Duration::try_from(GRACE.saturating_sub(age)) {
        // A clock that is behind the API server's waits no longer than the whole.
        Ok(left) if !left.is_zero() => Silence::Young(left.min(GRACE.unsigned_abs())),
        _ => Silence::Long,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(seconds: i64) -> Silence {
        let created = Time(Timestamp::from_second(1_000).unwrap());
        since(Some(&created), Timestamp::from_second(1_000 + seconds).unwrap())
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
}
