//! What the metrics tell of the configuration.

use prometheus::{IntGauge, IntGaugeVec, Opts, Registry};

use platform::config::Config;

use super::Origin;

/// * `score_config_valid`: 1 if the configuration that is there is valid and can be had, 0 if not, and an earlier one, or
///   none, serves in its place.
/// * `score_config_info{name, version, origin}`: 1 for the configuration in force; `origin` is `current`, `last-good` or
///   `builtin`.
#[derive(Clone, Debug)]
pub struct ConfigMetrics {
    valid: IntGauge,
    info: IntGaugeVec,
}

impl ConfigMetrics {
    /// Creates the metrics in `registry`.
    ///
    /// # Errors
    /// If `registry` has metrics of these names.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let valid = IntGauge::new(
            "score_config_valid",
            "Whether the platform's configuration that is there can be used.",
        )?;
        let info = Opts::new("score_config_info", "The platform's configuration in force.");
        let info = IntGaugeVec::new(info, &["name", "version", "origin"])?;
        registry.register(Box::new(valid.clone()))?;
        registry.register(Box::new(info.clone()))?;
        Ok(Self { valid, info })
    }

    /// Tells which configuration is in force, and whether the one that is there is valid.
    pub fn tell(&self, config: &Config, origin: Origin, valid: bool) {
        self.valid.set(valid.into());
        self.info.reset();
        let version = config.version.as_deref().unwrap_or_default();
        self.info.with_label_values(&[&config.name, version, &origin.to_string()]).set(1);
    }

    /// Tells that the configuration that is there cannot be had or used.
    pub fn tell_invalid(&self) {
        self.valid.set(0);
    }
}
