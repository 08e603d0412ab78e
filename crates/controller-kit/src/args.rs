//! The flags that every controller has, each with its environment variable.

use std::net::SocketAddr;

use clap::{ArgAction, Args, ValueEnum};

/// Everything the kit can be told from outside. Flatten it into the arguments of the binary.
#[derive(Args, Clone, Debug)]
pub struct KitArgs {
    /// Logs and traces.
    #[command(flatten)]
    pub logs: LogArgs,
    /// Health and metrics.
    #[command(flatten)]
    pub server: ServerArgs,
    /// Which of several replicas works.
    #[command(flatten)]
    pub lease: LeaseArgs,
    /// What the controller works on.
    #[command(flatten)]
    pub control: ControlArgs,
}

/// Logs and traces.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Logs and traces")]
pub struct LogArgs {
    /// How log lines are written to stderr.
    #[arg(long, env = "SCORE_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    /// Which log lines are written, as a tracing EnvFilter such as `info,kube=debug`.
    #[arg(long, env = "SCORE_LOG", value_name = "FILTER", default_value = DEFAULT_LOG_FILTER)]
    pub log_filter: String,
    /// Where traces go: the gRPC endpoint of an OpenTelemetry collector, such as `http://collector:4317`. None if unset.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL")]
    pub otlp_endpoint: Option<String>,
}

/// `k8s_controller` logs each pass at info, which is noise as long as it succeeds; who leads is worth a line. The
/// watcher repeats at each attempt what the kit says once, and the loop warns of every deletion that it sees twice.
const DEFAULT_LOG_FILTER: &str = concat!(
    "info,k8s_controller=warn,k8s_controller::controller=error,k8s_controller::leader_election=info,",
    "kube_runtime::watcher=error"
);

/// How log lines are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum LogFormat {
    /// One line of text for people.
    Text,
    /// One JSON object per line.
    Json,
}

/// Health and metrics.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Health and metrics")]
pub struct ServerArgs {
    /// Address that serves /live, /ready and /metrics.
    #[arg(long, env = "SCORE_LISTEN", value_name = "ADDRESS", default_value = "0.0.0.0:8080")]
    pub listen: SocketAddr,
}

/// Which of several replicas works.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Leader election")]
pub struct LeaseArgs {
    /// Whether replicas elect one that works. Without it, never run more than one.
    #[arg(long, env = "SCORE_LEADER_ELECTION", value_name = "BOOL", default_value_t = true, action = ArgAction::Set)]
    pub leader_election: bool,
    /// Name of the Lease [default: the controller's name].
    #[arg(long, env = "SCORE_LEASE_NAME", value_name = "NAME")]
    pub lease_name: Option<String>,
    /// Namespace of the Lease [default: POD_NAMESPACE, else that of the service account or the kubeconfig].
    #[arg(long, env = "SCORE_LEASE_NAMESPACE", value_name = "NAMESPACE")]
    pub lease_namespace: Option<String>,
    /// Name of this replica, unlike that of any other [default: POD_NAME, else HOSTNAME, else random].
    #[arg(long, env = "SCORE_IDENTITY", value_name = "NAME")]
    pub identity: Option<String>,
}

/// What the controller works on.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Control loop")]
pub struct ControlArgs {
    /// How many objects are reconciled at once.
    #[arg(long, env = "SCORE_CONCURRENCY", value_name = "N", default_value_t = 16,
          value_parser = clap::value_parser!(u16).range(1..))]
    pub concurrency: u16,
    /// The only namespace that is watched [default: all].
    #[arg(long, env = "SCORE_NAMESPACE", value_name = "NAMESPACE")]
    pub namespace: Option<String>,
}

impl LogArgs {
    /// The collector's endpoint. Charts set empty variables for what is not wanted, so empty means unset.
    pub(crate) fn endpoint(&self) -> Option<&str> {
        given(self.otlp_endpoint.as_deref())
    }
}

impl LeaseArgs {
    /// The name of this replica.
    pub(crate) fn identity(&self) -> String {
        let name = given(self.identity.as_deref()).map(str::to_owned);
        name.or_else(|| variable("POD_NAME"))
            .or_else(|| variable("HOSTNAME"))
            .unwrap_or_else(|| format!("{:016x}", rand::random::<u64>()))
    }

    /// The Lease's namespace; `fallback` is that of the client's configuration.
    pub(crate) fn namespace(&self, fallback: &str) -> String {
        let name = given(self.lease_namespace.as_deref()).map(str::to_owned);
        name.or_else(|| variable("POD_NAMESPACE")).unwrap_or_else(|| fallback.to_owned())
    }

    /// The Lease's name; `fallback` is that of the controller.
    pub(crate) fn name<'a>(&'a self, fallback: &'a str) -> &'a str {
        given(self.lease_name.as_deref()).unwrap_or(fallback)
    }
}

impl ControlArgs {
    /// The only namespace that is watched, if there is one.
    pub(crate) fn namespace(&self) -> Option<String> {
        given(self.namespace.as_deref()).map(str::to_owned)
    }
}

fn given(value: Option<&str>) -> Option<&str> {
    value.filter(|value| !value.is_empty())
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        kit: KitArgs,
    }

    fn parse(arguments: &[&str]) -> Result<KitArgs, clap::Error> {
        Cli::try_parse_from([&["controller"], arguments].concat()).map(|cli| cli.kit)
    }

    #[test]
    fn a_controller_runs_without_any_flag() {
        let args = parse(&[]).unwrap();
        assert_eq!(args.server.listen.port(), 8080);
        assert_eq!(args.control.concurrency, 16);
        assert!(args.lease.leader_election);
        assert_eq!(args.lease.name("score-test"), "score-test");
        assert_eq!(args.logs.endpoint(), None);
        assert_eq!(args.control.namespace(), None);
    }

    #[test]
    fn leader_election_can_be_switched_off() {
        assert!(!parse(&["--leader-election", "false"]).unwrap().lease.leader_election);
    }

    #[test]
    fn an_empty_value_counts_as_not_given() {
        let args =
            parse(&["--otlp-endpoint", "", "--namespace", "", "--lease-name", "", "--identity", ""]).unwrap();
        assert_eq!(args.logs.endpoint(), None);
        assert_eq!(args.control.namespace(), None);
        assert_eq!(args.lease.name("score-test"), "score-test");
        assert!(!args.lease.identity().is_empty());
    }

    #[test]
    fn no_reconcile_at_all_is_refused() {
        let error = parse(&["--concurrency", "0"]).unwrap_err().to_string();
        assert!(error.contains("--concurrency"), "{error}");
    }

    #[test]
    fn every_flag_has_an_environment_variable() {
        use clap::CommandFactory;
        for argument in Cli::command().get_arguments().filter(|a| a.get_id() != "help") {
            assert!(argument.get_env().is_some(), "{} has none", argument.get_id());
        }
    }
}
