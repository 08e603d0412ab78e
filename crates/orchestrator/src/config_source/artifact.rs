//! The configuration in an OCI artifact. A digest always names the same document, so it is fetched once.

use std::{sync::Arc, time::Duration};

use config_artifact::{Options, Reference, fetch};
use platform::config::Config;
use tokio::sync::watch;

use super::{ConfigArgs, ConfigMetrics, Origin, put_in_force};

/// How long a registry that does not answer is left alone.
const PAUSE: Duration = Duration::from_secs(30);

/// Fetches the document, however long that takes; nothing else serves meanwhile, since a platform that names a document
/// wants that and no other. One that is not valid stays so: the process must be given another digest.
pub(super) async fn follow(
    reference: Reference,
    args: ConfigArgs,
    metrics: ConfigMetrics,
    sender: watch::Sender<Option<Arc<Config>>>,
) {
    let options = Options {
        credentials: args.config_artifact_credentials,
        ca_bundle: args.config_artifact_ca,
        ..Options::default()
    };
    let text = loop {
        match fetch(&reference, &options).await {
            Ok(text) => break text,
            Err(error) => {
                metrics.tell_invalid();
                tracing::error!(%reference, error = &error as &dyn std::error::Error, "cannot fetch the configuration, will try again");
                tokio::time::sleep(PAUSE).await;
            }
        }
    };
    match text.parse::<Config>() {
        Ok(config) => {
            metrics.tell(&config, Origin::Current, true);
            put_in_force(&sender, config, Origin::Current);
        }
        Err(errors) => {
            metrics.tell_invalid();
            for error in &errors.0 {
                let (path, line, message) = (&error.error.path, error.line, &error.error.message);
                tracing::error!(%reference, path, line, message, "the configuration is not valid: push a valid one, and name its digest");
            }
        }
    }
    // Kept open: whoever waits for a configuration goes on waiting, not ready, where an error would be tried again.
    sender.closed().await;
}
