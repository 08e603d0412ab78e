//! What the process tells the outside: /live, /ready and /metrics.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{Router, http::StatusCode, http::header::CONTENT_TYPE, response::IntoResponse, routing::get};
use prometheus::{Registry, TextEncoder};

/// What the process still waits for before it counts as ready. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub struct Readiness {
    closed: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Readiness {
    /// Makes the process not ready because of `gate`. `message` says what is missing and what to do about it.
    pub fn close(&self, gate: &str, message: impl Into<String>) {
        self.gates().insert(gate.to_owned(), message.into());
    }

    /// Removes `gate` from what the process waits for.
    pub fn open(&self, gate: &str) {
        self.gates().remove(gate);
    }

    /// One line per closed gate, sorted by gate: `<gate>: <message>`. Empty means ready.
    pub fn closed(&self) -> Vec<String> {
        self.gates().iter().map(|(gate, message)| format!("{gate}: {message}")).collect()
    }

    fn gates(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, String>> {
        self.closed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves `/live` (200 as long as the process turns), `/ready` (503 with a line per closed gate) and `/metrics`
/// (`registry` in the Prometheus text format).
pub fn router(readiness: Readiness, registry: Registry) -> Router {
    Router::new()
        .route("/live", get(async || "ok\n"))
        .route("/ready", get(async move || ready(&readiness)))
        .route("/metrics", get(async move || metrics(&registry)))
}

fn ready(readiness: &Readiness) -> (StatusCode, String) {
    let closed = readiness.closed();
    if closed.is_empty() {
        return (StatusCode::OK, "ok\n".to_owned());
    }
    (StatusCode::SERVICE_UNAVAILABLE, closed.join("\n") + "\n")
}

fn metrics(registry: &Registry) -> axum::response::Response {
    match TextEncoder::new().encode_to_string(&registry.gather()) {
        Ok(text) => ([(CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, body::to_bytes, http::Request};
    use tower::ServiceExt as _;

    use super::*;

    async fn get(readiness: &Readiness, path: &str) -> (StatusCode, String) {
        let registry = Registry::new();
        let counter = prometheus::IntCounter::new("score_test_total", "A test.").unwrap();
        registry.register(Box::new(counter)).unwrap();
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = router(readiness.clone(), registry).oneshot(request).await.unwrap();
        let status = response.status();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_process_is_ready_once_every_gate_is_open() {
        let readiness = Readiness::default();
        readiness.close("crds", "install them");
        readiness.close("caches", "wait");
        let (status, body) = get(&readiness, "/ready").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(body, "caches: wait\ncrds: install them\n");

        readiness.open("crds");
        readiness.open("caches");
        assert_eq!(get(&readiness, "/ready").await.0, StatusCode::OK);
    }

    #[tokio::test]
    async fn a_process_that_is_not_ready_is_alive() {
        let readiness = Readiness::default();
        readiness.close("crds", "install them");
        assert_eq!(get(&readiness, "/live").await.0, StatusCode::OK);
    }

    #[tokio::test]
    async fn metrics_are_served_as_text() {
        let (status, body) = get(&Readiness::default(), "/metrics").await;
        assert_eq!(status, StatusCode::OK);
        assert!(body.contains("score_test_total 0"), "{body}");
    }
}
