//! What the server answers.

use http::Response;
use kube::client::Body;
use serde_json::{Value, json};

/// An HTTP status and a JSON body.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) code: u16,
    pub(super) body: Vec<u8>,
}

/// What a verb comes to: an object, or why not.
pub(super) type Outcome = Result<Answer, Answer>;

impl Answer {
    pub(super) fn ok(body: &Value) -> Self {
        Self::of(200, body)
    }

    pub(super) fn of(code: u16, body: &Value) -> Self {
        Self { code, body: body.to_string().into_bytes() }
    }

    /// A `Status` that says why not.
    pub(super) fn failure(code: u16, reason: &str, message: impl Into<String>) -> Self {
        let message: String = message.into();
        let status = json!({
            "apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure",
            "code": code, "reason": reason, "message": message,
        });
        Self::of(code, &status)
    }

    pub(super) fn not_found(what: &str) -> Self {
        Self::failure(404, "NotFound", format!("{what} not found"))
    }

    pub(super) fn conflict(message: impl Into<String>) -> Self {
        Self::failure(409, "Conflict", message)
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::failure(422, "Invalid", message)
    }

    /// A failure that a test asked for.
    pub(super) fn injected(code: u16) -> Self {
        let reason = match code {
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "NotFound",
            409 => "Conflict",
            422 => "Invalid",
            429 => "TooManyRequests",
            503 => "ServiceUnavailable",
            504 => "Timeout",
            _ => "InternalError",
        };
        Self::failure(code, reason, "a failure that the test asked for")
    }

    pub(super) fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() =
            http::StatusCode::from_u16(self.code).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
        response
    }
}
