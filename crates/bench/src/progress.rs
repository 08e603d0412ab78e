//! Signs of life on stderr.

use std::time::Duration;

/// The longest time without one.
pub(crate) const INTERVAL: Duration = Duration::from_secs(5);

/// Tells people what happens.
pub(crate) fn say(text: &str) {
    eprintln!("{text}");
}
