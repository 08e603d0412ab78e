//! What users are told where the API server does not take what their Workload needs. Pure. Why it does not, the log says:
//! its own words are not for them.

use api_types::Reason;

use crate::{
    apply::Error,
    build::{Built, Projection},
    status,
};

/// A write that the API server has understood and does not take, so that asking again helps only if something else
/// changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why the last version stays.
    reason: Reason,
    /// What to do.
    message: String,
    /// The claim that was to be written, if it was one.
    claim: Option<String>,
}

impl Refusal {
    /// The refusal that `error` is, if it is one. A store that finds an object too large says so as an error of its own.
    pub fn of(error: &Error) -> Option<Self> {
        let kube::Error::Api(answer) = error.client_error() else { return None };
        let (reason, message) = match answer.code {
            403 => denied(&answer.message),
            400 | 413 | 422 => (Reason::ProjectionError, UNFIT.to_owned()),
            _ if answer.message.contains("too large") => (Reason::ProjectionError, UNFIT.to_owned()),
            _ => return None,
        };
        let claim = match error {
            Error::Claim { name, .. } => Some(name.clone()),
            _ => None,
        };
        Some(Self { reason, message, claim })
    }
}

const UNFIT: &str = "The platform cannot record what this version of the Workload needs, so the previous one stays: \
                     make large files and variables smaller, or ask your platform team for the reason.";

const DENIED: &str = "The platform does not allow what this version of the Workload needs, so the previous one stays: \
                      ask your platform team for the reason.";

/// Why it is forbidden: `exceeded quota: NAME, requested: …`, a rule, or a right that is missing.
fn denied(text: &str) -> (Reason, String) {
    let Some((_, quota)) = text.split_once("exceeded quota: ") else {
        return (Reason::PermissionDenied, DENIED.to_owned());
    };
    let name = quota.split(',').next().unwrap_or_default();
    let message = format!(
        "The quota `{name}` leaves no room for what this version of the Workload needs, so the previous one stays: \
         remove what is not needed, or ask your platform team to raise the quota."
    );
    (Reason::QuotaExceeded, message)
}

impl Built {
    /// This, where the API server does not take it: what stands stays, and the user is told.
    pub fn refused(self, refusal: Refusal) -> Self {
        let Refusal { reason, message, claim } = refusal;
        let mut summaries = self.summaries;
        for (key, dependency) in &self.dependencies {
            let name = dependency.claim.as_ref().and_then(|claim| claim.metadata.name.as_ref());
            let summary = summaries.iter_mut().find(|summary| summary.key == key.as_str());
            if let Some(summary) = summary.filter(|_| name.is_some() && name == claim.as_ref()) {
                *summary = status::failed(key.as_str(), message.clone());
            }
        }
        Self { summaries, projection: Projection::Withheld(reason, message), ..self }
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    fn refusal(code: u16, text: &str) -> Option<Refusal> {
        let status = Status::failure(text, "Test").with_code(code);
        Refusal::of(&Error::Plan(kube::Error::Api(Box::new(status))))
    }

    #[test]
    fn a_refusal_has_a_reason_and_says_what_to_do_in_words_of_ours() {
        let quota = "workloadplans.score.dev \"web\" is forbidden: exceeded quota: small, requested: \
                     count/workloadplans.score.dev=1, used: count/workloadplans.score.dev=5, limited: \
                     count/workloadplans.score.dev=5";
        let right = "workloadplans.score.dev \"web\" is forbidden: User \"system:serviceaccount:score-system:x\" cannot \
                     patch resource \"workloadplans\"";
        for (code, text, reason, says) in [
            (403, quota, Reason::QuotaExceeded, "The quota `small`"),
            (403, right, Reason::PermissionDenied, "ask your platform team"),
            (403, "admission webhook \"x\" denied the request: no", Reason::PermissionDenied, "ask your"),
            (422, "is invalid", Reason::ProjectionError, "smaller"),
            (500, "etcdserver: request is too large", Reason::ProjectionError, "smaller"),
        ] {
            let found = refusal(code, text).unwrap();
            assert_eq!(found.reason, reason, "{text}");
            assert!(found.message.contains(says), "{}", found.message);
            assert!(!found.message.contains("score.dev") && !found.message.contains("serviceaccount"));
        }
    }

    #[test]
    fn what_may_pass_by_itself_is_no_refusal() {
        for code in [401, 404, 409, 429, 500, 503] {
            assert_eq!(refusal(code, "try again"), None, "{code}");
        }
        let broken = Error::Plan(kube::Error::LinesCodecMaxLineLengthExceeded);
        assert_eq!(Refusal::of(&broken), None);
    }
}
