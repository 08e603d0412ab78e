//! Where the platform's configuration comes from, and what happens when it changes or is not valid.

mod args;
mod artifact;
mod config_map;
mod metrics;
mod settle;

use std::sync::Arc;

use controller_kit::Kit;
use platform::config::Config;
use tokio::sync::watch;

pub use args::ConfigArgs;
pub use config_map::{KEPT_SUFFIX, KEY};
pub use metrics::ConfigMetrics;
pub use settle::{Origin, Settled, settle};

use crate::governance::CurrentConfig;

/// Loads the configuration, and keeps it current as long as the process lives.
///
/// # Errors
/// If metrics of these names are there already.
pub fn follow(kit: &Kit, args: ConfigArgs) -> Result<CurrentConfig, prometheus::Error> {
    let (sender, receiver) = watch::channel(None);
    let metrics = ConfigMetrics::register(&kit.registry)?;
    match args.artifact.clone() {
        Some(reference) => drop(tokio::spawn(artifact::follow(reference, args, metrics, sender))),
        None => {
            let place = args.place(kit.client.default_namespace());
            drop(tokio::spawn(config_map::follow(kit.clone(), place, metrics, sender)));
        }
    }
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
