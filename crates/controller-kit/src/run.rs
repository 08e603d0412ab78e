//! The process around a controller: from the first log line to the exit code.

use std::{
    future::{Future, IntoFuture as _},
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::FutureExt as _;
use http::{HeaderValue, header::USER_AGENT};
use k8s_controller::{
    LeaderElection, PrometheusMetrics,
    events::{EventRecorder, Reporter},
};
use kube::{Client, Config, client::ClientBuilder, config::InferConfigError};
use prometheus::{Registry, process_collector::ProcessCollector};
use tokio::{net::TcpListener, time::sleep};

use crate::{
    Kit, Readiness, Shutdown,
    args::KitArgs,
    client::ApiMetrics,
    crds,
    health::router,
    telemetry::{self, TelemetryError},
};

/// What makes one controller another than the next.
#[derive(Clone, Copy, Debug)]
pub struct Definition {
    /// The controller's name, such as `score-orchestrator`: its field manager, lease, event reporter, metrics label
    /// and the service of its traces.
    pub name: &'static str,
    /// The kinds that must exist before it can work, each as `plural.group`.
    pub crds: &'static [&'static str],
}

/// Why the process ended other than by being asked to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Logs or traces could not be set up.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// The address for health and metrics is taken or not this machine's.
    #[error("failed to listen on {address} (set another address with --listen or SCORE_LISTEN)")]
    Listen {
        /// What was given.
        address: SocketAddr,
        /// What the system objects to.
        source: io::Error,
    },
    /// The signal handlers could not be installed.
    #[error("failed to listen for signals")]
    Signals(#[source] io::Error),
    /// There is neither a service account nor a kubeconfig.
    #[error(
        "failed to find a Kubernetes API server (run in a pod with a service account, or set KUBECONFIG)"
    )]
    Config(#[from] InferConfigError),
    /// The service account or the kubeconfig is unusable.
    #[error("failed to set up the Kubernetes client")]
    Client(#[source] kube::Error),
    /// Two metrics have the same name.
    #[error("failed to register metrics")]
    Metrics(#[from] prometheus::Error),
    /// Another replica may work by now.
    #[error(
        "lost the lease {lease}: it could not be renewed in time or another replica took it; restart to stand by"
    )]
    LeaseLost {
        /// Its name.
        lease: String,
    },
    /// The controller's own future ended.
    #[error("the controller stopped although nothing asked it to")]
    Stopped,
}

/// How long running reconciles may take to end when the process is asked to stop.
const GRACE: Duration = Duration::from_secs(4);
/// How long giving up the lease may take after that.
const RELEASE: Duration = Duration::from_millis(400);

/// Does everything around a controller: logs and traces, the client, health and metrics, waiting for the kinds of
/// `definition` (not ready meanwhile), the lease, and signals. Then `start` runs the controller, to its end.
///
/// On SIGTERM or SIGINT no new work is taken, running reconciles get 4 s, the lease is given up and traces are
/// flushed, all within 5 s, also when the API server is unreachable.
///
/// # Errors
/// If the process cannot start, loses its lease, or the controller ends by itself.
pub async fn run<F, Fut>(definition: Definition, args: KitArgs, start: F) -> Result<(), RunError>
where
    F: FnOnce(Kit) -> Fut,
    Fut: Future<Output = ()> + Send,
{
    // Only one provider is compiled in, but rustls wants to be told. Already told is fine.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let process = Process::new(definition, args, Shutdown::on_signals().map_err(RunError::Signals)?)?;
    let _telemetry = telemetry::init(definition.name, &process.identity, &process.args.logs)?;
    let listener = process.listen().await?;
    let mut config = Config::infer().await?;
    // The API server's audit log then names the controller, and not only its service account.
    config.headers.push((USER_AGENT, HeaderValue::from_static(definition.name)));
    let metrics = ApiMetrics::register(&process.registry)?;
    let client = ClientBuilder::try_from(config).map_err(RunError::Client)?.with_layer(&metrics).build();
    process.serve(listener, client, start).await
}

/// What is there before any connection is.
struct Process {
    definition: Definition,
    args: KitArgs,
    identity: String,
    registry: Registry,
    readiness: Readiness,
    shutdown: Shutdown,
}

impl Process {
    fn new(definition: Definition, args: KitArgs, shutdown: Shutdown) -> Result<Self, RunError> {
        let (registry, readiness) = (Registry::new(), Readiness::default());
        registry.register(Box::new(ProcessCollector::for_self()))?;
        crds::not_yet_asked(&readiness);
        Ok(Self { definition, identity: args.lease.identity(), args, registry, readiness, shutdown })
    }

    async fn listen(&self) -> Result<TcpListener, RunError> {
        let address = self.args.server.listen;
        TcpListener::bind(address).await.map_err(|source| RunError::Listen { address, source })
    }

    /// Serves health and metrics while the controller runs.
    async fn serve<F, Fut>(&self, listener: TcpListener, client: Client, start: F) -> Result<(), RunError>
    where
        F: FnOnce(Kit) -> Fut,
        Fut: Future<Output = ()> + Send,
    {
        let address = self.args.server.listen;
        let router = router(self.readiness.clone(), self.registry.clone());
        tokio::select! {
            served = axum::serve(listener, router).into_future() => served.map_err(|source| RunError::Listen { address, source }),
            result = self.supervise(client, start) => result,
        }
    }

    /// Runs the controller until it ends, or until the process was asked to stop and has had the time to.
    async fn supervise<F, Fut>(&self, client: Client, start: F) -> Result<(), RunError>
    where
        F: FnOnce(Kit) -> Fut,
        Fut: Future<Output = ()> + Send,
    {
        let kit = self.kit(client)?;
        let working = AtomicBool::new(false);
        let stop = async {
            self.shutdown.clone().await;
            // There is nothing to wait for in a standby.
            if working.load(Ordering::Relaxed) {
                sleep(GRACE + RELEASE).await;
            }
        };
        tokio::select! {
            biased;
            result = self.lead(kit, start, &working) => result,
            () = stop => Ok(()),
        }
    }

    /// Waits for the kinds and for the lease, then runs the controller as long as it holds the lease.
    async fn lead<F, Fut>(&self, kit: Kit, start: F, working: &AtomicBool) -> Result<(), RunError>
    where
        F: FnOnce(Kit) -> Fut,
        Fut: Future<Output = ()> + Send,
    {
        crds::wait(&kit.client, self.definition.crds, &self.readiness).await;
        let lease = self.election(&kit.client);
        let work = async {
            working.store(true, Ordering::Relaxed);
            self.work(start(kit)).await;
        };
        let held = match &lease {
            Some(lease) => lease.with_lease(work).await.is_some(),
            None => work.map(|()| true).await,
        };
        match (self.shutdown.clone().now_or_never(), held) {
            (Some(()), _) => Ok(()),
            (None, true) => Err(RunError::Stopped),
            (None, false) => Err(RunError::LeaseLost { lease: self.lease_name().to_owned() }),
        }
    }

    /// Runs the controller, but no longer than the grace after the process was asked to stop.
    async fn work(&self, controller: impl Future<Output = ()>) {
        let cut = async {
            self.shutdown.clone().await;
            sleep(GRACE).await;
        };
        tokio::select! {
            () = controller => {}
            () = cut => tracing::warn!("reconciles that still run are cut off"),
        }
    }

    fn kit(&self, client: Client) -> Result<Kit, RunError> {
        let metrics = PrometheusMetrics::new("score")?;
        self.registry.register(Box::new(metrics.clone()))?;
        let name = self.definition.name;
        let reporter = Reporter { controller: name.to_owned(), instance: Some(self.identity.clone()) };
        Ok(Kit {
            name,
            events: Arc::new(EventRecorder::new(client.clone(), reporter)),
            client,
            metrics: Arc::new(metrics),
            registry: self.registry.clone(),
            shutdown: self.shutdown.clone(),
            concurrency: self.args.control.concurrency,
            namespace: self.args.control.namespace(),
            readiness: self.readiness.clone(),
        })
    }

    fn election(&self, client: &Client) -> Option<LeaderElection> {
        let namespace = self.args.lease.namespace(client.default_namespace());
        let election = || LeaderElection::new(client.clone(), &namespace, self.lease_name(), &self.identity);
        self.args.lease.leader_election.then(election)
    }

    fn lease_name(&self) -> &str {
        self.args.lease.name(self.definition.name)
    }
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
