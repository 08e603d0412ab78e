//! Where each pod of a set goes, planned for all of them together.
//!
//! [`Cluster`] holds what is there, [`plan`] finds a node for each member of a set, [`judge`] checks an assignment that
//! somebody else made with the same predicates. All is pure: no client, no clock, and no chance; the same input, in
//! whatever order, gives the same answer.
//!
//! A node takes a pod exactly if the filter plugins of kube-scheduler would let it: resources and number of pods, taints
//! and tolerations, cordoned nodes, node selector and affinity, host ports, pod affinity and anti-affinity in both
//! directions, topology spread, and where bound volumes can be reached. A node that says it is not ready has the taint
//! that it is about to get. What a pod asks beyond that is named ([`Unmodelled`]), and the pod's node is then a proposal.
//!
//! Amounts are whole numbers throughout: thousandths of cores, and units of everything else.

mod answer;
mod builder;
mod class;
mod cluster;
mod eligible;
mod judge;
mod labels;
mod needs;
mod node_affinity;
mod pass;
mod plan;
mod ports;
mod problem;
mod reason;
mod requests;
mod search;
mod state;
mod taints;
mod tally;
mod taste;
mod terms;
mod volumes;

pub use answer::{
    Binding, Effort, Judgement, NodeName, Options, Placement, Plan, PodRef, Problem, Score, Strategy, Uid,
    Unplaced,
};
pub use cluster::Cluster;
pub use eligible::eligible;
pub use judge::judge;
pub use plan::plan;
pub use reason::{Cause, Reason, Unmodelled};
pub use volumes::Volumes;
