//! Step 2: the spec, parsed into types that cannot be wrong.

use api_types::Workload;
use score_spec::validate::{FieldError, ValidWorkload};

/// The Workload as a valid one.
///
/// # Errors
/// Every error at once: what breaks the Score specification, and what is not supported yet. Nothing is accepted and
/// then ignored.
pub fn validate(workload: &Workload) -> Result<ValidWorkload, Vec<FieldError>> {
    let shared = workload.spec.resources.iter().filter(|(_, resource)| resource.id.is_some());
    let refused: Vec<_> = shared.map(|(key, _)| not_shared_yet(key)).collect();
    match score_spec::validate::validate(workload) {
        Ok(valid) if refused.is_empty() => Ok(valid),
        Ok(_) => Err(refused),
        Err(errors) => Err(errors.into_iter().chain(refused).collect()),
    }
}

fn not_shared_yet(key: &str) -> FieldError {
    let message = "sharing a resource by id is not supported yet: remove id, and each Workload gets a resource of its own";
    FieldError { path: format!("spec.resources.{key}.id"), message: message.to_owned() }
}
