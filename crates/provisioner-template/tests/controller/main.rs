//! The whole provisioner, before an API server in memory and APIs that are told to misbehave.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests are tests too")]

mod crash;
mod external;
mod external_crash;
mod external_deletion;
mod external_tls;
mod living;
mod reconcile;
mod remote;
mod world;
