//! What the instances say of their containers.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{
    ContainerStateRunning, ContainerStateTerminated, ContainerStateWaiting, ContainerStatus, Pod,
};

use super::{Failing, STEADY, Seen, mounts};
use crate::{
    build::joiner_name,
    messages,
    validate::{Turn, ValidContainer, ValidPlan},
};

/// The first container, by instance and name, of which something is wrong.
pub(super) fn failing(seen: Seen<'_>) -> Option<Failing> {
    // What runs to its end may end: whether it failed is for the run to say, which tries again.
    let keeps_running = seen.plan.work.kind().keeps_running();
    let own = containers(seen).find_map(|(container, status)| {
        let stuck = cannot_start(container, status);
        stuck.or_else(|| keeps_running.then(|| does_not_keep_running(container, status, seen.now)).flatten())
    });
    own.or_else(|| joiner_failing(seen))
}

/// What keeps files from being joined. It prints what the user must know, and nothing else.
fn joiner_failing(seen: Seen<'_>) -> Option<Failing> {
    let name = joiner_name(seen.plan)?;
    let told = |status: &ContainerStatus| {
        let now = status.state.as_ref()?;
        let waits = now.waiting.as_ref().and_then(|waiting| waiting.reason.as_deref());
        match (waits, now.terminated.as_ref().or(last_end(status)).filter(|end| end.exit_code != 0)) {
            (None | Some("CrashLoopBackOff"), Some(end)) => Some(messages::joiner(end.message.as_deref())),
            (None | Some("ContainerCreating" | "PodInitializing"), _) => None,
            (Some(_), _) => Some(messages::joiner(None)),
        }
    };
    let statuses = seen.current_pods().flat_map(statuses);
    statuses.filter(|status| status.name == name).find_map(told).map(Failing::degraded)
}

/// What the first instance that waits waits for.
pub(super) fn hint(seen: Seen<'_>) -> Option<String> {
    let unschedulable = seen.current_pods().find_map(unschedulable).map(messages::no_room);
    unschedulable
        .or_else(|| seen.current_pods().find_map(|pod| mounts::hint(seen.plan, pod)))
        .or_else(|| containers(seen).find_map(|(container, status)| waited_for(container, status)))
}

/// Whether an instance takes requests, and has not only just been started again.
pub(super) fn answer(seen: Seen<'_>) -> bool {
    let unsteady = |status: &ContainerStatus| {
        let container = container(seen.plan, status);
        container.is_some_and(|container| does_not_keep_running(container, status, seen.now).is_some())
    };
    let well = |status: &ContainerStatus| status.ready && !unsteady(status);
    seen.current_pods().any(|pod| statuses(pod).next().is_some() && statuses(pod).all(well))
}

/// The user's containers with their states. Containers that the platform added are not the user's to mend.
fn containers(seen: Seen<'_>) -> impl Iterator<Item = (&ValidContainer, &ContainerStatus)> {
    let statuses = seen.current_pods().flat_map(statuses);
    statuses.filter_map(move |status| Some((container(seen.plan, status)?, status)))
}

fn container<'a>(plan: &'a ValidPlan, status: &ContainerStatus) -> Option<&'a ValidContainer> {
    plan.containers.iter().find(|container| container.name == status.name)
}

/// What is known of every container of an instance, in the order in which they are started.
fn statuses(pod: &Pod) -> impl Iterator<Item = &ContainerStatus> {
    let lists =
        pod.status.iter().flat_map(|status| [&status.init_container_statuses, &status.container_statuses]);
    lists.flatten().flatten()
}

/// What ended other than it should in an instance that failed.
pub(super) fn failure(plan: &ValidPlan, pod: &Pod) -> Option<String> {
    // Those that run beside others are stopped when the others have ended: what they end with is no cause.
    let beside = |it: &ContainerStatus| {
        container(plan, it).is_some_and(|it| matches!(it.turn, Turn::Starts | Turn::Passes(_)))
    };
    let (beside, own): (Vec<_>, Vec<_>) = statuses(pod).partition(|status| beside(status));
    own.into_iter().chain(beside).find_map(|status| {
        let end = status.state.as_ref()?.terminated.as_ref().filter(|end| end.exit_code != 0)?;
        if joiner_name(plan).is_some_and(|joiner| joiner == status.name) {
            return Some(messages::joiner(end.message.as_deref()));
        }
        Some(ended(container(plan, status)?, end))
    })
}

fn cannot_start(container: &ValidContainer, status: &ContainerStatus) -> Option<Failing> {
    let waiting = status.state.as_ref()?.waiting.as_ref()?;
    waiting_failing(container, waiting, last_end(status)).map(Failing::degraded)
}

fn does_not_keep_running(
    container: &ValidContainer,
    status: &ContainerStatus,
    now: Timestamp,
) -> Option<Failing> {
    let state = status.state.as_ref()?;
    if let Some(end) = state.terminated.as_ref().filter(|end| !is_done(container, end)) {
        return Some(Failing::degraded(ended(container, end)));
    }
    let again = unsteady(state.running.as_ref()?, now)?;
    last_end(status).map(|end| Failing { again: Some(again), ..Failing::degraded(ended(container, end)) })
}

fn last_end(status: &ContainerStatus) -> Option<&ContainerStateTerminated> {
    status.last_state.as_ref().and_then(|last| last.terminated.as_ref())
}

fn waiting_failing(
    container: &ValidContainer,
    waiting: &ContainerStateWaiting,
    last_end: Option<&ContainerStateTerminated>,
) -> Option<String> {
    let detail = waiting.message.as_deref().unwrap_or_default();
    match waiting.reason.as_deref()? {
        "ErrImagePull"
        | "ImagePullBackOff"
        | "ErrImageNeverPull"
        | "RegistryUnavailable"
        | "ImageInspectError"
        | "SignatureValidationFailed" => Some(messages::image(&container.name, &container.image, detail)),
        "InvalidImageName" => Some(messages::image_name(&container.name, &container.image)),
        "CreateContainerConfigError" => Some(messages::cannot_set_up(&container.name, detail)),
        "CreateContainerError" | "RunContainerError" => Some(messages::cannot_start(&container.name, detail)),
        "CrashLoopBackOff" => last_end.map(|end| ended(container, end)),
        _ => None,
    }
}

/// Whether a container has ended as it should.
fn is_done(container: &ValidContainer, end: &ContainerStateTerminated) -> bool {
    container.turn == Turn::Completes && end.exit_code == 0
}

fn ended(container: &ValidContainer, end: &ContainerStateTerminated) -> String {
    match end.reason.as_deref() {
        Some("OOMKilled") => messages::out_of_memory(&container.name),
        Some("StartError" | "ContainerCannotRun") => {
            messages::cannot_start(&container.name, end.message.as_deref().unwrap_or_default())
        }
        _ if container.turn == Turn::Completes => messages::not_completed(&container.name, end.exit_code),
        _ => messages::stopped(&container.name, end.exit_code, deadly_probe(container)),
    }
}

/// The probe of which Kubernetes may have stopped a container because it did not pass.
fn deadly_probe(container: &ValidContainer) -> Option<&'static str> {
    match (&container.liveness, &container.turn) {
        (Some(_), _) => Some("livenessProbe"),
        (None, Turn::Passes(gate)) => Some(gate.field),
        (None, _) => None,
    }
}

/// How long until a container counts as running steadily; `None` if it does.
fn unsteady(running: &ContainerStateRunning, now: Timestamp) -> Option<Duration> {
    let ran = Duration::try_from(now.duration_since(running.started_at.as_ref()?.0)).unwrap_or_default();
    // The start is known in whole seconds, so the end is only reached a second later for sure.
    STEADY.checked_sub(ran).filter(|rest| !rest.is_zero()).map(|rest| rest + Duration::from_secs(1))
}

/// What others, or requests, wait for in a container that runs.
fn waited_for(container: &ValidContainer, status: &ContainerStatus) -> Option<String> {
    status.state.as_ref()?.running.as_ref()?;
    match &container.turn {
        Turn::Completes => Some(messages::completing(&container.name)),
        Turn::Passes(gate) if status.started != Some(true) => {
            Some(messages::not_healthy(&container.name, gate.field))
        }
        _ if !status.ready && container.readiness.is_some() => Some(messages::not_ready(&container.name)),
        _ => None,
    }
}

fn unschedulable(pod: &Pod) -> Option<&str> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    let scheduled = conditions.iter().find(|condition| condition.type_ == "PodScheduled")?;
    let waits = scheduled.status == "False" && scheduled.reason.as_deref() == Some("Unschedulable");
    waits.then(|| scheduled.message.as_deref().unwrap_or_default())
}

#[cfg(test)]
mod tests;
