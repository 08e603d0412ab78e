//! What the tests that use chance begin with.

use anyhow::Context as _;

use crate::Result;

/// What a run begins with unless it is told otherwise, so that a test that fails once fails again.
const USUAL: u64 = 1;

/// The seed of a test: what `E2E_SEED` says, a number or `random`. It is printed.
///
/// # Errors
/// `E2E_SEED` is neither.
pub fn seed() -> Result<u64> {
    let seed = match std::env::var("E2E_SEED").as_deref() {
        Err(_) => USUAL,
        Ok("random") => rand::random(),
        Ok(number) => number.parse().context("E2E_SEED must be a number or `random`")?,
    };
    println!("E2E_SEED={seed}");
    Ok(seed)
}
