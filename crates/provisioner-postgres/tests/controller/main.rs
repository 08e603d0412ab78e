//! The whole provisioner: before an API server in memory, and with a real PostgreSQL.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests are tests too")]

mod crash;
mod deletion_matrix;
mod estate;
mod foreign;
mod hostile;
mod leftovers;
mod living;
mod login;
mod moved;
mod obstacles;
mod postgres;
mod reconcile;
mod release;
mod rotation;
mod server;
mod server_lifecycle;
mod server_tls;
mod versions;
mod world;
