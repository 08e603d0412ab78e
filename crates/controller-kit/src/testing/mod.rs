//! An API server in memory, for the tests of controllers.
//!
//! It behaves like the real one in what controllers depend on: resourceVersion and generation, server-side apply that
//! removes what a manager no longer sets, the status subresource, finalizers and preconditions, lists and watches,
//! and names. It knows no schema and no defaults, arrays are replaced as a whole, and what is owned outlives its owner:
//! a deletion that waits for dependents ends when a test says so.

mod answer;
mod discovery;
mod fault;
mod kit;
mod merge;
mod names;
mod request;
mod selector;
mod server;
mod store;
mod until;
mod verbs;

pub use self::{fault::Fault, request::Recorded, server::TestApiServer, until::until};
