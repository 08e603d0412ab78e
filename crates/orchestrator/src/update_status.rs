//! Step 5: say what came of it, if that is new.

use api_types::{Workload, WorkloadStatus};
use controller_kit::{Applied, Applier};

use crate::caches::Caches;

/// The status could not be written.
#[derive(Debug, thiserror::Error)]
#[error("failed to apply the status")]
pub struct Error(#[from] kube::Error);

/// Writes `status` unless `workload` has it already. Tells whether it was written.
pub async fn update_status(
    applier: &Applier,
    caches: &Caches,
    workload: &Workload,
    status: &WorkloadStatus,
) -> Result<bool, Error> {
    let applied = applier.apply_status(workload, status, workload.status.as_ref()).await?;
    Ok(match applied {
        Applied::Unchanged => false,
        Applied::Written(workload) => {
            caches.workloads.record(workload);
            true
        }
    })
}
