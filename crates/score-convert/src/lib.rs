//! From Score files to Workloads, losing nothing: what a Workload has no place for is an error with file, line and path.
//!
//! ```text
//! text ── yaml ──> documents ── upgrade ──> sources ──> images ──> workload ── schema ──> Workload
//! ```
//!
//! Every value of a document keeps the line and the path where it stands ([`node`]) through all steps, so that what the
//! last of them finds is told in terms of the file. Files are read through a function that the caller passes; all else
//! is pure.
//!
//! What fields there are and what they may hold is not written down here again: it is read from the schema of the
//! Workload kind ([`schema`]), the one that the API server applies.

mod cli;
mod convert;
mod find;
mod images;
mod node;
mod output;
mod problem;
pub mod schema;
mod sources;
mod upgrade;
mod workload;
mod yaml;

pub use cli::{Args, CliError, Report};
pub use convert::{Converter, Settings};
pub use images::{Image, InvalidImage};
pub use output::{OutputError, to_yaml};
pub use problem::Problem;
