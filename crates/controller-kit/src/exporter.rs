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

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use opentelemetry_sdk::error::OTelSdkError;

    use super::*;

    /// Fails as long as it is told to.
    #[derive(Debug, Default)]
    struct Collector {
        down: AtomicBool,
    }

    impl SpanExporter for Collector {
        async fn export(&self, _batch: Vec<SpanData>) -> OTelSdkResult {
            if self.down.load(Ordering::Relaxed) {
                return Err(OTelSdkError::InternalFailure("connection refused".into()));
            }
            Ok(())
        }
    }

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_outage_of_the_collector_is_two_log_lines_and_no_error() {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber =
            tracing_subscriber::fmt().with_writer(move || writer.clone()).with_ansi(false).finish();
        tracing::subscriber::with_default(subscriber, || {
            let exporter = Calm::new(Collector::default());
            for down in [false, true, true, true, false, false] {
                exporter.inner.down.store(down, Ordering::Relaxed);
                futures::executor::block_on(exporter.export(Vec::new())).unwrap();
            }
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.contains("connection refused") && text.contains("takes traces again"), "{text}");
    }
}
