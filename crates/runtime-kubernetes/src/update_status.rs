//! Step 5c: writes the answer, if it says anything new.

use std::sync::Arc;

use api_types::{WorkloadExposure, WorkloadExposureStatus};
use controller_kit::{Applied, Applier, Cache};

/// The answer could not be written.
#[derive(Debug, thiserror::Error)]
#[error("failed to answer in the exposure")]
pub struct Error(#[source] kube::Error);

/// Writes `status` as the answer unless it stands there already, and returns the exposure as it is then. One that is
/// gone needs no answer.
///
/// # Errors
/// Whatever the API server or the way to it objects to.
pub async fn update_status(
    applier: &Applier,
    cache: &Cache<WorkloadExposure>,
    exposure: &Arc<WorkloadExposure>,
    status: &WorkloadExposureStatus,
) -> Result<Option<Arc<WorkloadExposure>>, Error> {
    match applier.apply_status(&**exposure, status, exposure.status.as_ref()).await {
        Ok(Applied::Unchanged) => Ok(Some(exposure.clone())),
        Ok(Applied::Written(written)) => {
            cache.record(written.clone());
            Ok(Some(Arc::new(written)))
        }
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(None),
        Err(error) => Err(Error(error)),
    }
}
