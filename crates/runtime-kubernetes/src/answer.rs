//! Step 5b: what to say about it, if anything. Pure.
//!
//! Each answer is a write that the whole platform pays for. A smooth roll-out costs one: no answer for the plan's
//! generation already means that it is under way.

use std::time::Duration;

use api_types::{ConditionType, Exposure, Reason, WorkloadExposureStatus};
use jiff::Timestamp;

use crate::{
    messages,
    observe::{Health, PROGRESS_DEADLINE, Underway},
    validate::Identity,
};

/// How long a roll-out may take, or a Workload that runs may have too few instances, before there is a word about it. Well
/// below the half minute after which a runtime that does not answer to a plan counts as absent.
pub const GRACE: Duration = Duration::from_secs(10);

/// What to do about the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Say this.
    Say(Verdict),
    /// Leave what was said, or not said, as it is, and look again after this long.
    Wait(Duration),
}

/// The content of `RuntimeReady`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Why; `Succeeded` where the condition is True.
    pub reason: Reason,
    /// What to do.
    pub message: String,
    /// When to look again although nothing changes.
    pub again: Option<Duration>,
}

impl Verdict {
    fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), again: None }
    }

    /// Whether the plan runs.
    pub fn ready(&self) -> bool {
        self.reason == Reason::Succeeded
    }

    /// With `remark` in the place of the message, if all is well but for that.
    pub fn with(self, remark: Option<&str>) -> Self {
        let remark = remark.filter(|_| self.ready()).map(str::to_owned);
        Self { message: remark.unwrap_or(self.message), ..self }
    }
}

/// What was last said about the generation at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// Nothing.
    Nothing,
    /// That it runs.
    Ready,
    /// That it does not, after it did, or for a reason that waiting will not cure.
    Degraded,
    /// That it does not yet.
    Other,
}

impl Said {
    /// What `status` says of `generation`.
    pub fn of(status: Option<&WorkloadExposureStatus>, generation: i64) -> Self {
        let answer = status.filter(|status| status.observed_plan_generation == Some(generation));
        let condition = answer.and_then(|answer| {
            conditions::find_observed(&answer.conditions, ConditionType::RuntimeReady.into(), generation)
        });
        match condition {
            None => Self::Nothing,
            Some(condition) if condition.status == "True" => Self::Ready,
            Some(condition) if condition.reason == <&str>::from(Reason::RuntimeDegraded) => Self::Degraded,
            Some(_) => Self::Other,
        }
    }
}

/// What to say of `health`, after `said`, if it has been under way for `waited`.
pub fn decide(health: Health, said: Said, waited: Duration) -> Decision {
    match health {
        Health::Running => Decision::Say(Verdict::new(Reason::Succeeded, messages::RUNNING)),
        Health::Completed => Decision::Say(Verdict::new(Reason::Succeeded, messages::COMPLETED)),
        Health::Scheduled { ran: true } => {
            Decision::Say(Verdict::new(Reason::Succeeded, messages::SCHEDULED))
        }
        Health::Scheduled { ran: false } => {
            Decision::Say(Verdict::new(Reason::Succeeded, messages::NOT_RUN_YET))
        }
        Health::Failing(failing) => {
            Decision::Say(Verdict { again: failing.again, ..Verdict::new(failing.reason, failing.message) })
        }
        Health::Underway(underway) => underway_decision(underway, said, waited),
    }
}

fn underway_decision(underway: Underway, said: Said, waited: Duration) -> Decision {
    let due = underway.missing.then(|| PROGRESS_DEADLINE.saturating_sub(waited));
    if underway.overdue || due.is_some_and(|rest| rest.is_zero()) {
        let message = if underway.available { messages::PARTLY_OVERDUE } else { messages::OVERDUE };
        let message = underway.hint.unwrap_or_else(|| message.to_owned());
        return Decision::Say(Verdict::new(Reason::RuntimeDegraded, message));
    }
    let fell = said == Said::Ready && !underway.available && !underway.expected;
    if let Some(rest) = GRACE.checked_sub(waited).filter(|rest| !rest.is_zero() && !fell) {
        return Decision::Wait(rest);
    }
    let (reason, message) = match said {
        Said::Ready | Said::Degraded if !underway.expected => {
            let message = if underway.available { messages::INCOMPLETE } else { messages::UNAVAILABLE };
            (Reason::RuntimeDegraded, message)
        }
        _ => (Reason::RuntimeProvisioning, messages::UNDERWAY),
    };
    let verdict = Verdict::new(reason, underway.hint.unwrap_or_else(|| message.to_owned()));
    Decision::Say(Verdict { again: underway.again.into_iter().chain(due).min(), ..verdict })
}

/// The status that says `verdict`, and goes on saying what ran to its end. Equal to `current` if that says it already.
pub fn status(
    identity: &Identity,
    verdict: &Verdict,
    exposures: Vec<Exposure>,
    current: Option<&WorkloadExposureStatus>,
    now: Timestamp,
) -> WorkloadExposureStatus {
    let desired = conditions::Desired {
        type_: ConditionType::RuntimeReady.to_string(),
        status: if verdict.ready() { conditions::Status::True } else { conditions::Status::False },
        reason: verdict.reason.to_string(),
        message: verdict.message.clone(),
        observed_generation: identity.generation,
    };
    let before = current.map(|current| current.conditions.as_slice()).unwrap_or_default();
    WorkloadExposureStatus {
        observed_plan_generation: Some(identity.generation),
        conditions: conditions::reconcile(before, [desired], now),
        exposures,
        completed_run: current.and_then(|current| current.completed_run.clone()),
    }
}

#[cfg(test)]
mod tests;
