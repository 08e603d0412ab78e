//! The flags of the binary.

use std::path::PathBuf;

use clap::Parser;
use controller_kit::KitArgs;
use provisioner_kit::AllowedSecrets;
use resource_template::{ChartOrigin, ObjectKind, Origin};

use crate::{external::Apis, helm::Helm};

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
    /// An API that declarations may use, as `https://api.example.com`; may be given several times. None unless given.
    #[arg(
        long = "allowed-origin",
        env = "SCORE_ALLOWED_ORIGINS",
        value_name = "ORIGIN",
        value_delimiter = ',',
        help_heading = "Declarations"
    )]
    pub allowed_origins: Vec<Origin>,
    /// A Secret with credentials or an authority that declarations may name for APIs; may be given several times. None
    /// unless given.
    #[arg(
        long = "allowed-api-secret",
        env = "SCORE_ALLOWED_API_SECRETS",
        value_name = "NAME",
        value_delimiter = ',',
        help_heading = "Declarations"
    )]
    pub allowed_api_secrets: Vec<String>,
    /// Namespace of the allowed Secrets [default: that of the service account].
    #[arg(long, env = "SCORE_SECRETS_NAMESPACE", value_name = "NAMESPACE", help_heading = "Declarations")]
    pub secrets_namespace: Option<String>,
    /// Where charts of declarations may come from, as `oci://registry.example.com` or `https://charts.example.com`; may be
    /// given several times. Nowhere unless given.
    #[arg(
        long = "allowed-chart-origin",
        env = "SCORE_ALLOWED_CHART_ORIGINS",
        value_name = "ORIGIN",
        value_delimiter = ',',
        help_heading = "Declarations"
    )]
    pub allowed_chart_origins: Vec<ChartOrigin>,
    /// A Secret with credentials of a registry or an authority that declarations may name for charts; may be given several
    /// times. None unless given.
    #[arg(
        long = "allowed-chart-secret",
        env = "SCORE_ALLOWED_CHART_SECRETS",
        value_name = "NAME",
        value_delimiter = ',',
        help_heading = "Declarations"
    )]
    pub allowed_chart_secrets: Vec<String>,
    /// Where the program Helm is.
    #[arg(
        long,
        env = "SCORE_HELM_BINARY",
        value_name = "FILE",
        default_value = "/helm",
        help_heading = "Declarations"
    )]
    pub helm_binary: PathBuf,
    /// A folder for Helm to work in, which nobody else uses.
    #[arg(
        long,
        env = "SCORE_HELM_FOLDER",
        value_name = "FOLDER",
        default_value = "/var/lib/score-helm",
        help_heading = "Declarations"
    )]
    pub helm_folder: PathBuf,
    /// What every controller has.
    #[command(flatten)]
    pub kit: KitArgs,
}

impl Args {
    /// The APIs that declarations may use. `own` is the process's namespace.
    pub fn apis(&self, own: &str) -> Apis {
        Apis {
            origins: self.allowed_origins.iter().cloned().collect(),
            secrets: self.allowed(&self.allowed_api_secrets, own),
        }
    }

    /// Helm, and where charts may come from. `own` is the process's namespace.
    pub fn helm(&self, own: &str) -> Helm {
        Helm {
            binary: self.helm_binary.clone(),
            folder: self.helm_folder.clone(),
            origins: self.allowed_chart_origins.iter().cloned().collect(),
            secrets: self.allowed(&self.allowed_chart_secrets, own),
        }
    }

    fn allowed(&self, names: &[String], own: &str) -> AllowedSecrets {
        AllowedSecrets::new(self.secrets_namespace.as_deref(), own, names)
    }
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
    fn an_api_is_allowed_by_scheme_host_and_port() {
        let parse = |origins: &str| Args::try_parse_from(["provisioner", "--allowed-origin", origins]);
        let args = parse("https://a.example.com,http://10.0.0.1:81").unwrap();
        assert_eq!(args.allowed_origins.len(), 2);
        for origin in ["a.example.com", "https://a.example.com/v1", "https://token@a.example.com"] {
            assert!(parse(origin).unwrap_err().to_string().contains("--allowed-origin"), "{origin}");
        }
    }

    #[test]
    fn secrets_are_allowed_for_apis_and_for_charts_each_and_lie_in_one_namespace() {
        let flags = ["--allowed-api-secret", "a,b", "--allowed-chart-secret", "c"];
        let args = Args::try_parse_from([&["provisioner"], &flags[..]].concat()).unwrap();
        let allowed = |names: &[&str]| AllowedSecrets {
            namespace: "own".to_owned(),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
        };
        assert_eq!(args.apis("own").secrets, allowed(&["a", "b"]));
        assert_eq!(args.helm("own").secrets, allowed(&["c"]));
        let args = Args::try_parse_from(["provisioner", "--secrets-namespace", "other"]).unwrap();
        assert_eq!(
            [args.apis("own").secrets.namespace, args.helm("own").secrets.namespace],
            ["other", "other"]
        );
    }

    #[test]
    fn charts_are_allowed_by_registry_or_host() {
        let parse = |origins: &str| Args::try_parse_from(["provisioner", "--allowed-chart-origin", origins]);
        let args = parse("oci://registry.example.com:5000,https://charts.example.com").unwrap();
        assert_eq!(args.allowed_chart_origins.len(), 2);
        for origin in ["registry.example.com", "oci://registry.example.com/charts", "oci://user@example.com"]
        {
            assert!(parse(origin).unwrap_err().to_string().contains("--allowed-chart-origin"), "{origin}");
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
