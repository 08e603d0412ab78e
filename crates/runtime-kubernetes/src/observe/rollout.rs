//! What the Deployment says.

use k8s_openapi::api::apps::v1::{Deployment, DeploymentCondition, DeploymentStatus};

use crate::messages;

/// Whether every instance that is wanted runs the newest template and serves, and none of an older one is left.
pub(super) fn complete(deployment: &Deployment) -> bool {
    let Some(status) = current_status(deployment) else { return false };
    let wanted = wanted(deployment);
    wanted > 0
        && [status.updated_replicas, status.replicas, status.available_replicas]
            .into_iter()
            .all(|count| count.unwrap_or_default() == wanted)
}

/// Whether at least one instance serves.
pub(super) fn available(deployment: &Deployment) -> bool {
    let status = deployment.status.as_ref();
    status.and_then(|status| status.available_replicas).unwrap_or_default() > 0
}

/// Whether the roll-out made no progress for as long as the Deployment allows.
pub(super) fn overdue(deployment: &Deployment) -> bool {
    condition(deployment, "Progressing")
        .is_some_and(|it| it.reason.as_deref() == Some("ProgressDeadlineExceeded"))
}

/// Why instances of the newest template could not even be created. Kubernetes also reports what an older template
/// suffers from, which no longer matters once all instances of the newest exist.
pub(super) fn replica_failure(deployment: &Deployment) -> Option<&str> {
    let updated = current_status(deployment)?.updated_replicas.unwrap_or_default();
    let failure = condition(deployment, "ReplicaFailure").filter(|it| it.status == "True")?;
    failure.message.as_deref().filter(|_| updated < wanted(deployment))
}

/// What the roll-out waits for.
pub(super) fn hint(deployment: &Deployment) -> Option<String> {
    (wanted(deployment) == 0).then(|| messages::SCALED_TO_ZERO.to_owned())
}

/// Kubernetes' default for a number that nobody set is one.
fn wanted(deployment: &Deployment) -> i32 {
    deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1)
}

/// The status, unless it speaks of an older spec than the one at hand.
fn current_status(deployment: &Deployment) -> Option<&DeploymentStatus> {
    deployment.status.as_ref().filter(|status| status.observed_generation >= deployment.metadata.generation)
}

fn condition<'a>(deployment: &'a Deployment, type_: &str) -> Option<&'a DeploymentCondition> {
    current_status(deployment)?.conditions.as_ref()?.iter().find(|condition| condition.type_ == type_)
}
