//! Where the platform's configuration comes from, and what happens when it changes or is not valid.

mod args;
mod config_map;
mod keep;
mod metrics;
mod settle;
mod source;

use std::sync::Arc;

use controller_kit::Kit;
use platform::config::Config;
use tokio::sync::watch;

pub use args::ConfigArgs;
pub use keep::{KEPT_SUFFIX, Kept};
pub use metrics::ConfigMetrics;
pub use settle::{Current, Origin, Settled, Trouble, settle};
pub use source::{ARTIFACT, KEY, Source};

use crate::governance::CurrentConfig;

/// Loads the configuration, and keeps it current as long as the process lives.
///
/// # Errors
/// If metrics of these names are there already.
pub fn follow(kit: &Kit, args: ConfigArgs) -> Result<CurrentConfig, prometheus::Error> {
    let (sender, receiver) = watch::channel(None);
    let metrics = ConfigMetrics::register(&kit.registry)?;
    drop(tokio::spawn(config_map::follow(kit.clone(), args, metrics, sender)));
    Ok(receiver)
}

/// Puts a configuration in force, and tells so, if it is another than before.
fn put_in_force(sender: &watch::Sender<Option<Arc<Config>>>, config: Config, origin: Origin) {
    sender.send_if_modified(|current| {
        if current.as_deref() == Some(&config) {
            return false;
        }
        let (name, version) = (&config.name, config.version.as_deref().unwrap_or_default());
        tracing::info!(name, version, %origin, "a configuration is in force");
        *current = Some(Arc::new(config));
        true
    });
}
