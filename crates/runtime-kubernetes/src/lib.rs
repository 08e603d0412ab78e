//! The Kubernetes runtime: a WorkloadPlan becomes a Deployment (or a StatefulSet, a Job, a CronJob) and a Service, and
//! the WorkloadExposure of the same name says how they are doing. It reads no Workload, no ResourceClaim and no Secret.
//!
//! Each reconcile goes through five steps, one module each: [`dereference`] reads caches, [`validate`], [`build`],
//! [`observe`] and [`answer`] are pure, [`apply`] and [`update_status`] write. [`controller`] strings them together.

pub mod addresses;
pub mod answer;
pub mod apply;
mod args;
pub mod build;
pub mod clock;
pub mod controller;
pub mod dereference;
pub mod expansion;
pub mod extras;
#[cfg(test)]
mod fixtures;
pub mod join;
pub mod main_object;
pub mod messages;
pub mod observe;
pub mod template;
pub mod tidy;
pub mod update_status;
pub mod validate;
pub mod values;

use controller_kit::Definition;

pub use args::{Args, Command, RuntimeArgs};
pub use controller::start;

/// This controller's name: field manager, lease, reporter of events and label of metrics.
pub const FIELD_MANAGER: &str = "score-runtime-kubernetes";

/// What the kit needs to know of this controller.
pub const DEFINITION: Definition =
    Definition { name: FIELD_MANAGER, crds: &["workloadplans.score.dev", "workloadexposures.score.dev"] };
