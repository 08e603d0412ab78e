//! The harness of the end-to-end tests: a namespace per test, waiting on conditions instead of sleeping, and the
//! checks that hold for every test.
//!
//! The tests run against the cluster of the current kubeconfig, on which `make demo` has installed the controllers:
//! `make e2e`. Those that kill controllers, count writes or trace need the local cluster of `hack/cluster`
//! and say so. While a test runs, every version of every Workload in its namespace is recorded; at the end
//! [`promises`] checks what must hold for each of them, whatever the test is about. [`podsets`] has the same for the
//! pod-set planner, which `make demo-planner` installs.

pub mod apply;
pub mod audit;
pub mod busybox;
pub mod cluster;
pub mod controllers;
pub mod guide;
pub mod history;
pub mod inventory;
pub mod killer;
pub mod kubectl;
pub mod lock;
pub mod namespace;
pub mod node;
pub mod platform;
pub mod podsets;
pub mod promises;
pub mod sample;
pub mod secrets;
pub mod seed;
pub mod server;
pub mod traces;
pub mod twin;
pub mod wait;

pub use namespace::{Context, Place, alone, with_namespace};

/// What a test returns: the error says what did not come true, and shows the object.
pub type Result<T = ()> = anyhow::Result<T>;
