//! The whole provisioner, before an API server in memory, APIs that are told to misbehave, and Helm itself.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests are tests too")]

mod charts;
mod charts_tls;
mod crash;
mod data;
mod external;
mod external_crash;
mod external_deletion;
mod external_losses;
mod external_tls;
mod external_update;
mod external_whereabouts;
mod living;
mod reads;
mod reconcile;
mod remote;
mod retention;
mod shop;
mod tls;
mod world;
