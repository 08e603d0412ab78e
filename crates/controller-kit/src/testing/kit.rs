//! What a controller gets, around a server in memory.

use std::sync::Arc;

use k8s_controller::{
    PrometheusMetrics,
    events::{EventRecorder, Reporter},
};
use prometheus::Registry;
use tokio::sync::mpsc;

use super::TestApiServer;
use crate::{Kit, Readiness, Shutdown};

impl TestApiServer {
    /// A kit that works on this server, and what stops it when dropped.
    ///
    /// # Panics
    /// If the metrics cannot be registered.
    #[expect(clippy::expect_used, reason = "a registry of its own takes every metric once")]
    pub fn kit(&self, name: &'static str) -> (Kit, mpsc::Sender<()>) {
        let (stop, mut stopped) = mpsc::channel(1);
        let shutdown = Shutdown::on(async move {
            stopped.recv().await;
        });
        let (registry, metrics) = (Registry::new(), PrometheusMetrics::new("score"));
        let metrics = metrics.expect("metrics should be made");
        registry.register(Box::new(metrics.clone())).expect("metrics should be registered");
        let reporter = Reporter { controller: name.to_owned(), instance: None };
        let kit = Kit {
            name,
            client: self.client(),
            events: Arc::new(EventRecorder::new(self.client(), reporter)),
            metrics: Arc::new(metrics),
            registry,
            shutdown,
            concurrency: 4,
            namespace: None,
            readiness: Readiness::default(),
        };
        (kit, stop)
    }
}
