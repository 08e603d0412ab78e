//! Traces to a collector that may be down for hours.

use std::{
    fmt::Debug,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{SpanData, SpanExporter},
};

/// An exporter that logs when the collector goes away and when it is back, instead of at every batch between.
#[derive(Debug)]
pub(crate) struct Calm<E> {
    inner: E,
    down: AtomicBool,
}

impl<E> Calm<E> {
    pub(crate) fn new(inner: E) -> Self {
        Self { inner, down: AtomicBool::new(false) }
    }

    /// Logs a change. A lost batch is no error to the SDK, which would log each.
    fn note(&self, result: OTelSdkResult) {
        let down = result.is_err();
        if self.down.swap(down, Ordering::Relaxed) == down {
            return;
        }
        match result {
            Ok(()) => tracing::info!("the collector takes traces again"),
            Err(error) => {
                tracing::warn!(%error, "the collector takes no traces, they are lost until it does")
            }
        }
    }
}

impl<E: SpanExporter> SpanExporter for Calm<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.note(self.inner.export(batch).await);
        Ok(())
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}
