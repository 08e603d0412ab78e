//! Events on the Workload: told when its readiness fails for a new reason, and when it comes back from a failure.
//!
//! A smooth roll-out needs none: the status tells it, and an event for each step would double the writes.

use api_types::{ConditionType, Reason, WorkloadStatus};
use k8s_controller::events::{Event, EventType};

/// The event that the step from `before` to `after` deserves, if any.
pub fn event_for(before: Option<&WorkloadStatus>, after: &WorkloadStatus) -> Option<Event> {
    let (was, (is, message)) = (before.and_then(readiness).map(|(reason, _)| reason), readiness(after)?);
    if was == Some(is) {
        return None;
    }
    if is_failure(is) {
        return Some(event(EventType::Warning, is, message));
    }
    let recovered = is == Reason::Succeeded && was.is_some_and(is_failure);
    recovered.then(|| event(EventType::Normal, is, "The Workload is ready again."))
}

fn readiness(status: &WorkloadStatus) -> Option<(Reason, &str)> {
    let ready = conditions::find(&status.conditions, ConditionType::Ready.into())?;
    Some((ready.reason.parse().ok()?, &ready.message))
}

fn is_failure(reason: Reason) -> bool {
    match reason {
        Reason::Succeeded
        | Reason::BindingPending
        | Reason::RuntimeSelecting
        | Reason::RuntimeProvisioning => false,
        Reason::SpecInvalid
        | Reason::PolicyViolation
        | Reason::BindingFailed
        | Reason::ProjectionError
        | Reason::RuntimeDegraded
        | Reason::QuotaExceeded
        | Reason::PermissionDenied
        | Reason::NetworkUnavailable => true,
    }
}

fn event(type_: EventType, reason: Reason, note: &str) -> Event {
    Event {
        type_,
        reason: reason.to_string(),
        action: "Reconcile".into(),
        note: Some(note.into()),
        related: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(reason: Reason) -> WorkloadStatus {
        let desired = conditions::Desired {
            type_: ConditionType::Ready.to_string(),
            status: conditions::Status::False,
            reason: reason.to_string(),
            message: "what to do".into(),
            observed_generation: 1,
        };
        let conditions = conditions::reconcile(&[], [desired], jiff::Timestamp::UNIX_EPOCH);
        WorkloadStatus { conditions, ..WorkloadStatus::default() }
    }

    #[test]
    fn a_smooth_roll_out_makes_no_event() {
        let steps = [Reason::BindingPending, Reason::RuntimeProvisioning, Reason::Succeeded].map(status);
        assert_eq!(event_for(None, &steps[0]), None);
        assert!(steps.windows(2).all(|step| event_for(Some(&step[0]), &step[1]).is_none()));
    }

    #[test]
    fn a_failure_is_told_once_with_what_to_do() {
        let degraded = status(Reason::RuntimeDegraded);
        let event = event_for(Some(&status(Reason::Succeeded)), &degraded).unwrap();
        assert_eq!((event.reason.as_str(), event.note.as_deref()), ("RuntimeDegraded", Some("what to do")));
        assert_eq!(event_for(Some(&degraded), &degraded), None);
    }

    #[test]
    fn coming_back_from_a_failure_is_told() {
        assert!(event_for(Some(&status(Reason::QuotaExceeded)), &status(Reason::Succeeded)).is_some());
    }
}
