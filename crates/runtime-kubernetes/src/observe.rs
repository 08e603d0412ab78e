//! Step 5a: how what was made for a plan is doing. Pure: objects and the time in, one of three words out.

mod containers;
mod instances;
pub(crate) mod load;
pub(crate) mod mounts;
mod rollout;
mod run;
mod schedule;
mod unmade;

use std::{sync::Arc, time::Duration};

use api_types::Reason;
use jiff::Timestamp;
use k8s_openapi::api::{batch::v1::Job, core::v1::Pod};

use self::rollout::Rollout;
pub use self::{
    load::Load,
    rollout::PROGRESS_DEADLINE,
    run::{completed_at, failed, has_ended},
    unmade::{Unmade, unmade},
};
use crate::{
    main_object::Main,
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
    /// It ran to its end.
    Completed,
    /// It runs when its time has come, and did not fail the last time.
    Scheduled {
        /// Whether there was a last time.
        ran: bool,
    },
    /// Nothing is known to be wrong, and not everything runs yet.
    Underway(Underway),
    /// Something is wrong that waiting alone will not cure.
    Failing(Failing),
}

impl Health {
    /// Whether all is as the plan wants it.
    pub fn is_good(&self) -> bool {
        matches!(self, Self::Running | Self::Completed | Self::Scheduled { .. })
    }
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
    /// Whether that is how it should be, as with something that runs to its end: no decline, whatever was before.
    pub expected: bool,
    /// Whether instances are missing of which nothing tells how long they have been.
    pub missing: bool,
    /// When to look again although nothing changes.
    pub again: Option<Duration>,
}

impl Underway {
    /// Waits for what `hint` says.
    pub fn because(hint: &str) -> Self {
        Self { hint: Some(hint.to_owned()), ..Self::default() }
    }
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
    /// The plan asks for something that cannot be made.
    pub fn projection(message: String) -> Self {
        Self { reason: Reason::ProjectionError, message, again: None }
    }

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
    /// The main object as it is after that.
    pub main: &'a Main,
    /// The runs that a schedule has started, by name.
    pub runs: &'a [Arc<Job>],
    /// The instances of the Workload, of whatever template, by name.
    pub pods: &'a [Arc<Pod>],
    /// The time.
    pub now: Timestamp,
}

/// How the plan's instances are doing.
pub fn observe(seen: Seen<'_>) -> Health {
    // The main object's news are made from those of its pods, so where they contradict each other the pods' are newer.
    match seen.main {
        Main::Deployment(object) => containers::failing(seen)
            .map_or_else(|| serving(seen, Rollout::of_deployment(object)), Health::Failing),
        Main::StatefulSet(object) => containers::failing(seen)
            .map_or_else(|| serving(seen, Rollout::of_stateful_set(object, seen)), Health::Failing),
        Main::Job(object) => run::observe(seen, object),
        Main::CronJob(object) => schedule::observe(seen, object),
    }
}

/// Whether requests are answered now. `health` is what [`observe`] made of the same.
pub fn serves(seen: Seen<'_>, health: &Health) -> bool {
    // As many as are wanted are more than it takes to answer.
    let some_do =
        |rollout: Rollout<'_>| *health == Health::Running || (rollout.available && containers::answer(seen));
    match seen.main {
        Main::Deployment(object) => some_do(Rollout::of_deployment(object)),
        Main::StatefulSet(object) => some_do(Rollout::of_stateful_set(object, seen)),
        Main::Job(job) => run::serves(job),
        Main::CronJob(object) => schedule::active(seen, object).any(run::serves),
    }
}

/// Whether the instances are as they are to be, so that those of another kind of work are not needed any more.
pub fn has_taken_over(main: &Main, health: &Health) -> bool {
    let nothing_wanted = || match main {
        Main::Deployment(object) => Rollout::of_deployment(object).wanted == 0,
        Main::StatefulSet(object) => object.spec.as_ref().is_some_and(|spec| spec.replicas == Some(0)),
        Main::Job(_) | Main::CronJob(_) => false,
    };
    *health == Health::Running || nothing_wanted()
}

fn serving(seen: Seen<'_>, rollout: Rollout<'_>) -> Health {
    if rollout.complete {
        return Health::Running;
    }
    if let Some(refusal) = rollout.replica_failure.and_then(messages::refusal) {
        return Health::Failing(refusal.into());
    }
    let to_zero = || (rollout.wanted == 0).then(|| messages::SCALED_TO_ZERO.to_owned());
    Health::Underway(Underway {
        hint: containers::hint(seen).or_else(to_zero),
        available: rollout.available,
        overdue: rollout.overdue,
        expected: false,
        missing: rollout.missing,
        again: rollout.again,
    })
}

#[cfg(test)]
mod kinds_tests;
#[cfg(test)]
mod tests;
