//! The flags, each with its environment variable.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Parser, value_parser};

/// Measures how fast the Score controllers turn Workloads into something that runs.
///
/// Three writers take turns on the cluster of the current kubeconfig context: a bare writer that creates the same
/// Deployments and Services that the runtime would, an ideal writer that knows in advance every further object that
/// the controllers write, and the controllers themselves. Only the ratios between them say something about the
/// controllers; the rest is the machine. The controllers must run already, restricted to --workload-namespace, so
/// that they do not see what the other two writers write.
#[derive(Parser, Clone, Debug)]
#[command(name = "score-bench", version)]
pub(crate) struct Args {
    /// Objects that each writer makes in one round.
    #[arg(long, env = "SCORE_BENCH_COUNT", value_name = "N", default_value_t = 300,
          value_parser = value_parser!(u32).range(1..=1000))]
    pub(crate) count: u32,
    /// Rounds; in each one every writer has its turn, so that noise hits all alike.
    #[arg(long, env = "SCORE_BENCH_ROUNDS", value_name = "N", default_value_t = 1,
          value_parser = value_parser!(u32).range(1..=20))]
    pub(crate) rounds: u32,
    /// Objects that each writer makes before the first round and that do not count.
    #[arg(long, env = "SCORE_BENCH_WARM_UP", value_name = "N", default_value_t = 20,
          value_parser = value_parser!(u32).range(0..=200))]
    pub(crate) warm_up: u32,
    /// Objects that are made at half the ideal writer's rate, to see how long one takes that does not wait for others.
    #[arg(long, env = "SCORE_BENCH_PACED_COUNT", value_name = "N", default_value_t = 100,
          value_parser = value_parser!(u32).range(1..=1000))]
    pub(crate) paced_count: u32,
    /// Tasks that create objects at the same time, each as fast as the API server accepts them.
    #[arg(long, env = "SCORE_BENCH_CLIENTS", value_name = "N", default_value_t = 8,
          value_parser = value_parser!(u32).range(1..=64))]
    pub(crate) clients: u32,
    /// Seconds that one writer may take for one round.
    #[arg(long, env = "SCORE_BENCH_TIMEOUT", value_name = "SECONDS", default_value_t = 300,
          value_parser = value_parser!(u64).range(10..=3600))]
    timeout: u64,
    /// Seconds during which nothing changes and the controllers' writes are counted.
    #[arg(long, env = "SCORE_BENCH_IDLE", value_name = "SECONDS", default_value_t = 60,
          value_parser = value_parser!(u64).range(1..=3600))]
    idle: u64,
    /// The API server's audit log, as JSON lines, with every write at level Metadata.
    #[arg(long, env = "SCORE_BENCH_AUDIT_LOG", value_name = "FILE")]
    pub(crate) audit_log: PathBuf,
    /// A controller by the name of its ServiceAccount and its process id on this machine; may be repeated.
    #[arg(
        long = "controller",
        env = "SCORE_BENCH_CONTROLLERS",
        value_name = "NAME=PID",
        value_delimiter = ',',
        required = true
    )]
    pub(crate) controllers: Vec<Controller>,
    /// Namespace of the controllers' ServiceAccounts.
    #[arg(
        long,
        env = "SCORE_BENCH_SYSTEM_NAMESPACE",
        value_name = "NAMESPACE",
        default_value = "score-system"
    )]
    pub(crate) system_namespace: String,
    /// Namespace that the controllers watch. Every Workload in it is deleted.
    #[arg(
        long,
        env = "SCORE_BENCH_WORKLOAD_NAMESPACE",
        value_name = "NAMESPACE",
        default_value = "score-bench-workloads"
    )]
    pub(crate) workload_namespace: String,
    /// Namespace of the other two writers. Every Workload, Deployment and Service in it is deleted.
    #[arg(
        long,
        env = "SCORE_BENCH_WRITER_NAMESPACE",
        value_name = "NAMESPACE",
        default_value = "score-bench-writers"
    )]
    pub(crate) writer_namespace: String,
    /// Writes the report as JSON, too.
    #[arg(long, env = "SCORE_BENCH_JSON", value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

impl Args {
    /// How long one writer may take for one round.
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }

    /// How long nothing changes.
    pub(crate) fn idle(&self) -> Duration {
        Duration::from_secs(self.idle)
    }
}

/// A controller that runs as a process of this machine.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Controller {
    /// The name of its ServiceAccount.
    pub(crate) name: String,
    /// Its process id.
    pub(crate) pid: u32,
}

impl FromStr for Controller {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let malformed = || format!("'{text}' is not NAME=PID, such as score-orchestrator=4711");
        let (name, pid) = text.split_once('=').ok_or_else(malformed)?;
        let pid = pid.parse().map_err(|_| malformed())?;
        Ok(Self { name: name.to_owned(), pid })
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn every_flag_has_an_environment_variable() {
        for argument in
            Args::command().get_arguments().filter(|a| !["help", "version"].contains(&a.get_id().as_str()))
        {
            assert!(argument.get_env().is_some(), "{} has none", argument.get_id());
        }
    }

    #[test]
    fn controllers_are_given_by_name_and_pid() {
        let args = Args::try_parse_from(["score-bench", "--audit-log=a", "--controller=x=1,y=2"]).unwrap();
        assert_eq!(args.controllers[1], Controller { name: "y".into(), pid: 2 });
    }

    #[test]
    fn a_controller_without_pid_is_refused_with_an_example() {
        let error = "score-orchestrator".parse::<Controller>().unwrap_err();
        assert!(error.contains("=4711"), "{error}");
    }
}
