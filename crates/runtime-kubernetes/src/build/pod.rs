//! What an instance consists of: containers in their order, and what is mounted into them.

use k8s_openapi::api::core::v1::{Container, Probe, Volume, VolumeMount};

use super::{PodSecurity, container, files, join, volumes};
use crate::validate::{Gate, Turn, ValidContainer, ValidPlan};

/// How often the probe that other containers wait for is made, in seconds: as long as each of them may wait longer
/// than it has to.
const GATE_PERIOD: i32 = 2;
/// How often it may fail before the container is started anew: as long as Kubernetes waits for a roll-out to get on.
const GATE_FAILURES: i32 = 300;

/// The containers that run before others, one after the other, as init containers. Those that go on running beside the
/// others are what Kubernetes calls sidecars.
pub(super) fn early(plan: &ValidPlan, security: PodSecurity) -> Vec<Container> {
    let containers = plan.containers.iter().filter(|container| container.turn.is_early());
    let joiner = join::container(plan);
    joiner.into_iter().chain(containers.map(|container| build(container, security))).collect()
}

/// The containers that are started together after those.
pub(super) fn last(plan: &ValidPlan, security: PodSecurity) -> Vec<Container> {
    let containers = plan.containers.iter().filter(|container| !container.turn.is_early());
    containers.map(|container| build(container, security)).collect()
}

/// Everything that some container mounts.
pub(super) fn all_volumes(plan: &ValidPlan) -> Vec<Volume> {
    let files = plan.containers.iter().filter_map(|container| files::volume(&plan.identity, container));
    files.chain(join::volumes(plan)).chain(volumes::shared(plan)).collect()
}

fn build(container: &ValidContainer, security: PodSecurity) -> Container {
    let mut built = container::build(container, security);
    let mounts = mounts(container);
    built.volume_mounts = (!mounts.is_empty()).then_some(mounts);
    match &container.turn {
        Turn::Last | Turn::Completes => {}
        Turn::Starts => built.restart_policy = Some("Always".into()),
        Turn::Passes(gate) => {
            built.restart_policy = Some("Always".into());
            built.startup_probe = Some(startup_probe(gate));
        }
    }
    built
}

/// What holds others must stand before what it holds.
fn mounts(container: &ValidContainer) -> Vec<VolumeMount> {
    let mut mounts: Vec<_> = files::mounts(container).chain(volumes::mounts(container)).collect();
    mounts.sort_by(|one, other| one.mount_path.cmp(&other.mount_path));
    mounts
}

fn startup_probe(gate: &Gate) -> Probe {
    let probe = container::probe(&gate.probe);
    Probe {
        period_seconds: probe.period_seconds.or(Some(GATE_PERIOD)),
        failure_threshold: probe.failure_threshold.or(Some(GATE_FAILURES)),
        ..probe
    }
}

#[cfg(test)]
mod tests;
