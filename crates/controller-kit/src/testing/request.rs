//! What the server gets.

use std::collections::HashMap;

use axum::extract::Query;
use http::{Request, header::CONTENT_TYPE};
use kube::client::Body;
use serde_json::Value;
use tower::BoxError;

use crate::path::ApiPath;

/// A request that the server got.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// The HTTP method.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The query parameters.
    pub query: HashMap<String, String>,
    /// The body; null if there was none.
    pub body: Value,
}

impl Recorded {
    /// Whether it is meant to change something.
    pub fn is_write(&self) -> bool {
        self.method != "GET"
    }

    /// Whether it is about a kind, given as `plural.group` or `plural`, or a subresource of it.
    pub fn is_about(&self, resource: &str) -> bool {
        ApiPath::parse(&self.path).is_some_and(|path| path.resource() == resource)
    }
}

/// Reads a request and its content type.
pub(super) async fn record(request: Request<Body>) -> Result<(Recorded, String), BoxError> {
    let (parts, body) = request.into_parts();
    let bytes = body.collect_bytes().await?;
    let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes)? };
    let Query(query) = Query::try_from_uri(&parts.uri)?;
    let content_type =
        parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let recorded =
        Recorded { method: parts.method.to_string(), path: parts.uri.path().to_owned(), query, body };
    Ok((recorded, content_type.to_owned()))
}
