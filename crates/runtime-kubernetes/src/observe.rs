//! Step 5a: how what was made for a plan is doing. Pure: objects and the time in, one of three words out.

mod containers;
mod rollout;

use std::{sync::Arc, time::Duration};

use api_types::Reason;
use jiff::Timestamp;
use k8s_openapi::api::{apps::v1::Deployment, core::v1::Pod};
use kube::ResourceExt as _;

use crate::{
    build::ANNOTATION_TEMPLATE,
    messages::{self, Refusal},
    validate::ValidPlan,
};

/// How long a container that was started again must run before it counts as running. Without it a container that
/// crashes again and again would be reported as well each time it is started.
pub const STEADY: Duration = Duration::from_secs(10);

/// How long until something is tried again that was refused.
pub const SLOWLY: Duration = Duration::from_secs(60);

/// How a plan's instances are doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// As many as are wanted run, all of the current plan, and none of an earlier one is left.
    Running,
    /// Nothing is known to be wrong, and not everything runs yet.
    Underway(Underway),
    /// Something is wrong that waiting alone will not cure.
    Failing(Failing),
}

/// What is known of instances that do not all run yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Underway {
    /// What they wait for, if that can be told.
    pub hint: Option<String>,
    /// Whether at least one instance, of whatever plan, serves.
    pub available: bool,
    /// Whether they have taken longer than the platform gives them.
    pub overdue: bool,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failing {
    /// The reason of the condition.
    pub reason: Reason,
    /// What to do.
    pub message: String,
    /// When to look again although nothing changes.
    pub again: Option<Duration>,
}

impl Failing {
    /// The current plan does not run as it should.
    pub fn degraded(message: String) -> Self {
        Self { reason: Reason::RuntimeDegraded, message, again: None }
    }

    /// Both at once, if they are of one kind and say different things; else the first.
    pub fn and(self, other: Self) -> Self {
        if self.reason != other.reason || self.message == other.message {
            return self;
        }
        Self { message: format!("{} {}", self.message, other.message), ..self }
    }

    /// To be tried again although nothing that is watched changes, such as a quota that is raised. Spread, so that
    /// all that wait for the same do not come at once.
    pub fn slowly(self) -> Self {
        Self { again: Some(SLOWLY.mul_f64(rand::random_range(1.0..2.0))), ..self }
    }
}

impl From<Refusal> for Failing {
    fn from(refusal: Refusal) -> Self {
        Self { reason: refusal.reason, message: refusal.message, again: None }
    }
}

/// What there is to look at.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// The plan that was applied.
    pub plan: &'a ValidPlan,
    /// The Deployment as it is after that.
    pub deployment: &'a Deployment,
    /// The instances of the Workload, of whatever template, by name.
    pub pods: &'a [Arc<Pod>],
    /// The digest of the template that was applied.
    pub template_hash: &'a str,
    /// The time.
    pub now: Timestamp,
}

impl<'a> Seen<'a> {
    /// The instances that were made from the template that was applied, and that still count: neither being removed
    /// nor given up, as evicted ones are, which Kubernetes has replaced and keeps for the record.
    fn current_pods(self) -> impl Iterator<Item = &'a Pod> {
        let counts = move |pod: &&Pod| {
            let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
            pod.metadata.deletion_timestamp.is_none() && !matches!(phase, Some("Failed" | "Succeeded"))
        };
        let current = move |pod: &&Pod| {
            pod.annotations().get(ANNOTATION_TEMPLATE).is_some_and(|it| it == self.template_hash)
        };
        self.pods.iter().map(Arc::as_ref).filter(counts).filter(current)
    }
}

/// How the plan's instances are doing.
pub fn observe(seen: Seen<'_>) -> Health {
    // The Deployment's news are made from those of its pods, so where they contradict each other the pods' are newer.
    if let Some(failing) = containers::failing(seen) {
        return Health::Failing(failing);
    }
    if rollout::complete(seen.deployment) {
        return Health::Running;
    }
    if let Some(refusal) = rollout::replica_failure(seen.deployment).and_then(messages::refusal) {
        return Health::Failing(refusal.into());
    }
    Health::Underway(Underway {
        hint: containers::hint(seen).or_else(|| rollout::hint(seen.deployment)),
        available: rollout::available(seen.deployment),
        overdue: rollout::overdue(seen.deployment),
    })
}

#[cfg(test)]
mod tests;
