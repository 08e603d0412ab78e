//! The flags of the binary.

use std::time::Duration;

use clap::Parser;
use controller_kit::KitArgs;
use provisioner_kit::AllowedSecrets;
use quantity::Quantity;

use crate::{server::Limits, settings::Defaults};

/// Gives every ResourceClaim of type postgres a PostgreSQL of its own, or a database on a server that the platform
/// gives, and binds the claim once a login works.
#[derive(Parser, Clone, Debug)]
#[command(name = "score-provisioner-postgres", version)]
pub struct Args {
    /// The claims to answer: those with this name in `spec.provisioner`.
    #[arg(long, env = "SCORE_PROVISIONER_NAME", value_name = "NAME", default_value = "provisioner-postgres")]
    pub provisioner_name: String,
    /// Image of PostgreSQL; its environment must be that of docker.io/library/postgres.
    #[arg(long, env = "SCORE_POSTGRES_IMAGE", value_name = "IMAGE", help_heading = "Databases")]
    pub image: String,
    /// Size of each database's volume. It holds for new databases only.
    #[arg(
        long,
        env = "SCORE_POSTGRES_STORAGE",
        value_name = "QUANTITY",
        default_value = "1Gi",
        help_heading = "Databases"
    )]
    pub storage: Quantity,
    /// Storage class of each database's volume [default: the cluster's]. It holds for new databases only.
    #[arg(long, env = "SCORE_POSTGRES_STORAGE_CLASS", value_name = "NAME", help_heading = "Databases")]
    pub storage_class: Option<String>,
    /// User and group that PostgreSQL runs as: 999 in Debian-based images, 70 in Alpine-based ones.
    #[arg(long, env = "SCORE_POSTGRES_RUN_AS_USER", value_name = "UID", default_value_t = 999,
          value_parser = clap::value_parser!(i64).range(1..=4_294_967_294), help_heading = "Databases")]
    pub run_as_user: i64,
    /// DNS domain of the cluster, to be appended to host names [default: none, which every pod resolves].
    #[arg(long, env = "SCORE_CLUSTER_DOMAIN", value_name = "DOMAIN", help_heading = "Databases")]
    pub cluster_domain: Option<String>,
    /// How long the login that a claim is bound after may take, in seconds.
    #[arg(long, env = "SCORE_POSTGRES_LOGIN_TIMEOUT", value_name = "SECONDS", default_value_t = 4,
          value_parser = clap::value_parser!(u64).range(1..=30), help_heading = "Databases")]
    pub login_timeout_seconds: u64,
    /// Namespace of the Secrets with the credentials of servers, which the classes of kind server name [default: that
    /// of the service account].
    #[arg(long, env = "SCORE_SERVERS_NAMESPACE", value_name = "NAMESPACE", help_heading = "Servers")]
    pub servers_namespace: Option<String>,
    /// A Secret that classes of kind server may name in adminSecretRef or caSecretRef; may be given several times. None
    /// unless given.
    #[arg(
        long = "allowed-server-secret",
        env = "SCORE_ALLOWED_SERVER_SECRETS",
        value_name = "NAME",
        value_delimiter = ',',
        help_heading = "Servers"
    )]
    pub allowed_server_secrets: Vec<String>,
    /// How long what is done on a server for one claim may take, in seconds.
    #[arg(long, env = "SCORE_SERVERS_TIMEOUT", value_name = "SECONDS", default_value_t = 30,
          value_parser = clap::value_parser!(u64).range(1..=600), help_heading = "Servers")]
    pub servers_timeout_seconds: u64,
    /// What every controller has.
    #[command(flatten)]
    pub kit: KitArgs,
}

impl Args {
    /// How long a login may take.
    pub fn login_timeout(&self) -> Duration {
        Duration::from_secs(self.login_timeout_seconds)
    }

    /// The Secrets with what servers need, in the process's `own` namespace unless another was given.
    pub fn server_secrets(&self, own: &str) -> AllowedSecrets {
        AllowedSecrets::new(self.servers_namespace.as_deref(), own, &self.allowed_server_secrets)
    }

    /// How long things may take on a server.
    pub fn limits(&self) -> Limits {
        Limits { connect: self.login_timeout(), work: Duration::from_secs(self.servers_timeout_seconds) }
    }
}

impl From<Args> for Defaults {
    fn from(args: Args) -> Self {
        // Charts set empty variables for what is not wanted, so empty means unset.
        let given = |value: Option<String>| value.filter(|value| !value.is_empty());
        Self {
            image: args.image,
            storage: args.storage,
            storage_class: given(args.storage_class),
            run_as_user: args.run_as_user,
            cluster_domain: given(args.cluster_domain),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory as _;

    use super::*;

    fn parse(arguments: &[&str]) -> Result<Args, clap::Error> {
        Args::try_parse_from([&["provisioner"], arguments].concat())
    }

    #[test]
    fn the_image_is_all_that_must_be_given() {
        assert!(parse(&[]).unwrap_err().to_string().contains("--image"));
        let args = parse(&["--image", "postgres:17"]).unwrap();
        assert_eq!(args.provisioner_name, "provisioner-postgres");
        let defaults = Defaults::from(args);
        assert_eq!(defaults.storage.to_string(), "1Gi");
        assert_eq!(defaults.run_as_user, 999);
    }

    #[test]
    fn an_empty_value_counts_as_not_given() {
        let args = parse(&["--image", "i", "--storage-class", "", "--cluster-domain", ""]).unwrap();
        let defaults = Defaults::from(args);
        assert_eq!((defaults.storage_class, defaults.cluster_domain), (None, None));
    }

    #[test]
    fn the_secrets_of_servers_lie_in_the_process_s_own_namespace_unless_another_is_given() {
        let args = parse(&["--image", "i", "--allowed-server-secret", "a,b"]).unwrap();
        let names = BTreeSet::from(["a".to_owned(), "b".to_owned()]);
        let own = AllowedSecrets { namespace: "own".to_owned(), names };
        assert_eq!(args.server_secrets("own"), own);
        let args = parse(&["--image", "i", "--servers-namespace", "other"]).unwrap();
        assert_eq!(args.server_secrets("own").namespace, "other");
    }

    #[test]
    fn wrong_values_are_refused_when_the_process_starts() {
        for (flag, value) in [("--storage", "lots"), ("--run-as-user", "0"), ("--login-timeout-seconds", "0")]
        {
            let error = parse(&["--image", "i", flag, value]).unwrap_err().to_string();
            assert!(error.contains(flag), "{error}");
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
