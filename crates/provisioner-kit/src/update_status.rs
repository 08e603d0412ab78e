//! Tells the claim.

use api_types::{ClaimPhase, ResourceClaim, ResourceClaimStatus};
use controller_kit::{Applier, Cache};

use crate::answer::Answer;

/// The status could not be written.
#[derive(Debug, thiserror::Error)]
#[error("failed to write the status of the claim")]
pub struct UpdateStatusError(#[from] kube::Error);

/// The status that says `answer` to the spec of `generation`.
pub fn status(answer: Answer, generation: Option<i64>) -> ResourceClaimStatus {
    let reason = answer.reason();
    let (outputs, revision) = answer.outputs.map(|outputs| (outputs.values, outputs.revision)).unzip();
    ResourceClaimStatus {
        phase: answer.phase,
        reason: Some(reason),
        message: Some(answer.message),
        outputs_available: answer.phase == ClaimPhase::Bound && outputs.is_some(),
        outputs: outputs.unwrap_or_default(),
        outputs_revision: revision,
        observed_generation: generation,
        conditions: Vec::new(),
    }
}

/// Writes `status` to `claim` unless it stands there already. A claim that is gone needs no answer.
///
/// # Errors
/// If the API server does not answer as it should.
pub async fn update_status(
    applier: &Applier,
    claims: &Cache<ResourceClaim>,
    claim: &ResourceClaim,
    status: &ResourceClaimStatus,
) -> Result<(), UpdateStatusError> {
    match applier.apply_status(claim, status, claim.status.as_ref()).await {
        Ok(applied) => {
            if let Some(written) = applied.written() {
                claims.record(written);
            }
            Ok(())
        }
        Err(kube::Error::Api(error)) if error.is_not_found() => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use api_types::{Output, Reason};

    use super::*;
    use crate::answer::Outputs;

    fn outputs() -> Outputs {
        Outputs {
            values: BTreeMap::from([("host".to_owned(), Output::value("db"))]),
            revision: "abc".to_owned(),
        }
    }

    #[test]
    fn outputs_are_available_only_while_the_claim_is_bound() {
        let bound = status(Answer::bound("ready").outputs(outputs()), Some(4));
        assert!(bound.outputs_available);
        assert_eq!((bound.phase, bound.reason), (ClaimPhase::Bound, Some(Reason::Succeeded)));
        assert_eq!(bound.observed_generation, Some(4));

        let interrupted = status(Answer::binding("starting").outputs(outputs()), Some(4));
        assert!(!interrupted.outputs_available);
        assert_eq!(interrupted.outputs, bound.outputs);
        assert_eq!(interrupted.reason, Some(Reason::BindingPending));
    }

    #[test]
    fn a_claim_that_cannot_be_served_has_no_outputs() {
        let failed = status(Answer::failed("no"), Some(1));
        assert_eq!((failed.phase, failed.reason), (ClaimPhase::Failed, Some(Reason::BindingFailed)));
        assert!(failed.outputs.is_empty() && failed.outputs_revision.is_none() && !failed.outputs_available);
    }
}
