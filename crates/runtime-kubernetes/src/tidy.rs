//! What completed is kept for as long as the platform says. Pure.
//!
//! Kubernetes could do so itself, but it would not wait until the exposure says that the run completed. Then nobody
//! would know, and it would be started again.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use kube::ResourceExt as _;

use crate::{
    build::ANNOTATION_RUN, dereference::Dereferenced, observe::completed_at, validate::ValidPlan,
    values::Kind,
};

/// What was kept for long enough.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expiry {
    /// The runs to remove.
    pub jobs: Vec<Arc<Job>>,
    /// When the next one will be due.
    pub again: Option<Duration>,
}

/// What of the runs of `plan` that completed was kept for long enough at `now`, once it is remembered that they did.
pub fn expiry(plan: &ValidPlan, found: &Dereferenced, now: Timestamp) -> Expiry {
    let Some(ttl) = plan.work.run().and_then(|run| run.ttl_after_completed) else { return Expiry::default() };
    let mut expiry = Expiry::default();
    for (job, completed) in runs(plan, found).into_iter().filter_map(|job| Some((job, completed_at(job)?))) {
        let kept = Duration::try_from(now.duration_since(completed)).unwrap_or_default();
        match ttl.checked_sub(kept).filter(|rest| !rest.is_zero()) {
            None => expiry.jobs.push(job.clone()),
            Some(rest) => expiry.again = Some(expiry.again.map_or(rest, |again| again.min(rest))),
        }
    }
    expiry
}

/// The one run of a plan, if there is an exposure to remember it, or those that its schedule started.
fn runs<'a>(plan: &ValidPlan, found: &'a Dereferenced) -> Vec<&'a Arc<Job>> {
    if plan.work.kind() == Kind::CronJob {
        return found.runs.iter().collect();
    }
    let is_wanted = |job: &&Arc<Job>| {
        job.annotations().get(ANNOTATION_RUN) == Some(&plan.run)
            && job.owner_references().iter().any(|owner| owner.uid == plan.identity.uid)
    };
    found.mains.job.iter().filter(|_| found.exposure.is_some()).filter(is_wanted).collect()
}
