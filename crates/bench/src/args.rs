//! The flags, each with its environment variable.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Parser, Subcommand, value_parser};

/// Measures controllers of this repository on the cluster of the current kubeconfig context.
#[derive(Parser, Clone, Debug)]
#[command(name = "score-bench", version)]
pub(crate) struct Args {
    /// What to measure.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to measure.
#[derive(Subcommand, Clone, Debug)]
pub(crate) enum Command {
    /// How fast the Score controllers turn Workloads into something that runs.
    ///
    /// Three writers take turns: a bare writer that creates the same Deployments and Services that the runtime would, an
    /// ideal writer that knows in advance every further object that the controllers write, and the controllers
    /// themselves. Only the ratios between them say something about the controllers; the rest is the machine. The
    /// controllers must run already, restricted to --workload-namespace, so that they do not see what the other two
    /// writers write.
    Workloads(WorkloadArgs),
    /// How fast the pod-set planner gets a set bound, compared with the scheduler alone.
    ///
    /// The same pods are bound in turns: held by a gate of this program and let go by it, and held as a pod set and let
    /// go by the planner, which must run already.
    PodSets(PodSetArgs),
}

/// What every run is told.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct RunArgs {
    /// Seconds that one turn may take.
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
    /// Writes the report as JSON, too.
    #[arg(long, env = "SCORE_BENCH_JSON", value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

impl RunArgs {
    /// How long one turn may take.
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }

    /// How long nothing changes.
    pub(crate) fn idle(&self) -> Duration {
        Duration::from_secs(self.idle)
    }
}

/// The flags of `workloads`.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct WorkloadArgs {
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
    /// What every run is told.
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// The flags of `pod-sets`.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct PodSetArgs {
    /// Pods that are bound in one turn.
    #[arg(long, env = "SCORE_BENCH_PODS", value_name = "N", default_value_t = 1000,
          value_parser = value_parser!(u32).range(1..=5000))]
    pub(crate) pods: u32,
    /// Rounds; in each one both have their turn, so that noise hits both alike.
    #[arg(long, env = "SCORE_BENCH_ROUNDS", value_name = "N", default_value_t = 3,
          value_parser = value_parser!(u32).range(1..=20))]
    pub(crate) rounds: u32,
    /// Pods of a small set, which is bound once.
    #[arg(long, env = "SCORE_BENCH_SMALL", value_name = "N", default_value_t = 20,
          value_parser = value_parser!(u32).range(1..=200))]
    pub(crate) small: u32,
    /// Pods that are let go at the same time where this program does it; the planner lets go 32.
    #[arg(long, env = "SCORE_BENCH_AT_ONCE", value_name = "N", default_value_t = 32,
          value_parser = value_parser!(u32).range(1..=256))]
    pub(crate) at_once: u32,
    /// Namespace of the pods. Every Deployment and every ScheduleTrigger in it is deleted.
    #[arg(
        long,
        env = "SCORE_BENCH_POD_NAMESPACE",
        value_name = "NAMESPACE",
        default_value = "score-bench-pods"
    )]
    pub(crate) namespace: String,
    /// A folder with what `cargo bench -p pod-planner` has found: `criterion` as CRITERION_HOME, and what it has printed
    /// as `output.log`. Then its figures are reported, too.
    #[arg(long, env = "SCORE_BENCH_PLANNING", value_name = "FOLDER")]
    pub(crate) planning: Option<PathBuf>,
    /// What every run is told.
    #[command(flatten)]
    pub(crate) run: RunArgs,
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
        for command in Args::command().get_subcommands() {
            let flags: Vec<_> = command.get_arguments().filter(|a| a.get_id() != "help").collect();
            assert!(flags.len() > 5, "{} has {} flags", command.get_name(), flags.len());
            for flag in flags {
                assert!(flag.get_env().is_some(), "{} of {} has none", flag.get_id(), command.get_name());
            }
        }
    }

    #[test]
    fn controllers_are_given_by_name_and_pid() {
        let args =
            Args::try_parse_from(["score-bench", "workloads", "--audit-log=a", "--controller=x=1,y=2"])
                .unwrap();
        let Command::Workloads(args) = args.command else { panic!("{args:?}") };
        assert_eq!(args.run.controllers[1], Controller { name: "y".into(), pid: 2 });
    }

    #[test]
    fn a_thousand_pods_are_a_set_unless_said_otherwise() {
        let args =
            Args::try_parse_from(["score-bench", "pod-sets", "--audit-log=a", "--controller=x=1"]).unwrap();
        let Command::PodSets(args) = args.command else { panic!("{args:?}") };
        assert_eq!((args.pods, args.at_once, args.planning), (1000, 32, None));
    }

    #[test]
    fn a_controller_without_pid_is_refused_with_an_example() {
        let error = "score-orchestrator".parse::<Controller>().unwrap_err();
        assert!(error.contains("=4711"), "{error}");
    }
}
