//! What is asked of the planner besides the objects, and what it answers.

use std::cmp::{Ordering, Reverse};

use k8s_openapi::api::core::v1::Pod;

use crate::{Cause, Reason, Unmodelled, cluster};

/// `metadata.uid` of a pod.
pub type Uid = String;

/// `metadata.name` of a node.
pub type NodeName = String;

/// Which of several nodes that a pod likes equally it gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// The one that will be emptiest: the load is even.
    #[default]
    Spread,
    /// The one that will be fullest: nodes stay free for others, or can be given back.
    Pack,
}

/// How long to search for a better plan if the first pass places not all, in steps: one step is one node looked at for one
/// pod. Not a time, so that the plan is the same on every machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effort(pub u64);

impl Default for Effort {
    /// About a second on one core.
    fn default() -> Self {
        Self(20_000_000)
    }
}

/// How to plan.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// What to do with equal choices.
    pub strategy: Strategy,
    /// Decides between nodes that are equal in everything: different sets then begin on different nodes.
    pub seed: u64,
    /// The bound of the search.
    pub effort: Effort,
}

/// A pod.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PodRef {
    /// `metadata.namespace`
    pub namespace: String,
    /// `metadata.name`
    pub name: String,
    /// `metadata.uid`
    pub uid: Uid,
}

impl PodRef {
    pub(crate) fn of(pod: &Pod) -> Self {
        Self {
            namespace: pod.metadata.namespace.clone().unwrap_or_default(),
            name: pod.metadata.name.clone().unwrap_or_default(),
            uid: cluster::uid_of(pod),
        }
    }
}

/// Where the members of a set go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The bound members first, then the others in an order in which the scheduler accepts one after the other. The order
    /// matters where pods ask for each other's company or are to be spread.
    pub placements: Vec<Placement>,
    /// Members that have no place, by namespace and name.
    pub unplaced: Vec<Unplaced>,
    /// How good the plan is.
    pub score: Score,
    /// The bound of the search was reached before everything was tried: there may be a plan that places all, apart from
    /// members that no node takes even alone. If this is false and members have no place, there is none.
    pub exhausted: bool,
}

impl Plan {
    /// Whether every member has a place.
    pub fn is_complete(&self) -> bool {
        self.unplaced.is_empty()
    }
}

/// The place of one member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The member.
    pub pod: PodRef,
    /// Its node.
    pub node: NodeName,
    /// How the pod may be held to it.
    pub binding: Binding,
}

/// How a pod may be held to its planned node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Binding {
    /// It is bound there already.
    Bound,
    /// All that it asks has been taken into account: the node can be required.
    Pin,
    /// Something that it asks has not (never an empty list): the node can only be proposed to the scheduler.
    Nominate(Vec<Unmodelled>),
}

/// A member that has no place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unplaced {
    /// The member.
    pub pod: PodRef,
    /// Why no node takes it once the others are placed.
    pub reason: Reason,
    /// What was not taken into account.
    pub unmodelled: Vec<Unmodelled>,
}

/// How good an assignment is. Greater is better: more members placed, then fewer moved, then wishes fulfilled, then the
/// strategy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Score {
    /// Members that have a node, bound ones included.
    pub placed: usize,
    /// Members that are to leave the node of their previous placement.
    pub moves: usize,
    /// Preferred affinity and spread, and taints that ask to be avoided: the weights of what is fulfilled.
    pub preference: i64,
    /// How even (spread) or dense (pack) the load of the nodes is.
    pub shape: i64,
}

impl Ord for Score {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |score: &Self| (score.placed, Reverse(score.moves), score.preference, score.shape);
        key(self).cmp(&key(other))
    }
}

impl PartialOrd for Score {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// What is to be said of an assignment that somebody made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// All that is wrong with it.
    pub problems: Vec<Problem>,
    /// Members without a node: neither bound nor assigned. That alone is no problem.
    pub missing: Vec<PodRef>,
    /// The assigned members that are not bound and fit, in an order in which the scheduler accepts one after the other.
    pub order: Vec<PodRef>,
    /// How good it is, as far as it is right.
    pub score: Score,
}

impl Judgement {
    /// Whether nothing is wrong with it.
    pub fn is_valid(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Something that is wrong with an assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The set has no such member.
    UnknownPod(Uid),
    /// There is no such node.
    UnknownNode {
        /// The member.
        pod: PodRef,
        /// What it is assigned to.
        node: NodeName,
    },
    /// The member is bound to another node.
    AlreadyBound {
        /// The member.
        pod: PodRef,
        /// Where it is.
        node: NodeName,
        /// Where it is assigned to.
        assigned: NodeName,
    },
    /// The node does not take the member.
    DoesNotFit {
        /// The member.
        pod: PodRef,
        /// What it is assigned to.
        node: NodeName,
        /// Why not.
        cause: Cause,
    },
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::UnknownPod(uid) => write!(f, "no pod of the set has the UID `{uid}`"),
            Self::UnknownNode { pod, node } => write!(f, "pod {}: there is no node `{node}`", pod.name),
            Self::AlreadyBound { pod, node, assigned } => {
                write!(f, "pod {}: bound to {node} already, so not to {assigned}", pod.name)
            }
            Self::DoesNotFit { pod, node, cause } => {
                write!(f, "pod {}: does not fit on {node}, which is {cause}", pod.name)
            }
        }
    }
}
