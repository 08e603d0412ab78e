//! Step 2: the spec, parsed into types that cannot be wrong.

use api_types::Workload;
use score_spec::validate::{FieldError, ValidWorkload, unsupported};

/// The Workload as a valid one.
///
/// # Errors
/// Every error at once: what breaks the Score specification, and what is not supported yet. Nothing is accepted and
/// then ignored.
pub fn validate(workload: &Workload) -> Result<ValidWorkload, Vec<FieldError>> {
    let refused = unsupported(workload);
    match score_spec::validate::validate(workload) {
        Ok(valid) if refused.is_empty() => Ok(valid),
        Ok(_) => Err(refused),
        Err(errors) => Err(errors.into_iter().chain(refused).collect()),
    }
}
