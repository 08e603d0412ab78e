//! The flags.

use std::path::PathBuf;

use controller_kit::KitArgs;
use object_template::ObjectKind;

use crate::{build::PodSecurity, template::permissible};

/// Makes WorkloadPlans run on Kubernetes: each becomes a Deployment and a Service, and is answered in the
/// WorkloadExposure of the same name.
#[derive(clap::Parser, Clone, Debug)]
#[command(name = crate::FIELD_MANAGER, version, args_conflicts_with_subcommands = true)]
pub struct Args {
    /// What to do other than to control.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The flags that every controller has.
    #[command(flatten)]
    pub kit: KitArgs,
    /// The runtime's own flags.
    #[command(flatten)]
    pub runtime: RuntimeArgs,
}

/// What the binary does besides controlling.
#[derive(clap::Subcommand, Clone, Debug)]
pub enum Command {
    /// Writes the files of an instance that hold outputs among other text, and ends. The runtime lets each instance
    /// that has such files begin with it; it is of no other use.
    JoinFiles {
        /// The folder with the recipes and the secrets.
        #[arg(long, value_name = "FOLDER")]
        from: PathBuf,
        /// The folder for the files.
        #[arg(long, value_name = "FOLDER")]
        to: PathBuf,
    },
}

/// The runtime's own flags.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Runtime")]
pub struct RuntimeArgs {
    /// Which plans to run: those with this `spec.runtimeClass`.
    #[arg(long, env = "SCORE_RUNTIME_CLASS", value_name = "CLASS", default_value = "kubernetes")]
    pub runtime_class: String,
    /// The domain of the cluster's DNS, for the URLs of exposures.
    #[arg(long, env = "SCORE_CLUSTER_DOMAIN", value_name = "DOMAIN", default_value = "cluster.local")]
    pub cluster_domain: String,
    /// What every Workload is held to: `baseline` lets images run as root, `restricted` does not.
    #[arg(long, env = "SCORE_POD_SECURITY", value_enum, default_value_t = PodSecurity::Baseline)]
    pub pod_security: PodSecurity,
    /// The image that this runtime runs from. Instances whose files hold outputs among other text begin with a container
    /// of it; without it such files are refused.
    #[arg(long, env = "SCORE_IMAGE", value_name = "IMAGE")]
    pub image: Option<String>,
    /// A kind that templates may add to a Workload, as `policy/v1/PodDisruptionBudget` or `v1/ConfigMap`; may be given
    /// several times. None unless given.
    #[arg(long = "allowed-kind", env = "SCORE_ALLOWED_KINDS", value_name = "KIND", value_delimiter = ',', value_parser = permissible)]
    pub allowed_kinds: Vec<ObjectKind>,
}
