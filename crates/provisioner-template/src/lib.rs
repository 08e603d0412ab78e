//! Binds ResourceClaims of any type that a platform declares in YAML.
//!
//! The claim carries the declaration, so it is all that a reconcile needs, also when the configuration has changed since
//! or is gone. What it means is in the crate `resource-template`, which is pure. A reconcile is one pass through these
//! steps, a module each: [`retain`] releases what is to outlive the claim, [`declare`] reads the declaration and fills
//! it in, [`dereference`] reads what is there, [`validate`] judges it, [`apply`] writes what differs, [`lookup`] reads
//! what the outputs refer to, [`conclude`] finds the answer. [`controller`] strings them together.
//!
//! What was made for a claim, and what was generated for it, stands in one Secret of its own, see [`record`]. Objects
//! live in the API server, so they need no finalizer: what goes with a claim is owned by it. What lies behind an API of
//! the platform's does not, see [`external`]. Objects may come of a chart, see [`helm`].

mod apply;
mod args;
mod build;
mod conclude;
mod controller;
mod declare;
mod dereference;
mod digest;
mod external;
mod generate;
mod helm;
mod lookup;
mod objects;
mod possessions;
mod record;
mod retain;
mod validate;
mod watches;

use controller_kit::Definition;

pub use args::Args;
pub use controller::{Error, Parts, Provisioner, start};
pub use external::{Apis, FINALIZER};
pub use helm::Helm;
pub use provisioner_kit::Retry;

/// This controller's name: field manager, lease, reporter of events and label of metrics.
pub const NAME: &str = "score-provisioner-template";

/// What the kit needs to know of this controller.
pub const DEFINITION: Definition = Definition { name: NAME, crds: &["resourceclaims.score.dev"] };
