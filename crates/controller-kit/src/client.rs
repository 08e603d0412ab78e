//! The API client, and how often and how long it calls.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Instant,
};

use http::{Method, Request, Response, header::CONTENT_TYPE};
use kube::client::Body;
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};
use tower::{Layer, Service};

use crate::path::ApiPath;

/// Counts and times what a client asks of the API server:
///
/// * `score_api_requests_total{verb, resource, code}`: requests, where `verb` is one of get, list, watch, create,
///   update, patch, apply and delete, `resource` is `plural.group` or `plural.group/subresource`, and `code` is the
///   HTTP status or `error` if there was no answer. What the client repeats by itself counts once.
/// * `score_api_request_duration_seconds{verb, resource}`: the time to the head of the answer. A watch's answer
///   begins at once, so its length is not in here.
#[derive(Clone, Debug)]
pub struct ApiMetrics {
    requests: IntCounterVec,
    duration: HistogramVec,
}

impl ApiMetrics {
    /// Creates the metrics in `registry`.
    ///
    /// # Errors
    /// If `registry` has metrics of these names.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let requests = Opts::new("score_api_requests_total", "Requests to the Kubernetes API server.");
        let duration = HistogramOpts::new(
            "score_api_request_duration_seconds",
            "Time until the Kubernetes API server began to answer, in seconds.",
        );
        let buckets = vec![0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];
        let metrics = Self {
            requests: IntCounterVec::new(requests, &["verb", "resource", "code"])?,
            duration: HistogramVec::new(duration.buckets(buckets), &["verb", "resource"])?,
        };
        registry.register(Box::new(metrics.requests.clone()))?;
        registry.register(Box::new(metrics.duration.clone()))?;
        Ok(metrics)
    }

    fn observe(&self, (verb, resource): (&str, &str), code: Option<u16>, started: Instant) {
        let code = code.map_or_else(|| "error".to_owned(), |code| code.to_string());
        self.requests.with_label_values(&[verb, resource, &code]).inc();
        self.duration.with_label_values(&[verb, resource]).observe(started.elapsed().as_secs_f64());
    }
}

impl<S> Layer<S> for ApiMetrics {
    type Service = Measured<S>;

    fn layer(&self, inner: S) -> Measured<S> {
        Measured { inner, metrics: self.clone() }
    }
}

/// A client's service that [`ApiMetrics`] observes.
#[derive(Clone, Debug)]
pub struct Measured<S> {
    inner: S,
    metrics: ApiMetrics,
}

impl<S, B> Service<Request<Body>> for Measured<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (verb, resource) = describe(&request);
        let (metrics, started) = (self.metrics.clone(), Instant::now());
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await;
            let code = answer.as_ref().ok().map(|response| response.status().as_u16());
            metrics.observe((verb, &resource), code, started);
            answer
        })
    }
}

/// The labels of a request. Namespaces and names are left out: they are unbounded.
fn describe(request: &Request<Body>) -> (&'static str, String) {
    let path = ApiPath::parse(request.uri().path());
    let verb = verb(request, path.as_ref().is_none_or(|path| path.name.is_some()));
    let Some(path) = path else { return (verb, "discovery".to_owned()) };
    let subresource = path.subresource.as_deref().map(|name| format!("/{name}")).unwrap_or_default();
    (verb, path.resource() + &subresource)
}

fn verb(request: &Request<Body>, named: bool) -> &'static str {
    let query = request.uri().query().unwrap_or_default();
    let content_type =
        request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match *request.method() {
        Method::GET if query.split('&').any(|pair| pair == "watch=true") => "watch",
        Method::GET if named => "get",
        Method::GET => "list",
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH if content_type.starts_with("application/apply-patch") => "apply",
        Method::PATCH => "patch",
        Method::DELETE => "delete",
        _ => "other",
    }
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
