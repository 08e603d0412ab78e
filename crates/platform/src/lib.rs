//! What the platform decides for a Workload, as pure functions that the controller and the validator share.
//!
//! ```text
//! text ──▶ Config ─────────┐
//! PlatformPolicies ────────┼─▶ decide ──▶ Decision: the backend, its values, the provisioner of each resource,
//! Workload, namespace ─────┘              or everything that stands in the way
//! ```
//!
//! [`config::Config`] is the platform's configuration, valid as a whole. [`policy`] holds what a platform allows in a
//! namespace, and [`annotations`] what a Workload asks for beyond Score. The same input always has the same outcome,
//! whatever the order of lists.

pub mod annotations;
pub mod config;
pub mod decide;
pub mod document;
mod errors;
pub mod names;
pub mod params;
pub mod policy;
pub mod provision;
mod reader;
mod resources;
pub mod schema;
pub mod select;
pub mod standing;
pub mod values;

/// Names in a sentence.
pub(crate) fn listed(names: impl Iterator<Item = impl std::fmt::Display>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
