//! Waiting for a controller that runs beside the test.

use std::time::Duration;

/// Only for a test that fails: one that succeeds never waits for a clock.
const PATIENCE: Duration = Duration::from_secs(60);

/// Gives way to whatever else runs until `is_so`.
///
/// # Panics
/// If that never comes; it says `what` was waited for.
pub async fn until(what: &str, is_so: impl Fn() -> bool) {
    let patient = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, patient).await.is_ok(), "never: {what}");
}
