//! Waiting for a controller that runs beside the test.

use std::time::Duration;

/// Only for a test that fails.
const PATIENCE: Duration = Duration::from_secs(180);

/// Between two looks: a test that waits leaves the processor to what it waits for.
const PAUSE: Duration = Duration::from_millis(1);

/// Gives way to whatever else runs until `is_so`.
///
/// # Panics
/// If that never comes; it says `what` was waited for.
pub async fn until(what: &str, is_so: impl Fn() -> bool) {
    let patient = async {
        while !is_so() {
            tokio::time::sleep(PAUSE).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, patient).await.is_ok(), "never: {what}");
}
