//! Events on the Workload: one for every change of the reason of its readiness. The library adds those that repeat to one
//! Event with a count.

use api_types::{ConditionType, Reason, WorkloadStatus};
use k8s_controller::events::{Event, EventType};

/// The event that the step from `before` to `after` deserves, if any. The first status of a Workload changes nothing, so
/// it is told only if it is a failure.
pub fn event_for(before: Option<&WorkloadStatus>, after: &WorkloadStatus) -> Option<Event> {
    let (was, (is, message)) = (before.and_then(readiness).map(|(reason, _)| reason), readiness(after)?);
    if was == Some(is) {
        return None;
    }
    if is_failure(is) {
        return Some(event(EventType::Warning, is, message));
    }
    was?;
    let note = if is == Reason::Succeeded { success(after) } else { message.to_owned() };
    Some(event(EventType::Normal, is, &note))
}

fn success(status: &WorkloadStatus) -> String {
    let said = "The Workload is ready";
    status.endpoint.as_ref().map_or_else(|| format!("{said}."), |endpoint| format!("{said}: {endpoint}"))
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
    fn every_change_of_reason_is_told_once() {
        let steps = [Reason::BindingPending, Reason::RuntimeProvisioning, Reason::Succeeded].map(status);
        assert_eq!(event_for(None, &steps[0]), None);
        assert_eq!(event_for(Some(&steps[0]), &steps[0]), None);
        let told: Vec<_> = steps.windows(2).filter_map(|step| event_for(Some(&step[0]), &step[1])).collect();
        let told: Vec<_> = told.iter().map(|event| (event.reason.as_str(), event.note.as_deref())).collect();
        let progress = ("RuntimeProvisioning", Some("what to do"));
        assert_eq!(told, [progress, ("Succeeded", Some("The Workload is ready."))]);
    }

    #[test]
    fn a_ready_workload_is_told_with_its_endpoint() {
        let endpoint = Some("http://hello.team.svc:80".to_owned());
        let ready = WorkloadStatus { endpoint, ..status(Reason::Succeeded) };
        let event = event_for(Some(&status(Reason::RuntimeProvisioning)), &ready).unwrap();
        assert_eq!(event.note.as_deref(), Some("The Workload is ready: http://hello.team.svc:80"));
    }

    #[test]
    fn a_failure_is_told_once_with_what_to_do() {
        let degraded = status(Reason::RuntimeDegraded);
        let event = event_for(Some(&status(Reason::Succeeded)), &degraded).unwrap();
        assert_eq!((event.reason.as_str(), event.note.as_deref()), ("RuntimeDegraded", Some("what to do")));
        assert_eq!(event_for(Some(&degraded), &degraded), None);
        assert!(event_for(None, &status(Reason::SpecInvalid)).is_some());
    }
}
