//! An API server in memory, for the tests of controllers.

use kube::Client;

mod path;

/// An API server in memory. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub struct TestApiServer {}

impl TestApiServer {
    /// An empty server.
    pub fn new() -> Self {
        Self::default()
    }

    /// A client of it.
    pub fn client(&self) -> Client {
        let service = tower::service_fn(async |_request: http::Request<kube::client::Body>| {
            Ok::<_, std::convert::Infallible>(http::Response::new(kube::client::Body::empty()))
        });
        Client::new(service, "default")
    }
}
