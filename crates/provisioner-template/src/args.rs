//! The flags of the binary.

use clap::Parser;
use controller_kit::KitArgs;
use resource_template::ObjectKind;

/// Gives every ResourceClaim what the platform's declaration of its type says, and binds the claim once that can be used.
#[derive(Parser, Clone, Debug)]
#[command(name = "score-provisioner-template", version)]
pub struct Args {
    /// The claims to answer: those with this name in `spec.provisioner`.
    #[arg(long, env = "SCORE_PROVISIONER_NAME", value_name = "NAME", default_value = "provisioner-template")]
    pub provisioner_name: String,
    /// A kind that declarations may make or read, as `apps/v1/StatefulSet` or `v1/Service`; may be given several times.
    /// None unless given. The provisioner must have the rights for each.
    #[arg(
        long = "allowed-kind",
        env = "SCORE_ALLOWED_KINDS",
        value_name = "KIND",
        value_delimiter = ',',
        help_heading = "Declarations"
    )]
    pub allowed_kinds: Vec<ObjectKind>,
    /// What every controller has.
    #[command(flatten)]
    pub kit: KitArgs,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn kinds_that_may_never_be_made_are_refused_when_the_process_starts() {
        let parse = |kinds: &str| Args::try_parse_from(["provisioner", "--allowed-kind", kinds]);
        assert_eq!(parse("v1/Secret,apps/v1/StatefulSet").unwrap().allowed_kinds.len(), 2);
        for kinds in ["Secret", "rbac.authorization.k8s.io/v1/Role", "score.dev/v1b1/Workload"] {
            assert!(parse(kinds).unwrap_err().to_string().contains("--allowed-kind"), "{kinds}");
        }
    }

    #[test]
    fn every_flag_has_an_environment_variable() {
        let command = Args::command();
        for argument in
            command.get_arguments().filter(|a| !["help", "version"].contains(&a.get_id().as_str()))
        {
            assert!(argument.get_env().is_some(), "{} has none", argument.get_id());
        }
    }
}
