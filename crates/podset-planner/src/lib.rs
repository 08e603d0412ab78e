//! Holds the pods of a set, plans them together, and releases each to the node planned for it.
//!
//! A pod set is the pods of a namespace that share the value of the label `planner.ciena.io/pod-set`. Each is created
//! with a scheduling gate, so that the cluster's scheduler leaves it alone. Once the set's trigger says `Schedule` the
//! set is planned as a whole; each pod's place is reserved, and then the pod is pinned to it and its gate removed, in
//! one write. From there on it is the scheduler's. A pod that asks for the planner's own scheduler needs no gate: that
//! scheduler asks [`extender`], which lets the pod go where its [ticket](podset_types::Ticket) says. [`resolve`] lets the
//! other steps see both in the same words.
//!
//! A reconcile is of one trigger, and is one pass through these steps, a module each: [`dereference`] reads what is
//! there, [`consult`] what external planners say, [`validate`] finds the set and what is asked for it, [`phase`] whether
//! it is held, [`build`] decides who goes where, [`apply`] reserves where that is needed, [`build::recheck`] looks whether
//! all of it still holds, `apply` releases, [`status`] finds what to say, [`update_status`] says it. Beside them,
//! [`renew`] tells a scheduler that has started anew what is reserved, [`orphans`] tells pods that no trigger governs,
//! [`rejected`] remembers what the API server refuses, and [`untried`] since when no scheduler has looked at a pod.
//! [`controller`] strings them together. Those that decide are pure.
//!
//! [`serve`] is a planner that others may ask. [`extender`] is what a scheduler asks. [`verify`] is the command line tool
//! that compares plans with what became of them.

mod apply;
mod args;
mod build;
mod caches;
mod consult;
mod controller;
mod dereference;
mod digest;
mod events;
pub mod extender;
mod gather;
mod metrics;
mod orphans;
mod phase;
mod pods;
mod rejected;
mod renew;
mod resolve;
pub mod serve;
mod status;
mod sweep;
mod text;
mod triggers;
mod untried;
mod update_status;
mod validate;
pub mod verify;

use controller_kit::Definition;

pub use args::{AnsweringArgs, Args, AskArgs, Command, ExtenderArgs, ManagerArgs, PlannerArgs};
pub use caches::{Caches, Stores};
pub use consult::{Planners, Route, Target};
pub use controller::{Error, Planner, start, start_with};
pub use metrics::Metrics;
pub use renew::Schedulers;
pub use sweep::sweep;

/// This controller's name: field manager, lease, reporter of events and label of metrics.
pub const NAME: &str = "planner-controller-manager";

/// What the kit needs to know of this controller.
pub const DEFINITION: Definition =
    Definition { name: NAME, crds: &["scheduletriggers.planner.ciena.io", "scheduleplans.planner.ciena.io"] };
