//! Step 5c: writes the answer, if it says anything new.

use std::sync::Arc;

use api_types::{WorkloadExposure, WorkloadExposureStatus};
use controller_kit::{Applier, Cache};

/// The answer could not be written.
#[derive(Debug, thiserror::Error)]
#[error("failed to answer in the exposure")]
pub struct Error(#[source] kube::Error);

/// Writes `status` as the answer unless it stands there already. An exposure that is gone needs no answer.
///
/// # Errors
/// Whatever the API server or the way to it objects to.
pub async fn update_status(
    applier: &Applier,
    cache: &Cache<WorkloadExposure>,
    exposure: &Arc<WorkloadExposure>,
    status: &WorkloadExposureStatus,
) -> Result<(), Error> {
    match applier.apply_status(&**exposure, status, exposure.status.as_ref()).await {
        Ok(applied) => {
            applied.written().into_iter().for_each(|written| cache.record(written));
            Ok(())
        }
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        Err(error) => Err(Error(error)),
    }
}
