//! What runs before what.
//!
//! Kubernetes knows one row of containers that are started one after the other, before all that are started together.
//! So a container that runs before any other takes its place in that row, and whatever is not in the row waits for all
//! of it.

use std::collections::{BTreeMap, BTreeSet};

use api_types::{BeforeReady, PlanContainer};
use score_spec::order::needed_first;

use super::{ValidContainer, ValidProbe, probes::ValidProbes};
use crate::values::Timing;

/// When a container runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Turn {
    /// Together with all that are before no other, after all that are.
    #[default]
    Last,
    /// Before others, which start when it has ended with success.
    Completes,
    /// Before others, which start when it was started; it goes on running beside them.
    Starts,
    /// Before others, which start when the check passes; it goes on running beside them.
    Passes(Gate),
}

/// The probe that others wait for.
#[derive(Clone, Debug, PartialEq)]
pub struct Gate {
    /// The user's field.
    pub field: &'static str,
    /// What is checked.
    pub probe: ValidProbe,
}

impl Turn {
    /// Whether the container runs before others.
    pub fn is_early(&self) -> bool {
        *self != Self::Last
    }
}

/// When `container` runs. Several conditions are met by the strictest of them.
pub(super) fn turn(
    path: &str,
    container: &PlanContainer,
    probes: &ValidProbes,
    startup: Timing,
    problems: &mut Vec<String>,
) -> Turn {
    let (liveness, readiness) = (probes.liveness.as_ref(), probes.readiness.as_ref());
    let wanted = |ready: BeforeReady| container.before.values().any(|condition| condition.ready == ready);
    if wanted(BeforeReady::Complete) {
        check_completing(path, wanted(BeforeReady::Healthy), liveness, readiness, problems);
        return Turn::Completes;
    }
    if wanted(BeforeReady::Healthy) {
        let gate = |field, probe: Option<&ValidProbe>| {
            // It is made while the container starts, so the timing of what is checked later is not its own.
            let at_start = |probe: &ValidProbe| ValidProbe { check: probe.check.clone(), timing: startup };
            probe.map(|probe| Gate { field, probe: at_start(probe) })
        };
        let gate = gate("readinessProbe", readiness).or_else(|| gate("livenessProbe", liveness));
        return gate.map_or_else(
            || {
                problems.push(format!(
                    "{path}.before: others wait until the container is healthy, but it has no probe that shows it: add \
                     a readinessProbe to it."
                ));
                Turn::Starts
            },
            Turn::Passes,
        );
    }
    if wanted(BeforeReady::Started) { Turn::Starts } else { Turn::Last }
}

/// What cannot be asked of a container that has ended when others start.
fn check_completing(
    path: &str,
    healthy: bool,
    liveness: Option<&ValidProbe>,
    readiness: Option<&ValidProbe>,
    problems: &mut Vec<String>,
) {
    if healthy {
        problems.push(format!(
            "{path}.before: the container cannot be both complete for one container and healthy for another: make it \
             complete for both, or split it in two."
        ));
    }
    let probes = [("livenessProbe", liveness), ("readinessProbe", readiness)];
    for (field, _) in probes.iter().filter(|(_, probe)| probe.is_some()) {
        problems.push(format!(
            "{path}.{field}: a container that completes before others start is not probed: remove the probe, or let \
             others wait for started or healthy."
        ));
    }
}

/// The containers in the order in which they are started: first those that run before others, each after those that
/// it waits for itself; then the rest by name.
pub(super) fn sort(
    containers: &mut [ValidContainer],
    given: &BTreeMap<String, PlanContainer>,
    problems: &mut Vec<String>,
) {
    let mut needs: BTreeMap<&str, BTreeSet<&str>> =
        given.keys().map(|name| (name.as_str(), BTreeSet::new())).collect();
    for (name, container) in given {
        for later in container.before.keys() {
            match needs.get_mut(later.as_str()) {
                Some(needed) => drop(needed.insert(name)),
                None => problems.push(format!(
                    "spec.containers.{name}.before.{later}: there is no container {later}: correct the name, or \
                     remove this entry."
                )),
            }
        }
    }
    match needed_first(&needs) {
        Ok(order) => {
            let place = |name: &str| order.iter().position(|other| *other == name);
            containers.sort_by_key(|it| {
                let place = it.turn.is_early().then(|| place(&it.name)).flatten();
                (place.is_none(), place, it.name.clone())
            });
        }
        Err(cycle) => problems.push(format!(
            "spec.containers: containers wait for each other through before ({cycle}): remove one of these entries."
        )),
    }
}

#[cfg(test)]
mod tests;
