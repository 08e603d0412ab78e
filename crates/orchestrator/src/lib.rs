//! The orchestrator: the only writer of ResourceClaims, WorkloadPlans and WorkloadExposures, and of the one status
//! that users read.
//!
//! A reconcile is a pipeline, a file per step, of which only the first and the last two touch anything outside:
//!
//! 1. [`dereference`]: what is there for this Workload, from caches alone;
//! 2. [`validate`]: the spec, parsed into types that cannot be wrong;
//! 3. [`build`]: the claims, the plan and the exposure that should be there;
//! 4. [`apply`]: write what differs;
//! 5. [`status`] and [`update_status`]: say what came of it, if that is new.
//!
//! It reads no Secret and knows nothing of any runtime: a secret stays a reference in everything that it writes.

pub mod apply;
pub mod asked;
pub mod build;
pub mod caches;
pub mod claims;
pub mod concerned;
pub mod config_source;
pub mod controller;
pub mod dereference;
pub mod events;
pub mod governance;
pub mod grace;
pub mod lasting;
pub mod neighbours;
pub mod policy_status;
pub mod refusal;
pub mod sharing;
pub mod status;
pub mod update_status;
pub mod validate;
pub mod validator;

use controller_kit::{Definition, Kit, KitArgs};

use crate::{config_source::ConfigArgs, controller::Orchestrator, validator::ValidateArgs};

/// Name, lease, reporter and field manager of the orchestrator, and the kinds that it needs.
pub const DEFINITION: Definition = Definition {
    name: "score-orchestrator",
    crds: &[
        "workloads.score.dev",
        "platformpolicies.score.dev",
        "resourceclaims.score.dev",
        "workloadplans.score.dev",
        "workloadexposures.score.dev",
    ],
};

/// Turns Workloads (the Score spec as a Kubernetes resource) into claims for provisioners and a plan for a runtime,
/// and aggregates their answers into the Workload's one status.
///
/// Every flag can also be given as the environment variable that is named beside it.
#[derive(clap::Parser, Clone, Debug)]
#[command(name = DEFINITION.name, version, args_conflicts_with_subcommands = true)]
pub struct Args {
    /// What to do instead of running the controller.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// What every controller takes.
    #[command(flatten)]
    pub kit: KitArgs,
    /// Where the platform's configuration is.
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// What to do instead of running the controller.
#[derive(clap::Subcommand, Clone, Debug)]
pub enum Command {
    /// Checks a configuration, policies and Workloads without a cluster.
    Validate(ValidateArgs),
}

/// Runs the controller until shutdown.
pub async fn start(kit: Kit, config: ConfigArgs) {
    let config = match config_source::follow(&kit, config) {
        Ok(config) => config,
        Err(error) => {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "cannot register metrics of the configuration"
            );
            return;
        }
    };
    let (orchestrator, triggers) = Orchestrator::new(&kit, config);
    let counting = orchestrator.keep_counting();
    let controller = controller::run(&kit, orchestrator, triggers);
    tokio::select! {
        () = controller => {}
        // Ends only with the process.
        () = async { counting.await; std::future::pending().await } => {}
    }
}
