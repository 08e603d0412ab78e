//! The whole planner before an API server in memory.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests are tests too")]

mod asking;
mod crash;
mod extending;
mod external;
mod fakes;
mod hostile;
mod index;
mod large;
mod living;
mod reconcile;
mod refusing;
mod rejecting;
mod serving;
mod world;
