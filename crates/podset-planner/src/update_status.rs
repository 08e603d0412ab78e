//! Step 7: writes the status of a trigger, if it says anything new.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use controller_kit::{Applier, Cache};
use kube::ResourceExt as _;
use podset_types::{ScheduleTrigger, ScheduleTriggerStatus};

/// The status could not be written.
#[derive(Debug, thiserror::Error)]
#[error("failed to write the status of the trigger")]
pub struct Error(#[source] kube::Error);

/// How often at most mere progress is told: a thousand members that are bound one by one are not a thousand writes.
const PROGRESS: Duration = Duration::from_secs(1);

/// When the status of each trigger was last written, by uid. Lost when the process ends, which costs a write.
#[derive(Debug, Default)]
pub struct Pace(Mutex<HashMap<String, Instant>>);

impl Pace {
    /// How long to wait before progress may be told again; None if it may be now.
    fn left(&self, uid: &str, now: Instant) -> Option<Duration> {
        let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        written.retain(|_, last| now.duration_since(*last) < PROGRESS);
        let last = written.get(uid)?;
        PROGRESS.checked_sub(now.duration_since(*last))
    }

    fn wrote(&self, uid: String, now: Instant) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(uid, now);
    }
}

/// Writes `status` to `trigger` unless it stands there already. What is only progress may have to wait: then the answer
/// is for how long. A trigger that is gone needs no status.
///
/// # Errors
/// If the API server does not answer as it should.
pub async fn update_status(
    applier: &Applier,
    triggers: &Cache<ScheduleTrigger>,
    pace: &Pace,
    trigger: &ScheduleTrigger,
    status: &ScheduleTriggerStatus,
) -> Result<Option<Duration>, Error> {
    let (uid, now) = (trigger.uid().unwrap_or_default(), Instant::now());
    let live = trigger.status.as_ref();
    if live.is_some_and(|live| live != status && is_progress(live, status))
        && let Some(left) = pace.left(&uid, now)
    {
        return Ok(Some(left));
    }
    match applier.apply_status(trigger, status, live).await {
        Ok(applied) => {
            if let Some(written) = applied.written() {
                pace.wrote(uid, now);
                triggers.record(written);
            }
            Ok(None)
        }
        Err(kube::Error::Api(error)) if error.is_not_found() => Ok(None),
        Err(error) => Err(Error(error)),
    }
}

/// Whether `new` differs from `old` only in how many members are how far, and when the newest came.
fn is_progress(old: &ScheduleTriggerStatus, new: &ScheduleTriggerStatus) -> bool {
    let without = |status: &ScheduleTriggerStatus| ScheduleTriggerStatus {
        members: None,
        last_member_at: None,
        quiet_until: None,
        ..status.clone()
    };
    without(old) == without(new)
}

#[cfg(test)]
mod tests {
    use podset_types::MemberCounts;

    use super::*;

    #[test]
    fn counts_are_progress_and_anything_else_is_news() {
        let bound = |bound| {
            let members = Some(MemberCounts { bound, ..MemberCounts::default() });
            ScheduleTriggerStatus { members, ..ScheduleTriggerStatus::default() }
        };
        assert!(is_progress(&bound(1), &bound(2)));
        assert!(!is_progress(&bound(1), &ScheduleTriggerStatus { observed_generation: Some(2), ..bound(1) }));
    }

    #[test]
    fn progress_is_told_once_a_second() {
        let (pace, start) = (Pace::default(), Instant::now());
        assert_eq!(pace.left("a", start), None);
        pace.wrote("a".into(), start);
        assert_eq!(pace.left("a", start + PROGRESS / 4), Some(PROGRESS / 4 * 3));
        assert_eq!(pace.left("b", start), None);
        assert_eq!(pace.left("a", start + PROGRESS), None);
    }
}
