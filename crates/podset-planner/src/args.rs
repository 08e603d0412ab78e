//! The flags of the binary.

use std::{collections::BTreeSet, net::SocketAddr, time::Duration};

use clap::{Parser, Subcommand};
use controller_kit::{ControlArgs, KitArgs, LeaseArgs, LogArgs, ServerArgs};

use crate::verify::VerifyArgs;

/// Holds the pods of a set (label `planner.ciena.io/pod-set`), plans them together, and releases each to its node.
#[derive(Parser, Clone, Debug)]
#[command(name = "podset-planner", version)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Subcommand, Clone, Debug)]
pub enum Command {
    /// Runs the controller.
    Manager(ManagerArgs),
    /// Answers by gRPC where a set would go, with the controller's own plan. Changes nothing.
    Planner(PlannerArgs),
    /// Tells a kube-scheduler which nodes a pod of a set may go to. Changes nothing.
    Extender(ExtenderArgs),
    /// Compares plans with where pods run. Exits with 1 if they differ.
    Verify(VerifyArgs),
}

/// The flags of the controller. Each can also be given as the environment variable that is named beside it.
#[derive(clap::Args, Clone, Debug)]
pub struct ManagerArgs {
    /// What every controller takes.
    #[command(flatten)]
    pub kit: KitArgs,
    /// Which external planners are asked.
    #[command(flatten)]
    pub ask: AskArgs,
}

/// Which external planners are asked, and how.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "External planners")]
pub struct AskArgs {
    /// Namespaces whose Services may plan sets: whoever may label a Service there decides where pods go. [default: the
    /// namespace of this process]
    #[arg(long, env = "SCORE_PLANNER_NAMESPACES", value_name = "NAMESPACE,…", value_delimiter = ',')]
    pub planner_namespaces: Vec<String>,
    /// How long each may take, in seconds.
    #[arg(long, env = "SCORE_PLANNER_DEADLINE_SECONDS", value_name = "SECONDS", default_value_t = 15,
          value_parser = clap::value_parser!(u16).range(1..=300))]
    pub planner_deadline_seconds: u16,
    /// The domain of the cluster's DNS, by which they are found.
    #[arg(long, env = "SCORE_CLUSTER_DOMAIN", value_name = "DOMAIN", default_value = "cluster.local")]
    pub cluster_domain: String,
}

impl Default for AskArgs {
    fn default() -> Self {
        Self {
            planner_namespaces: Vec::new(),
            planner_deadline_seconds: 15,
            cluster_domain: "cluster.local".to_owned(),
        }
    }
}

impl AskArgs {
    /// How long each may take.
    pub(crate) fn deadline(&self) -> Duration {
        Duration::from_secs(self.planner_deadline_seconds.into())
    }

    /// The namespaces that are trusted, for a process in `home`. Charts set empty variables for what is not wanted.
    pub(crate) fn namespaces(&self, home: &str) -> BTreeSet<String> {
        let given: BTreeSet<_> =
            self.planner_namespaces.iter().filter(|namespace| !namespace.is_empty()).cloned().collect();
        if given.is_empty() { BTreeSet::from([home.to_owned()]) } else { given }
    }
}

/// The flags of the planner that answers others.
#[derive(clap::Args, Clone, Debug)]
pub struct PlannerArgs {
    /// Address that answers by gRPC.
    #[arg(long, env = "SCORE_PLANNER_LISTEN", value_name = "ADDRESS", default_value = "0.0.0.0:7777")]
    pub planner_listen: SocketAddr,
    /// What every process takes that answers others.
    #[command(flatten)]
    pub process: AnsweringArgs,
}

/// The flags of the scheduler extender.
#[derive(clap::Args, Clone, Debug)]
pub struct ExtenderArgs {
    /// Address that answers schedulers by HTTP, without TLS. Whoever can connect may ask, so it is that of this machine or
    /// pod alone.
    #[arg(long, env = "SCORE_EXTENDER_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:7310")]
    pub extender_listen: SocketAddr,
    /// What every process takes that answers others.
    #[command(flatten)]
    pub process: AnsweringArgs,
}

/// What every process takes that answers others: of several, each does.
#[derive(clap::Args, Clone, Debug)]
pub struct AnsweringArgs {
    /// Logs and traces.
    #[command(flatten)]
    pub logs: LogArgs,
    /// Health and metrics.
    #[command(flatten)]
    pub server: ServerArgs,
    /// How much is done at once; which triggers are read.
    #[command(flatten)]
    pub control: ControlArgs,
}

impl AnsweringArgs {
    /// For the process around it, which takes no lease.
    pub fn kit(self) -> KitArgs {
        let lease =
            LeaseArgs { leader_election: false, lease_name: None, lease_namespace: None, identity: None };
        KitArgs { logs: self.logs, server: self.server, lease, control: self.control }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_controller_takes_the_flags_of_every_controller() {
        let args = Args::try_parse_from(["podset-planner", "manager", "--concurrency=4"]).unwrap();
        assert!(matches!(args.command, Command::Manager(args) if args.kit.control.concurrency == 4));
    }

    fn asking(arguments: &[&str]) -> AskArgs {
        match Args::try_parse_from([&["podset-planner", "manager"], arguments].concat()).unwrap().command {
            Command::Manager(args) => args.ask,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_namespaces_that_are_trusted_are_those_given_or_our_own() {
        assert_eq!(asking(&[]).namespaces("home"), ["home".to_owned()].into());
        assert_eq!(asking(&["--planner-namespaces", ""]).namespaces("home"), ["home".to_owned()].into());
        let two = asking(&["--planner-namespaces=b,a", "--planner-namespaces=b"]);
        assert_eq!(two.namespaces("home"), ["a".to_owned(), "b".to_owned()].into());
    }

    #[test]
    fn what_is_asked_without_flags_is_what_is_asked_by_default() {
        let (given, default) = (asking(&[]), AskArgs::default());
        assert_eq!(default.deadline(), Duration::from_secs(15));
        assert_eq!((given.deadline(), given.cluster_domain), (default.deadline(), default.cluster_domain));
    }

    #[test]
    fn the_planner_that_answers_others_takes_no_lease() {
        let args =
            Args::try_parse_from(["podset-planner", "planner", "--planner-listen=127.0.0.1:1"]).unwrap();
        let Command::Planner(args) = args.command else { panic!("{args:?}") };
        assert_eq!(args.planner_listen.port(), 1);
        assert!(!args.process.kit().lease.leader_election);
    }

    #[test]
    fn the_extender_answers_this_machine_alone_unless_told_otherwise() {
        let Command::Extender(args) = Args::try_parse_from(["podset-planner", "extender"]).unwrap().command
        else {
            panic!("another command")
        };
        assert!(args.extender_listen.ip().is_loopback());
        assert!(!args.process.kit().lease.leader_election);
    }

    #[test]
    fn what_is_to_be_done_must_be_said() {
        let error = Args::try_parse_from(["podset-planner"]).unwrap_err().to_string();
        assert!(error.contains("manager") && error.contains("verify"), "{error}");
    }

    #[test]
    fn a_namespace_is_default_unless_given() {
        for (arguments, namespace) in
            [(["verify", ""].as_slice(), "default"), (&["verify", "-nteam"], "team")]
        {
            let words = ["podset-planner"].iter().chain(arguments.iter().filter(|word| !word.is_empty()));
            let Command::Verify(args) = Args::try_parse_from(words).unwrap().command else {
                panic!("no verify")
            };
            assert_eq!(args.namespace, namespace);
        }
    }
}
