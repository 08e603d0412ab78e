//! Step 2: the spec, parsed into types that cannot be wrong.

use api_types::Workload;
use score_spec::validate::{FieldError, ValidWorkload};

use crate::{dereference::World, sharing};

/// The Workload as a valid one.
///
/// # Errors
/// Every error at once: what breaks the Score specification, and where the spec does not agree with those of older
/// Workloads that share resources with it.
pub fn validate(workload: &Workload, world: &World) -> Result<ValidWorkload, Vec<FieldError>> {
    let conflicts = world.shared.values().flat_map(|shared| shared.conflicts(workload));
    let disagreements: Vec<_> = conflicts.chain(sharing::cycles(workload, &world.shared)).collect();
    match score_spec::validate::validate(workload) {
        Ok(valid) if disagreements.is_empty() => Ok(valid),
        Ok(_) => Err(disagreements),
        Err(errors) => Err(errors.into_iter().chain(disagreements).collect()),
    }
}
