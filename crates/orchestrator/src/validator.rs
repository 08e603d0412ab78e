//! `score-orchestrator validate`: what the platform would decide, without a cluster.
//!
//! It is the controller's own code from the spec to the decision, so that the verdicts are the same; only what the API
//! server checks before that is checked by libraries here ([`admission`]).

pub mod admission;
mod check;
mod files;
mod live;
mod report;

use std::{collections::BTreeMap, io::Write, path::PathBuf};

pub use check::{Verdict, check};
pub use files::{Found, read};
pub use report::Report;

/// Checks a configuration, policies and Workloads without a cluster, and shows which backend and provisioners each
/// Workload would get, and why no other.
///
/// Ends with status 1 if anything is not valid.
#[derive(clap::Args, Clone, Debug)]
pub struct ValidateArgs {
    /// The OrchestratorConfig [default: the built-in one].
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// A file with PlatformPolicies; may be given more than once.
    #[arg(long, value_name = "FILE")]
    pub policy: Vec<PathBuf>,
    /// A label of the namespaces that the Workloads are in; may be given more than once. The label
    /// `kubernetes.io/metadata.name` is added automatically.
    #[arg(long = "namespace-labels", value_name = "KEY=VALUE", value_parser = label)]
    pub namespace_labels: Vec<(String, String)>,
    /// A file with the ResourceClaims that are there, as `kubectl get resourceclaim.score.dev --output yaml` prints them;
    /// may be given more than once. The report then says what becomes of each resource.
    #[arg(long, value_name = "FILE")]
    pub live: Vec<PathBuf>,
    /// Files with Workloads; other objects in them are skipped.
    #[arg(value_name = "WORKLOAD-FILES")]
    pub files: Vec<PathBuf>,
}

fn label(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').ok_or("must be KEY=VALUE")?;
    Ok((pair.0.to_owned(), pair.1.to_owned()))
}

/// Checks everything, and writes a report to `output`. Tells whether everything is valid.
///
/// # Errors
/// A file cannot be read, or the report cannot be written.
pub fn validate(args: &ValidateArgs, output: &mut impl Write) -> std::io::Result<bool> {
    let config = args.config.as_ref().map(files::read).transpose()?;
    let policies = args.policy.iter().map(files::read).collect::<Result<Vec<_>, _>>()?;
    let workloads = args.files.iter().map(files::read).collect::<Result<Vec<_>, _>>()?;
    let labels: BTreeMap<_, _> = args.namespace_labels.iter().cloned().collect();
    let live = args.live.iter().map(files::read).collect::<Result<Vec<_>, _>>()?;
    let report = check(config.as_ref(), &policies, &workloads, &live, labels);
    write!(output, "{report}")?;
    Ok(report.is_valid())
}
