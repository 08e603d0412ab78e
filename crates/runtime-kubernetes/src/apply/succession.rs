//! What has to make way for a main object, and what may go on. Pure.

use k8s_openapi::api::batch::v1::{Job, JobSpec};
use kube::ResourceExt as _;

use crate::{
    build::{ANNOTATION_RUN, ANNOTATION_TEMPLATE},
    main_object::{Main, Mains},
    observe::failed,
};

/// How often Kubernetes tries again where nobody says how often.
const BACKOFF_LIMIT: i32 = 6;

/// What must be gone before `desired` may start: what does another kind of work, unless both can serve at a time, and
/// another run.
pub(super) fn in_the_way(desired: &Main, live: &Mains) -> Vec<Main> {
    let kind = desired.kind();
    let mut former = live.others(kind);
    former.retain(|former| !former.kind().may_overlap(kind));
    if let (Main::Job(desired), Some(job)) = (desired, &live.job)
        && is_another_run(desired, job)
    {
        former.push(Main::Job(job.clone()));
    }
    former
}

/// `desired` as it is created: where others decide how many instances there are, with as many as what it takes the place
/// of. From then on they decide, as they do when the values stop to.
pub(super) fn inheriting(desired: &Main, live: &Mains) -> Main {
    let kind = desired.kind();
    let first = live.of(kind).is_none() && desired.replicas().is_none();
    let former = live.others(kind).iter().find_map(Main::replicas).filter(|_| first);
    former.map_or_else(|| desired.clone(), |replicas| desired.clone().with_replicas(replicas))
}

/// Whether `live` has to be run anew to become `desired`: it does something else, or it failed and may now do more to
/// get there.
fn is_another_run(desired: &Job, live: &Job) -> bool {
    run_of(desired) != run_of(live) || (failed(live).is_some() && limits(desired) != limits(live))
}

fn run_of(job: &Job) -> Option<&String> {
    job.annotations().get(ANNOTATION_RUN)
}

fn limits(job: &Job) -> Option<(i32, Option<i64>)> {
    let spec = job.spec.as_ref()?;
    Some((spec.backoff_limit.unwrap_or(BACKOFF_LIMIT), spec.active_deadline_seconds))
}

/// `desired` as it can be applied to `live`, whose instances can no longer be made of anything else: what this runtime
/// builds in another way than the one that built it must not make it run again.
pub(super) fn onto(desired: &Job, live: Option<&Job>) -> Job {
    let mut desired = desired.clone();
    let built_alike = |one: &JobSpec, other: &JobSpec| template_hash(one) == template_hash(other);
    if let (Some(spec), Some(live)) = (&mut desired.spec, live.and_then(|live| live.spec.as_ref()))
        && !built_alike(spec, live)
    {
        spec.template = live.template.clone();
        spec.completions = live.completions;
    }
    desired
}

fn template_hash(spec: &JobSpec) -> Option<&String> {
    spec.template.metadata.as_ref()?.annotations.as_ref()?.get(ANNOTATION_TEMPLATE)
}
