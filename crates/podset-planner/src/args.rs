//! The flags of the binary.

use clap::{Parser, Subcommand};
use controller_kit::KitArgs;

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
    /// Compares plans with where pods run. Exits with 1 if they differ.
    Verify(VerifyArgs),
}

/// The flags of the controller. Each can also be given as the environment variable that is named beside it.
#[derive(clap::Args, Clone, Debug)]
pub struct ManagerArgs {
    /// What every controller takes.
    #[command(flatten)]
    pub kit: KitArgs,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_controller_takes_the_flags_of_every_controller() {
        let args = Args::try_parse_from(["podset-planner", "manager", "--concurrency=4"]).unwrap();
        assert!(matches!(args.command, Command::Manager(args) if args.kit.control.concurrency == 4));
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
