//! `podset-planner verify`: whether pods run where their plans say.
//!
//! It reads the pods and plans of a namespace. By default an entry of a plan whose pod runs elsewhere, or is gone, is a
//! mismatch; a pod that is not bound yet is only mentioned. With `--strict` the other direction counts too: every pod of
//! a set must be in the plan of its set, and be bound.

mod report;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::ValueEnum;
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, Client, api::ListParams, config::InferConfigError};
use podset_types::SchedulePlan;

pub use self::report::{Mismatch, Report, compare};

/// What is compared, and how that is told.
#[derive(clap::Args, Clone, Debug)]
pub struct VerifyArgs {
    /// The namespace whose plans are looked at.
    #[arg(short, long, env = "SCORE_NAMESPACE", value_name = "NAMESPACE", default_value = "default")]
    pub namespace: String,
    /// Count pods that wait, and pods of sets that are in no plan, as mismatches too.
    #[arg(long, env = "SCORE_STRICT")]
    pub strict: bool,
    /// How the result is written.
    #[arg(short, long, env = "SCORE_OUTPUT", value_enum, default_value_t = Output::Text)]
    pub output: Output,
}

/// How the result is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// A line for people, and for scripts that know it.
    Text,
    /// A JSON object.
    Json,
}

/// Nothing could be compared.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no cluster to ask.
    #[error("failed to find a Kubernetes API server: set KUBECONFIG")]
    Config(#[from] InferConfigError),
    /// The kubeconfig is unusable.
    #[error("failed to set up the Kubernetes client")]
    Client(#[source] kube::Error),
    /// The API server does not say what there is.
    #[error("failed to list the pods and plans of namespace {namespace}: may you list them there?")]
    List {
        /// Where.
        namespace: String,
        /// What went wrong.
        source: kube::Error,
    },
    /// Nobody reads the result.
    #[error("failed to write the result")]
    Write(#[from] io::Error),
}

/// Compares, and writes the result to `out`; what is only worth mentioning goes to `aside`. The exit code is 0 if
/// everything is as planned, else 1.
///
/// # Errors
/// If nothing could be compared.
pub async fn run(args: &VerifyArgs, out: &mut impl Write, aside: &mut impl Write) -> Result<ExitCode, Error> {
    // Only one provider is compiled in, but rustls wants to be told. Already told is fine.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::try_from(kube::Config::infer().await?).map_err(Error::Client)?;
    let report = look(client, args).await?;
    match args.output {
        Output::Text => report.write_text(out, aside)?,
        Output::Json => report.write_json(out)?,
    }
    Ok(if report.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What `client` finds in the namespace.
///
/// # Errors
/// If the API server does not say what there is.
pub async fn look(client: Client, args: &VerifyArgs) -> Result<Report, Error> {
    let namespace = args.namespace.as_str();
    let failed = |source| Error::List { namespace: namespace.to_owned(), source };
    let plans: Api<SchedulePlan> = Api::namespaced(client.clone(), namespace);
    let pods: Api<Pod> = Api::namespaced(client, namespace);
    let plans = plans.list(&ListParams::default()).await.map_err(failed)?.items;
    let pods = pods.list(&ListParams::default()).await.map_err(failed)?.items;
    Ok(compare(&plans, &pods, args.strict))
}
