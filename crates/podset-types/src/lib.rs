//! The API of the pod-set planner: the kinds of group `planner.ciena.io`, version `v1alpha1`.
//!
//! A pod set is the pods of one namespace that share the value of the label [`LABEL_POD_SET`]; it has no object of its
//! own. This crate holds no client and no behaviour: only shapes, admission rules (OpenAPI and CEL), labels, names, and
//! how durations are read.
//!
//! | kind | who writes `spec` | who writes `status` |
//! |---|---|---|
//! | [`ScheduleTrigger`] | users; of `state` also the planner, when the quiet time is over | the planner |
//! | [`SchedulePlan`] | the planner | the planner |
//!
//! What is beyond `state` and `plan` is optional: an object without it means what it meant before there was more.

// kube's derive takes one `printcolumn(…)` per column, whose equal arguments clippy takes for duplicates.
#![allow(clippy::duplicated_attributes)]

mod duration;
mod names;
mod plan;
mod ticket;
mod trigger;
mod vocabulary;

pub use duration::{MalformedDuration, parse_duration};
pub use names::{
    GATE, LABEL_DEFAULT_PLANNER, LABEL_POD_SET, LABEL_QUIET_TIME, PLANNER_ENABLED, PLANNER_PORT,
    PLANNER_PORT_NAME, SCHEDULER, plan_name, planner_label,
};
pub use plan::{
    Drift, PlanItem, PlannedPod, SchedulePlan, SchedulePlanSpec, SchedulePlanStatus, UnplacedPod,
};
pub use ticket::{ANNOTATION_TICKET, Ticket};
pub use trigger::{
    Atomicity, Enforcement, MemberCounts, PlanRef, ScheduleTrigger, ScheduleTriggerSpec,
    ScheduleTriggerStatus, Strategy, TriggerState,
};
pub use vocabulary::{ConditionType, Reason};

/// The API group of both kinds.
pub const GROUP: &str = "planner.ciena.io";
/// The API version of both kinds.
pub const VERSION: &str = "v1alpha1";

/// The CustomResourceDefinitions of both kinds.
pub fn crds()
-> Vec<k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition> {
    use kube::CustomResourceExt as _;
    vec![ScheduleTrigger::crd(), SchedulePlan::crd()]
}
