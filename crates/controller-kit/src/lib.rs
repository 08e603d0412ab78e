//! What every Score controller shares around its own reconciler.
//!
//! A controller is a [`Definition`], a [`k8s_controller::Context`] and a few watched kinds. The rest of the process
//! is here: [`run`] reads the flags of [`KitArgs`], serves health and metrics, waits for the kinds it needs, takes
//! the lease and hands a [`Kit`] to the controller. [`watch`] keeps what the controller reads, [`Applier`] writes
//! what it decides, [`reconcile_span`] ties both into one trace.
//!
//! The loop itself, its backoff, the lease protocol, events and reconcile metrics are `k8s-controller`'s.

mod apply;
mod args;
mod cache;
mod client;
mod crds;
mod digest;
mod exact;
mod exporter;
mod feed;
mod guard;
mod health;
mod index;
mod kinds;
mod kit;
mod own;
mod path;
mod request;
mod run;
mod shutdown;
mod subset;
mod telemetry;
#[cfg(any(test, feature = "test-support"))]
pub mod testing;
mod trace;
mod tree;
mod watch;

pub use apply::{Applied, Applier, Created, owner_reference};
pub use args::{ControlArgs, KitArgs, LeaseArgs, LogArgs, LogFormat, ServerArgs};
pub use cache::{Cache, CacheClosed};
pub use client::ApiMetrics;
pub use health::{Readiness, router};
pub use index::Index;
pub use kinds::{Kinds, Served};
pub use kit::Kit;
pub use run::{Definition, RunError, run};
pub use shutdown::Shutdown;
pub use telemetry::{TelemetryError, TelemetryGuard};
pub use trace::{current_traceparent, reconcile_in, reconcile_span};
pub use watch::{watch, watch_cut};
