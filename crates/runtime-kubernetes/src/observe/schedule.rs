//! What something says that runs to its end again and again.

use k8s_openapi::api::batch::v1::{CronJob, Job};
use kube::ResourceExt as _;

use super::{
    Failing, Health, Seen, Underway, containers,
    instances::is_owned,
    run::{cause, failed, has_ended},
};
use crate::{build::ANNOTATION_RUN, messages};

/// How the runs of a CronJob are doing. Those of another plan have no say, but this one has not rolled out before they
/// have ended: they use what it may need no more, such as a database.
pub(super) fn observe(seen: Seen<'_>, cron_job: &CronJob) -> Health {
    if cron_job.spec.suspend == Some(true) {
        return Health::Failing(Failing::degraded(messages::SUSPENDED.into()));
    }
    if let Some(failing) = containers::failing(seen) {
        return Health::Failing(failing);
    }
    let ended = || runs(seen, cron_job).filter(|run| has_ended(run));
    let last =
        ended().max_by_key(|run| (run.metadata.creation_timestamp.as_ref().map(|it| it.0), run.name_any()));
    let failure = last.and_then(|run| Some((run, failed(run)?)));
    match failure.filter(|(run, _)| !is_made_good(run, cron_job)) {
        Some((run, failure)) => {
            let message = messages::last_run_failed(failure.reason.as_deref(), cause(seen, run));
            Health::Failing(Failing::degraded(message))
        }
        None if is_former_active(seen, cron_job) => {
            Health::Underway(Underway { expected: true, ..Underway::because(messages::FORMER_RUNS) })
        }
        None => Health::Scheduled { ran: last.is_some() || last_success(cron_job).is_some() },
    }
}

/// The runs that have not ended.
pub(super) fn active<'a>(seen: Seen<'a>, cron_job: &'a CronJob) -> impl Iterator<Item = &'a Job> {
    runs(seen, cron_job).filter(|run| !has_ended(run))
}

fn runs<'a>(seen: Seen<'a>, cron_job: &'a CronJob) -> impl Iterator<Item = &'a Job> {
    all_runs(seen, cron_job).filter(move |run| is_current(seen, run))
}

/// Whether a run of another plan has not ended.
fn is_former_active(seen: Seen<'_>, cron_job: &CronJob) -> bool {
    all_runs(seen, cron_job).any(|run| !is_current(seen, run) && !has_ended(run))
}

fn all_runs<'a>(seen: Seen<'a>, cron_job: &'a CronJob) -> impl Iterator<Item = &'a Job> {
    let runs = seen.runs.iter().map(AsRef::as_ref);
    runs.filter(|run| is_owned(*run, cron_job))
}

fn is_current(seen: Seen<'_>, run: &Job) -> bool {
    run.annotations().get(ANNOTATION_RUN) == Some(&seen.plan.run)
}

/// Whether a later run completed that is no longer there.
fn is_made_good(run: &Job, cron_job: &CronJob) -> bool {
    let started = run.metadata.creation_timestamp.as_ref().map(|time| time.0);
    let given_up = failed(run).and_then(|failure| failure.last_transition_time.as_ref()).map(|time| time.0);
    last_success(cron_job).is_some_and(|success| started < Some(success) && given_up < Some(success))
}

fn last_success(cron_job: &CronJob) -> Option<jiff::Timestamp> {
    Some(cron_job.status.as_ref()?.last_successful_time.as_ref()?.0)
}
