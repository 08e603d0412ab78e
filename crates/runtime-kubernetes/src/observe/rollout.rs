//! What the object says that keeps instances running.

use std::time::Duration;

use k8s_openapi::api::{
    apps::v1::{Deployment, DeploymentCondition, DeploymentStatus, StatefulSet},
    core::v1::Pod,
};

use super::Seen;

/// How long an instance may take to become ready: as long as a Deployment gives it.
pub const PROGRESS_DEADLINE: Duration = Duration::from_secs(600);

/// How far a roll-out has come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rollout<'a> {
    /// How many instances there are to be, by whoever decides that.
    pub(super) wanted: i32,
    /// Whether every one of them is of the newest template and serves, and none of an older one is left.
    pub(super) complete: bool,
    /// Whether at least one serves.
    pub(super) available: bool,
    /// Whether there was no progress for as long as is allowed.
    pub(super) overdue: bool,
    /// Whether there are fewer instances than wanted, of whatever template, and nothing tells since when.
    pub(super) missing: bool,
    /// Why instances of the newest template could not even be created.
    pub(super) replica_failure: Option<&'a str>,
    /// When it will be overdue, where nothing tells.
    pub(super) again: Option<Duration>,
}

impl<'a> Rollout<'a> {
    pub(super) fn of_deployment(deployment: &'a Deployment) -> Self {
        let wanted = wanted(deployment.spec.as_ref().and_then(|spec| spec.replicas));
        let status = current_status(deployment);
        let counts = status.map(|it| [it.updated_replicas, it.replicas, it.available_replicas]);
        let stuck = "ProgressDeadlineExceeded";
        Self {
            wanted,
            complete: all_are(counts, wanted),
            available: any(deployment.status.as_ref().and_then(|status| status.available_replicas)),
            overdue: condition(deployment, "Progressing")
                .is_some_and(|it| it.reason.as_deref() == Some(stuck)),
            missing: false,
            replica_failure: replica_failure(deployment, wanted),
            again: None,
        }
    }

    /// Unlike a Deployment a StatefulSet says neither that it makes no progress nor why it can create no instance. The
    /// former is told by the age of its instances, and by how many there are, of which one that is to be replaced counts
    /// until it is gone.
    pub(super) fn of_stateful_set(set: &'a StatefulSet, seen: Seen<'_>) -> Self {
        let wanted = wanted(set.spec.as_ref().and_then(|spec| spec.replicas));
        let status = set.status.as_ref().filter(|it| it.observed_generation >= set.metadata.generation);
        let rolled_out = status.is_some_and(|it| it.current_revision == it.update_revision);
        let counts = status.map(|it| [it.updated_replicas, Some(it.replicas), it.available_replicas]);
        let there = i32::try_from(seen.made_by(set).count()).unwrap_or(i32::MAX);
        let oldest = seen.current_pods().filter(|pod| !is_ready(pod)).filter_map(|pod| age(pod, seen)).max();
        Self {
            wanted,
            complete: rolled_out && all_are(counts, wanted),
            available: any(set.status.as_ref().and_then(|status| status.available_replicas)),
            overdue: oldest.is_some_and(|age| age >= PROGRESS_DEADLINE),
            missing: there < wanted,
            replica_failure: None,
            again: oldest.and_then(|age| PROGRESS_DEADLINE.checked_sub(age)).filter(|rest| !rest.is_zero()),
        }
    }
}

fn all_are(counts: Option<[Option<i32>; 3]>, wanted: i32) -> bool {
    wanted > 0 && counts.is_some_and(|counts| counts.iter().all(|count| count.unwrap_or_default() == wanted))
}

fn any(count: Option<i32>) -> bool {
    count.unwrap_or_default() > 0
}

/// Kubernetes' default for a number that nobody set is one.
fn wanted(replicas: Option<i32>) -> i32 {
    replicas.unwrap_or(1)
}

/// Kubernetes also reports what an older template suffers from, which no longer matters once all instances of the
/// newest exist.
fn replica_failure(deployment: &Deployment, wanted: i32) -> Option<&str> {
    let updated = current_status(deployment)?.updated_replicas.unwrap_or_default();
    let failure = condition(deployment, "ReplicaFailure").filter(|it| it.status == "True")?;
    failure.message.as_deref().filter(|_| updated < wanted)
}

/// The status, unless it speaks of an older spec than the one at hand.
fn current_status(deployment: &Deployment) -> Option<&DeploymentStatus> {
    deployment.status.as_ref().filter(|status| status.observed_generation >= deployment.metadata.generation)
}

fn condition<'a>(deployment: &'a Deployment, type_: &str) -> Option<&'a DeploymentCondition> {
    current_status(deployment)?.conditions.as_ref()?.iter().find(|condition| condition.type_ == type_)
}

fn is_ready(pod: &Pod) -> bool {
    let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.as_ref());
    statuses.is_some_and(|statuses| statuses.iter().all(|status| status.ready))
}

fn age(pod: &Pod, seen: Seen<'_>) -> Option<Duration> {
    let created = pod.metadata.creation_timestamp.as_ref()?.0;
    Some(Duration::try_from(seen.now.duration_since(created)).unwrap_or_default())
}
