//! Flags that say where the configuration is.

use std::path::PathBuf;

use clap::Args;
use config_artifact::Options;

/// Where the platform's configuration is.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Configuration of the platform")]
pub struct ConfigArgs {
    /// Name of the ConfigMap with the OrchestratorConfig in its key config.yaml, or in its key artifact the name of an OCI
    /// artifact that holds it: registry/repository@sha256:…
    #[arg(long, env = "SCORE_CONFIG_MAP", value_name = "NAME", default_value = "orchestrator-config")]
    pub config_map: String,
    /// Namespace of that ConfigMap [default: POD_NAMESPACE, else that of the service account or the kubeconfig].
    #[arg(long, env = "SCORE_CONFIG_NAMESPACE", value_name = "NAMESPACE")]
    pub config_namespace: Option<String>,
    /// A docker config.json with credentials for the registry, if the ConfigMap names an OCI artifact.
    #[arg(long, env = "SCORE_CONFIG_ARTIFACT_CREDENTIALS", value_name = "FILE")]
    pub config_artifact_credentials: Option<PathBuf>,
    /// CA certificates in PEM to trust for the registry, beside those of the system.
    #[arg(long, env = "SCORE_CONFIG_ARTIFACT_CA", value_name = "FILE")]
    pub config_artifact_ca: Option<PathBuf>,
}

/// The name and the namespace of a ConfigMap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
}

impl ConfigArgs {
    /// How a registry is spoken to.
    pub fn registry(&self) -> Options {
        Options {
            credentials: self.config_artifact_credentials.clone(),
            ca_bundle: self.config_artifact_ca.clone(),
            ..Options::default()
        }
    }

    /// Where the ConfigMap is; `fallback` is the namespace of the client's configuration.
    pub fn place(&self, fallback: &str) -> Place {
        let given = self.config_namespace.clone().filter(|namespace| !namespace.is_empty());
        let own = || std::env::var("POD_NAMESPACE").ok().filter(|namespace| !namespace.is_empty());
        Place {
            namespace: given.or_else(own).unwrap_or_else(|| fallback.to_owned()),
            name: self.config_map.clone(),
        }
    }
}
