//! The semantics of the Score specification (`score.dev/v1b1`) for the [`api_types::Workload`] kind: everything that
//! a schema cannot say, as pure functions that controllers, command line tools and validators share.
//!
//! ```text
//! Workload ── validate ──> ValidWorkload ──┬── project (with the outputs of its resources) ──> variables, params
//!                                          ├── order     which resource comes first
//!                                          └── identity  which resources are one and the same
//! ```
//!
//! [`validate`](validate::validate) reports every error at once. Whatever it lets through can be projected: from there
//! on only outputs that are not there yet can stand in the way, and those are values ([`project::Resolution`]).

mod grammar;
pub mod identity;
pub mod names;
pub mod order;
pub mod path;
pub mod placeholder;
pub mod project;
pub mod quantity;
pub mod validate;
