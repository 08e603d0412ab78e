//! What something says that runs to its end.

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::{Job, JobCondition};

use super::{Failing, Health, Seen, Underway, containers};
use crate::messages;

/// How the run of a Job is doing.
pub(super) fn observe(seen: Seen<'_>, job: &Job) -> Health {
    if completed_at(job).is_some() {
        return Health::Completed;
    }
    if let Some(failure) = failed(job) {
        let message = messages::run_failed(failure.reason.as_deref(), cause(seen, job));
        return Health::Failing(Failing::degraded(message));
    }
    if job.spec.as_ref().and_then(|spec| spec.suspend) == Some(true) {
        return Health::Failing(Failing::degraded(messages::SUSPENDED.into()));
    }
    if let Some(failing) = containers::failing(seen) {
        return Health::Failing(failing);
    }
    let tried = cause(seen, job).map(messages::tried_again);
    let runs = seen.current_pods().next().map(|_| messages::RUNS_TO_ITS_END.to_owned());
    let hint = containers::hint(seen).or(tried).or(runs);
    Health::Underway(Underway { hint, expected: true, ..Underway::default() })
}

/// When it completed, if it did.
pub fn completed_at(job: &Job) -> Option<Timestamp> {
    let ended = job.status.as_ref().and_then(|status| status.completion_time.as_ref()).map(|time| time.0);
    let noticed = |condition: &JobCondition| condition.last_transition_time.as_ref().map(|time| time.0);
    condition(job, "Complete").map(|it| ended.or_else(|| noticed(it)).unwrap_or_default())
}

/// Why it was given up, if it was.
pub fn failed(job: &Job) -> Option<&JobCondition> {
    condition(job, "Failed")
}

/// Whether it is over, well or not.
pub fn has_ended(job: &Job) -> bool {
    completed_at(job).is_some() || failed(job).is_some()
}

/// Whether any of its instances answers requests.
pub(super) fn serves(job: &Job) -> bool {
    job.status.as_ref().and_then(|status| status.ready).unwrap_or_default() > 0
}

/// What went wrong in the instance that failed last.
pub(super) fn cause(seen: Seen<'_>, job: &Job) -> Option<String> {
    containers::failure(seen.plan, seen.last_failed(job)?)
}

fn condition<'a>(job: &'a Job, type_: &str) -> Option<&'a JobCondition> {
    let conditions = job.status.as_ref()?.conditions.as_ref()?;
    conditions.iter().find(|condition| condition.type_ == type_ && condition.status == "True")
}
