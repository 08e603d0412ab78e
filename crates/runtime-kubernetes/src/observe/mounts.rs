//! What is mounted, which Kubernetes waits for before it starts anything, and without a word in the status.

use k8s_openapi::api::core::v1::{ContainerStatus, Pod};

use crate::{
    messages,
    validate::{FileContent, ValidPlan},
};

/// The condition that becomes true when everything is mounted and the network is there.
pub(crate) const CONDITION: &str = "PodReadyToStartContainers";

/// What `pod` waits for, if it has a place to run, nothing in it was ever started, and there is something to mount
/// that may be missing.
pub(super) fn hint(plan: &ValidPlan, pod: &Pod) -> Option<String> {
    let fields = fields(plan);
    let status = pod.status.as_ref()?;
    let waits = status.conditions.as_ref()?.iter().any(|it| it.type_ == CONDITION && it.status == "False");
    let mut statuses =
        [&status.init_container_statuses, &status.container_statuses].into_iter().flatten().flatten();
    let placed = status.host_ip.is_some();
    (waits && placed && !fields.is_empty() && !statuses.any(was_started)).then(|| messages::mounting(&fields))
}

fn was_started(status: &ContainerStatus) -> bool {
    let state = status.state.as_ref();
    status.restart_count > 0
        || state.is_some_and(|state| state.running.is_some() || state.terminated.is_some())
}

/// The fields that mount what others made: outputs and volumes.
fn fields(plan: &ValidPlan) -> Vec<String> {
    let mut fields = Vec::new();
    for container in &plan.containers {
        if container.files.iter().any(|file| matches!(file.content, FileContent::Secret(_))) {
            fields.push(format!("spec.containers.{}.files", container.name));
        }
        if !container.volumes.is_empty() {
            fields.push(format!("spec.containers.{}.volumes", container.name));
        }
    }
    fields
}

#[cfg(test)]
mod tests;
