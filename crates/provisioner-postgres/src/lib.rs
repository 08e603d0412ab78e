//! Binds ResourceClaims of type `postgres`: each gets a PostgreSQL of its own, inside the cluster, or a database on a
//! server that the platform gives. The class says which; the latter is the module [`server`], and what follows holds for
//! the former.
//!
//! A reconcile is one pass through six steps: [`dereference`] reads what is there, [`validate`] judges the claim and
//! [`build`] describes a database (both pure), [`apply`] writes what is missing, [`probe`] logs in, a module each, and
//! [`update_status`](provisioner_kit::update_status()) answers. [`controller`] strings them together.
//!
//! What lasts (the password, the data) is created once and never overwritten; everything else is applied again
//! whenever it differs. All of it lives in the API server, so there is no finalizer: what goes with a claim is owned
//! by it, and what stays is [released](release) from it before anything is judged.

mod apply;
mod args;
mod build;
mod conclude;
mod controller;
mod credentials;
mod dereference;
mod fields;
mod health;
mod names;
mod possessions;
mod probe;
mod release;
mod server;
mod settings;
#[cfg(test)]
mod test_support;
mod validate;
mod version;

use controller_kit::Definition;

pub use args::Args;
pub use controller::{Error, Parts, Provisioner, start};
pub use credentials::{Credentials, Password};
pub use dereference::Caches;
pub use probe::{Attempt, Login, PostgresLogin};
pub use provisioner_kit::Retry;
pub use server::{FINALIZER, Limits};
pub use settings::Defaults;

/// This controller's name: field manager, lease, reporter of events and label of metrics.
pub const NAME: &str = "score-provisioner-postgres";

/// What the kit needs to know of this controller.
pub const DEFINITION: Definition = Definition { name: NAME, crds: &["resourceclaims.score.dev"] };
