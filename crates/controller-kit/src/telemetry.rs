//! Logs to stderr and, if there is a collector, traces to it.

use std::time::Duration;

use opentelemetry::{KeyValue, trace::TracerProvider as _};
use opentelemetry_otlp::{
    ExporterBuildError, SpanExporter, WithExportConfig as _, WithTonicConfig as _,
    tonic_types::transport::ClientTlsConfig,
};
use opentelemetry_sdk::{
    Resource,
    trace::{Sampler, SdkTracerProvider},
};
use tracing::{Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::{ParseError, Targets},
    layer::SubscriberExt as _,
    registry::LookupSpan,
    util::{SubscriberInitExt as _, TryInitError},
};

use crate::{
    args::{LogArgs, LogFormat},
    exporter::Calm,
};

/// Keeps traces flowing; dropping it sends what is left.
#[derive(Debug)]
#[must_use = "traces end when it is dropped"]
pub struct TelemetryGuard(Option<SdkTracerProvider>);

/// Why logs and traces could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The log filter is no EnvFilter.
    #[error("failed to read the log filter {filter:?} (set another with --log-filter or SCORE_LOG)")]
    Filter {
        /// What was given.
        filter: String,
        /// What is wrong with it.
        source: ParseError,
    },
    /// The endpoint is no URL that traces can be sent to.
    #[error(
        "failed to export traces to {endpoint:?} (set another URL with --otlp-endpoint or OTEL_EXPORTER_OTLP_ENDPOINT)"
    )]
    Endpoint {
        /// What was given.
        endpoint: String,
        /// What is wrong with it.
        source: ExporterBuildError,
    },
    /// Something else in this process takes the logs already.
    #[error("failed to take over the logs of the process")]
    Subscriber(#[from] TryInitError),
}

/// How long a stop waits for the collector to take the last traces.
const FLUSH: Duration = Duration::from_millis(300);

/// Sets up logs and traces for the whole process, which runs as `instance` of `service`. A collector that is down
/// costs nothing but the traces.
pub(crate) fn init(
    service: &'static str,
    instance: &str,
    args: &LogArgs,
) -> Result<TelemetryGuard, TelemetryError> {
    let filter = EnvFilter::try_new(&args.log_filter)
        .map_err(|source| TelemetryError::Filter { filter: args.log_filter.clone(), source })?;
    let provider = args.endpoint().map(|endpoint| provider(service, instance, endpoint)).transpose()?;
    let logs = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let logs = match args.log_format {
        LogFormat::Text => logs.boxed(),
        LogFormat::Json => logs.json().flatten_event(true).boxed(),
    };
    Registry::default()
        .with(logs.with_filter(filter))
        .with(provider.as_ref().map(|provider| traces(provider, service)))
        .try_init()?;
    Ok(TelemetryGuard(provider))
}

/// Spans of this workspace, not of the libraries below: theirs are many, and those that send traces would never end.
pub(crate) fn traces<S>(provider: &SdkTracerProvider, service: &'static str) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    const LIBRARIES: [&str; 9] = [
        "k8s_controller",
        "kube_client",
        "kube_runtime",
        "h2",
        "hyper",
        "hyper_util",
        "tonic",
        "tower",
        "opentelemetry",
    ];
    let targets = LIBRARIES.map(|library| (library, LevelFilter::OFF));
    tracing_opentelemetry::layer()
        .with_tracer(provider.tracer(service))
        .with_location(false)
        .with_threads(false)
        .with_filter(Targets::new().with_default(LevelFilter::INFO).with_targets(targets))
}

fn provider(
    service: &'static str,
    instance: &str,
    endpoint: &str,
) -> Result<SdkTracerProvider, TelemetryError> {
    let mut exporter =
        SpanExporter::builder().with_tonic().with_endpoint(endpoint).with_timeout(Duration::from_secs(5));
    if endpoint.starts_with("https:") {
        exporter = exporter.with_tls_config(ClientTlsConfig::new().with_enabled_roots());
    }
    let exporter = exporter
        .build()
        .map_err(|source| TelemetryError::Endpoint { endpoint: endpoint.to_owned(), source })?;
    let resource = Resource::builder()
        .with_service_name(service)
        .with_attributes([
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", instance.to_owned()),
        ])
        .build();
    Ok(SdkTracerProvider::builder()
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOn)))
        .with_resource(resource)
        .with_batch_exporter(Calm::new(exporter))
        .build())
}

impl Drop for TelemetryGuard {
    fn drop(&mut self) {
        // What fails here has failed before and was logged then.
        self.0.take().map(|provider| provider.shutdown_with_timeout(FLUSH));
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::Tracer as _;
    use tokio::{io::AsyncReadExt as _, net::TcpListener};

    use super::*;

    fn args(filter: &str) -> LogArgs {
        LogArgs { log_format: LogFormat::Text, log_filter: filter.to_owned(), otlp_endpoint: None }
    }

    /// Ends a span and flushes it, off the runtime as the exporter needs that to turn.
    async fn export_to(endpoint: String) -> Duration {
        let provider = provider("score-test", "me", &endpoint).unwrap();
        let started = std::time::Instant::now();
        let work = move || {
            provider.tracer("score-test").in_span("work", |_| ());
            drop(TelemetryGuard(Some(provider)));
        };
        tokio::task::spawn_blocking(work).await.unwrap();
        started.elapsed()
    }

    #[test]
    fn a_filter_that_is_none_is_an_error_that_names_the_flag() {
        let error = init("score-test", "me", &args("info,=,,x=loud")).unwrap_err().to_string();
        assert!(error.contains("--log-filter") && error.contains("x=loud"), "{error}");
    }

    #[tokio::test]
    async fn an_endpoint_that_is_no_url_is_an_error_that_names_the_flag() {
        let error = provider("score-test", "me", "not a url").unwrap_err().to_string();
        assert!(error.contains("--otlp-endpoint") && error.contains("not a url"), "{error}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn traces_go_to_the_collector_by_grpc() {
        let collector = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", collector.local_addr().unwrap());
        let exporting = tokio::spawn(export_to(endpoint));
        let (mut connection, _) = collector.accept().await.unwrap();
        let mut preface = [0; 14];
        connection.read_exact(&mut preface).await.unwrap();
        assert_eq!(&preface, b"PRI * HTTP/2.0");
        exporting.await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_collector_that_does_not_answer_delays_a_stop_by_little() {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", silent.local_addr().unwrap());
        assert!(export_to(endpoint).await < Duration::from_secs(1));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_encrypted_endpoint_uses_the_one_tls_provider() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        provider("score-test", "me", "https://collector:4317").unwrap();
    }
}
