//! Pods that can stand in for each other, so that what holds for one is found out once for all.

use std::sync::Arc;

use crate::{Cause, Unmodelled, needs::Place};

/// A kind of member: all of them ask the same, and count the same for others.
#[derive(Debug)]
pub(crate) struct Class {
    /// Resource and amount, by the name of the resource; only what is above zero.
    pub(crate) requests: Vec<(usize, i64)>,
    /// Numbers of host ports.
    pub(crate) ports: Vec<usize>,
    pub(crate) place: Arc<Place>,
    /// The nodes that fulfil what does not depend on pods, in order.
    pub(crate) nodes: Arc<Vec<usize>>,
    /// How much each node is preferred for itself; empty if none is.
    pub(crate) wishes: Arc<Vec<i64>>,
    /// Tallies of the pods that it must be near, one for each term.
    pub(crate) affinity: Vec<usize>,
    /// It is one of the pods that it must be near: the first of them goes anywhere.
    pub(crate) is_own_company: bool,
    /// Tallies of pods that it must be far from.
    pub(crate) apart: Vec<usize>,
    /// Tallies of pods that must be far from it.
    pub(crate) shunned: Vec<usize>,
    pub(crate) spread: Vec<SpreadRule>,
    /// Tallies of pods that it would be near (or, below zero, far from), each with a weight.
    pub(crate) near: Vec<(usize, i64)>,
    /// Tallies over which it would be spread, each with the skew that is tolerated.
    pub(crate) even: Vec<(usize, i64)>,
    /// Tallies that count it.
    pub(crate) counted_in: Vec<usize>,
    pub(crate) unmodelled: Vec<Unmodelled>,
    /// Whether it matters when it is placed: because it asks for company or evenness, or is counted for others' sake.
    pub(crate) in_turn: bool,
    /// How hard it is to place: the share of a node that one takes, the more the fewer nodes there are.
    pub(crate) hardness: i64,
}

/// A topology spread constraint of a class.
#[derive(Clone, Debug)]
pub(crate) struct SpreadRule {
    /// None if there is nothing to count: see [`is_always_even`](crate::builder).
    pub(crate) tally: Option<usize>,
    /// The place of each node by its label alone.
    pub(crate) places: Arc<Vec<usize>>,
    pub(crate) max_skew: i64,
    pub(crate) min_domains: i64,
    /// One if the pod counts itself.
    pub(crate) own: i64,
    pub(crate) key: String,
}

impl Class {
    /// Whether a node that refuses it now may take it later, when more pods are placed.
    pub(crate) fn may_heal(&self) -> bool {
        !self.affinity.is_empty() || !self.spread.is_empty()
    }

    /// Whether how much it likes a node changes with pods elsewhere.
    pub(crate) fn has_moving_wishes(&self) -> bool {
        !self.near.is_empty() || !self.even.is_empty()
    }
}

/// Why a node does not take one more pod of a class, given the pods that are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Block {
    Resource(usize),
    Port,
    Affinity,
    Apart,
    Shunned,
    /// Number of the constraint.
    Spread(usize),
    /// Number of the constraint whose label the node lacks.
    NoTopology(usize),
}

impl Block {
    /// Whether it stays whatever else is placed.
    pub(crate) fn lasts(self) -> bool {
        !matches!(self, Self::Affinity | Self::Spread(_))
    }

    /// In words that users know.
    pub(crate) fn cause(self, class: &Class, resources: &[String]) -> Cause {
        match self {
            Self::Resource(resource) => match resources.get(resource) {
                Some(name) if name != crate::requests::PODS => Cause::Insufficient(name.clone()),
                _ => Cause::TooManyPods,
            },
            Self::Port => Cause::HostPort,
            Self::Affinity => Cause::PodAffinity,
            Self::Apart => Cause::PodAntiAffinity,
            Self::Shunned => Cause::OthersAntiAffinity,
            Self::Spread(_) => Cause::Spread,
            Self::NoTopology(rule) => {
                Cause::NoTopology(class.spread.get(rule).map(|rule| rule.key.clone()).unwrap_or_default())
            }
        }
    }
}
