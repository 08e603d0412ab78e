//! The one status that users read, computed from what was found. Pure: the same findings make the same status.

use std::collections::BTreeMap;

use api_types::{
    ClaimPhase, ClaimSummary, ConditionType, Reason, ResourceClaim, WorkloadExposure, WorkloadPlan,
    WorkloadStatus,
};
use conditions::{Desired, Status};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use url::Url;

use crate::grace::{self, Silence};

/// What a reconcile found out about a Workload.
#[derive(Clone, Debug)]
pub struct Findings {
    /// The generation of the Workload that was looked at.
    pub generation: i64,
    /// What the Workload that was looked at asks for by annotations.
    pub annotations: BTreeMap<String, String>,
    /// The spec is valid, or why it is not.
    pub inputs: Verdict,
    /// The state of each dependency; of those known so far while the inputs are not valid.
    pub claims: Vec<ClaimSummary>,
    /// Whether the Workload's plan stands, or why it could not be made.
    pub projection: Verdict,
    /// The runtime's answer to the plan of now, if it has answered.
    pub answer: Option<Answer>,
}

/// A yes, or a no with its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Yes.
    Yes,
    /// No, and what to tell the user.
    No(Reason, String),
}

/// A runtime's answer to the plan of now.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// `RuntimeReady` as the runtime reports it.
    pub condition: Condition,
    /// The first ready address that is a valid absolute URI.
    pub endpoint: Option<String>,
}

impl Answer {
    /// Whether the runtime reports the plan as running.
    pub fn is_ready(&self) -> bool {
        self.condition.status == Status::True.as_str()
    }

    /// The answer that `exposure` holds to `plan`: it counts only for this Workload's uid and this plan's generation.
    pub fn to(plan: &WorkloadPlan, exposure: &WorkloadExposure) -> Option<Self> {
        let generation = plan.metadata.generation?;
        let status = exposure.status.as_ref()?;
        let same_workload = exposure.spec.workload_ref.uid == plan.spec.workload_ref.uid;
        let same_plan = status.observed_plan_generation == Some(generation);
        if !(same_workload && same_plan) {
            return None;
        }
        let runtime_ready: &str = ConditionType::RuntimeReady.into();
        let condition = conditions::find_observed(&status.conditions, runtime_ready, generation)?.clone();
        let ready = status.exposures.iter().filter(|exposure| exposure.ready);
        let endpoint = ready.map(|exposure| &exposure.url).find(|url| is_absolute_uri(url)).cloned();
        Some(Self { condition, endpoint })
    }
}

fn is_absolute_uri(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| url.has_host())
}

/// The status for `findings`, given the one before it.
pub fn compute(before: Option<&WorkloadStatus>, findings: Findings, now: Timestamp) -> WorkloadStatus {
    let parts = [
        (ConditionType::InputsValid, inputs_valid(&findings)),
        (ConditionType::ClaimsReady, claims_ready(&findings)),
        (ConditionType::RuntimeReady, runtime_ready(&findings)),
    ];
    let ready = parts.iter().find(|(_, part)| part.0 != Status::True).map_or_else(succeeded, |(_, part)| {
        let (_, reason, message) = part;
        (Status::False, *reason, message.clone())
    });
    let desired = std::iter::once((ConditionType::Ready, ready)).chain(parts).map(|(type_, part)| Desired {
        type_: type_.to_string(),
        status: part.0,
        reason: part.1.to_string(),
        message: part.2,
        observed_generation: findings.generation,
    });
    let current = before.map(|status| status.conditions.as_slice()).unwrap_or_default();
    WorkloadStatus {
        conditions: conditions::reconcile(current, desired, now),
        endpoint: findings.answer.and_then(|answer| answer.endpoint),
        claims_bound: claims_bound(&findings.claims),
        claims: findings.claims,
        observed_generation: Some(findings.generation),
        observed_annotations: findings.annotations,
    }
}

type Part = (Status, Reason, String);

fn succeeded() -> Part {
    (Status::True, Reason::Succeeded, String::new())
}

fn inputs_valid(findings: &Findings) -> Part {
    match &findings.inputs {
        Verdict::Yes => succeeded(),
        Verdict::No(reason, message) => (Status::False, *reason, message.clone()),
    }
}

fn claims_ready(findings: &Findings) -> Part {
    if findings.inputs != Verdict::Yes {
        let message = "The dependencies are looked at again once the inputs are valid.".to_owned();
        return (Status::Unknown, Reason::BindingPending, message);
    }
    let missing = |wanted: fn(ClaimPhase) -> bool| {
        let unusable = findings.claims.iter().filter(|claim| !is_usable(claim) && wanted(claim.phase));
        unusable.map(describe).collect::<Vec<_>>()
    };
    let (failed, pending) =
        (missing(|phase| phase == ClaimPhase::Failed), missing(|phase| phase != ClaimPhase::Failed));
    match (failed.is_empty(), pending.is_empty()) {
        (true, true) => succeeded(),
        (true, false) => (Status::False, Reason::BindingPending, pending.join(" ")),
        (false, _) => (Status::False, Reason::BindingFailed, failed.join(" ")),
    }
}

fn describe(claim: &ClaimSummary) -> String {
    match claim.message.as_deref() {
        Some(message) if !message.is_empty() => format!("Dependency `{}`: {message}", claim.key),
        _ => format!("Dependency `{}` is not ready yet.", claim.key),
    }
}

fn is_usable(claim: &ClaimSummary) -> bool {
    claim.phase == ClaimPhase::Bound && claim.outputs_available
}

fn claims_bound(claims: &[ClaimSummary]) -> Option<String> {
    let bound = claims.iter().filter(|claim| is_usable(claim)).count();
    (!claims.is_empty()).then(|| format!("{bound}/{}", claims.len()))
}

fn runtime_ready(findings: &Findings) -> Part {
    if findings.inputs != Verdict::Yes {
        let message = "No new plan is made until the inputs are valid; what runs goes on running.".to_owned();
        return (Status::Unknown, Reason::RuntimeSelecting, message);
    }
    match (&findings.projection, &findings.answer) {
        (Verdict::No(reason, message), _) => (Status::False, *reason, message.clone()),
        (Verdict::Yes, Some(answer)) => mirrored(&answer.condition),
        (Verdict::Yes, None) => {
            let message = "The platform is bringing this version of the Workload up.".to_owned();
            (Status::False, Reason::RuntimeProvisioning, message)
        }
    }
}

/// The runtime's condition in the closed vocabulary: a runtime that uses another word is not believed to be ready.
fn mirrored(condition: &Condition) -> Part {
    let reason = condition.reason.parse().ok();
    match (condition.status.as_str(), reason) {
        ("True", _) => (Status::True, Reason::Succeeded, condition.message.clone()),
        (_, Some(reason)) if reason != Reason::Succeeded => {
            (Status::False, reason, condition.message.clone())
        }
        _ => (Status::False, Reason::RuntimeDegraded, condition.message.clone()),
    }
}

/// The state of a dependency as its claim tells it at the time `now`.
pub fn summary_of(key: &str, claim: &ResourceClaim, now: Timestamp) -> ClaimSummary {
    let answered =
        claim.status.as_ref().filter(|status| status.observed_generation == claim.metadata.generation);
    let Some(status) = answered else {
        let provisioner = &claim.spec.provisioner;
        let message = match grace::of_provisioner(claim, now) {
            Silence::Long if grace::answered_by_provisioner(claim).is_some() => format!(
                "`{provisioner}`, which provides it, has not taken up what changed: ask your platform team whether it \
                 runs."
            ),
            Silence::Long => format!(
                "`{provisioner}`, which should provide it, has never answered: ask your platform team whether it is \
                 installed and runs."
            ),
            Silence::Broken | Silence::Young(_) => format!("waiting for `{provisioner}`, which provides it."),
        };
        return waiting(key, message);
    };
    ClaimSummary {
        key: key.to_owned(),
        phase: status.phase,
        reason: status.reason.unwrap_or(match status.phase {
            ClaimPhase::Bound => Reason::Succeeded,
            ClaimPhase::Failed => Reason::BindingFailed,
            ClaimPhase::Pending | ClaimPhase::Binding => Reason::BindingPending,
        }),
        message: status.message.clone(),
        outputs_available: status.outputs_available && claim.metadata.deletion_timestamp.is_none(),
    }
}

/// A dependency that nobody provides yet.
pub fn waiting(key: &str, message: String) -> ClaimSummary {
    ClaimSummary {
        key: key.to_owned(),
        phase: ClaimPhase::Pending,
        reason: Reason::BindingPending,
        message: Some(message),
        outputs_available: false,
    }
}

/// A dependency that cannot be provided as it stands.
pub fn failed(key: &str, message: String) -> ClaimSummary {
    ClaimSummary {
        key: key.to_owned(),
        phase: ClaimPhase::Failed,
        reason: Reason::BindingFailed,
        message: Some(message),
        outputs_available: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings() -> Findings {
        Findings {
            generation: 3,
            annotations: BTreeMap::new(),
            inputs: Verdict::Yes,
            claims: vec![],
            projection: Verdict::Yes,
            answer: None,
        }
    }

    fn answer(status: &str, reason: &str, message: &str) -> Option<Answer> {
        let condition = serde_json::from_value(serde_json::json!({
            "type": "RuntimeReady", "status": status, "reason": reason, "message": message,
            "observedGeneration": 1, "lastTransitionTime": "2026-01-01T00:00:00Z",
        }));
        Some(Answer { condition: condition.unwrap(), endpoint: Some("http://web.shop.svc:8080".into()) })
    }

    fn bound(key: &str) -> ClaimSummary {
        ClaimSummary {
            key: key.into(),
            phase: ClaimPhase::Bound,
            reason: Reason::Succeeded,
            message: None,
            outputs_available: true,
        }
    }

    /// `status/reason` of each condition by type, and the message of Ready.
    fn said(findings: Findings) -> ([String; 4], String) {
        let status = compute(None, findings, Timestamp::UNIX_EPOCH);
        let said = ["Ready", "InputsValid", "ClaimsReady", "RuntimeReady"].map(|type_| {
            let condition = conditions::find(&status.conditions, type_).unwrap();
            assert_eq!(condition.observed_generation, Some(3));
            format!("{}/{}", condition.status, condition.reason)
        });
        (said, status.conditions[0].message.clone())
    }

    #[test]
    fn a_workload_that_runs_is_ready_and_says_nothing_more() {
        let (said, message) = said(Findings { answer: answer("True", "Succeeded", "noise"), ..findings() });
        assert_eq!(said, ["True/Succeeded", "True/Succeeded", "True/Succeeded", "True/Succeeded"]);
        assert_eq!(message, "");
    }

    #[test]
    fn a_plan_without_an_answer_is_being_provisioned() {
        let (said, _) = said(findings());
        assert_eq!(
            said,
            ["False/RuntimeProvisioning", "True/Succeeded", "True/Succeeded", "False/RuntimeProvisioning"]
        );
    }

    #[test]
    fn ready_gives_the_reason_of_the_first_condition_that_is_not_true() {
        let invalid = Verdict::No(Reason::SpecInvalid, "spec.containers: bad".into());
        let claims = vec![failed("db", "no.".into())];
        let (said, message) = said(Findings { inputs: invalid, claims, ..findings() });
        assert_eq!(
            said,
            ["False/SpecInvalid", "False/SpecInvalid", "Unknown/BindingPending", "Unknown/RuntimeSelecting"]
        );
        assert_eq!(message, "spec.containers: bad");
    }

    #[test]
    fn a_failed_claim_outweighs_a_pending_one() {
        let claims = vec![waiting("cache", "soon.".into()), failed("db", "no room.".into()), bound("mail")];
        let (said, message) = said(Findings { claims, ..findings() });
        assert_eq!(said[2], "False/BindingFailed");
        assert_eq!(message, "Dependency `db`: no room.");
    }

    #[test]
    fn a_bound_claim_without_outputs_is_not_ready() {
        let claims = vec![ClaimSummary { outputs_available: false, ..bound("db") }];
        let status = compute(None, Findings { claims, ..findings() }, Timestamp::UNIX_EPOCH);
        assert_eq!(status.claims_bound.as_deref(), Some("0/1"));
        assert_eq!(conditions::find(&status.conditions, "ClaimsReady").unwrap().reason, "BindingPending");
    }

    #[test]
    fn claims_are_counted_only_where_there_are_any() {
        assert_eq!(claims_bound(&[]), None);
        assert_eq!(claims_bound(&[bound("db"), waiting("cache", String::new())]).as_deref(), Some("1/2"));
    }

    #[test]
    fn a_runtime_that_uses_a_word_of_its_own_is_degraded() {
        for reason in ["Succeeded", "PodUnhappy"] {
            let (said, _) = said(Findings { answer: answer("False", reason, "hm"), ..findings() });
            assert_eq!(said[3], "False/RuntimeDegraded");
        }
    }

    #[test]
    fn the_endpoint_stays_while_the_running_version_answers() {
        let invalid = Verdict::No(Reason::SpecInvalid, String::new());
        let findings = Findings { inputs: invalid, answer: answer("True", "Succeeded", ""), ..findings() };
        assert!(compute(None, findings, Timestamp::UNIX_EPOCH).endpoint.is_some());
    }

    #[test]
    fn equal_findings_make_an_equal_status_at_any_time() {
        let first = compute(None, findings(), Timestamp::UNIX_EPOCH);
        let later = Timestamp::from_second(99).unwrap();
        assert_eq!(compute(Some(&first), findings(), later), first);
    }

    #[test]
    fn an_endpoint_is_an_absolute_uri_with_a_host() {
        assert!(is_absolute_uri("https://web.example.com/x"));
        for text in ["", "web", "/x", "mailto:a@b.c", "http://"] {
            assert!(!is_absolute_uri(text), "{text}");
        }
    }
}
