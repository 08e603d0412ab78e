//! The question as the search sees it: classes of pods, nodes, and what is free before any member is placed.

use std::collections::BTreeSet;

use indexmap::IndexSet;
use k8s_openapi::api::core::v1::Pod;

use crate::{
    Cause, Cluster, PodRef, Reason,
    builder::Builder,
    class::{Block, Class},
    cluster::{self, NodeFacts, Occupant},
    needs::Needs,
    ports::HostPort,
    state::State,
};

/// A member of the set that takes part.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) pod: PodRef,
    pub(crate) standing: Standing,
}

/// Where a member stands before planning.
#[derive(Debug)]
pub(crate) enum Standing {
    /// On this node, for good.
    Bound(String),
    /// It has no node yet; the number of its class.
    Free(usize),
}

/// What is to be planned.
#[derive(Debug)]
pub(crate) struct Problem<'a> {
    pub(crate) nodes: &'a [NodeFacts],
    /// By namespace, name and UID.
    pub(crate) members: Vec<Member>,
    pub(crate) classes: Vec<Class>,
    pub(crate) resources: Vec<String>,
    pub(crate) ports: Vec<HostPort>,
    /// What each node has in all, as many numbers for each as there are resources.
    pub(crate) allocatable: Vec<i64>,
    /// With all pods that are there and stay.
    pub(crate) base: State,
}

impl<'a> Problem<'a> {
    pub(crate) fn new(cluster: &'a Cluster, members: &[&Pod]) -> Self {
        let live = live(members);
        let mut names = cluster.names.clone();
        let uids: BTreeSet<_> = live.iter().map(|(of, _)| of.uid.as_str()).collect();
        let others = cluster.occupants.iter().filter(|occupant| !uids.contains(occupant.uid.as_str()));
        let bound = live.iter().filter_map(|(_, pod)| {
            let node = cluster.node(cluster::bound_to(pod)?)?;
            Some(Occupant::read(pod, node, &mut names))
        });
        let bound: Vec<_> = bound.collect();
        let occupants: Vec<_> = others.chain(&bound).collect();
        let mut kinds = IndexSet::new();
        let standings = live.iter().map(|(_, pod)| match cluster::bound_to(pod) {
            Some(node) => Standing::Bound(node.to_owned()),
            None => {
                let group = cluster::group_of(pod);
                Standing::Free(kinds.insert_full((Needs::read(pod, &group, cluster), group)).0)
            }
        });
        let standings: Vec<_> = standings.collect();
        let mut builder = Builder::new(cluster, &names.terms, &kinds);
        let class_of: Vec<_> = kinds.iter().map(|(needs, group)| builder.class(needs, group)).collect();
        let classify = |standing| match standing {
            Standing::Free(kind) => Standing::Free(class_of.get(kind).copied().unwrap_or_default()),
            bound @ Standing::Bound(_) => bound,
        };
        let members = live.into_iter().zip(standings);
        let members =
            members.map(|((pod, _), standing)| Member { pod, standing: classify(standing) }).collect();
        builder.finish(members, &occupants, &names.groups, &names.terms)
    }

    /// Says of each class how hard it is to place, and whether it matters when.
    pub(crate) fn weigh(&mut self) {
        let largest = |resource| (0..self.nodes.len()).map(|node| self.allocatable(node, resource)).max();
        let largest: Vec<_> =
            (0..self.resources.len()).map(|resource| largest(resource).unwrap_or(0)).collect();
        let rules = self.classes.iter().flat_map(|class| {
            class.affinity.iter().copied().chain(class.spread.iter().filter_map(|rule| rule.tally))
        });
        let watched: BTreeSet<_> = rules.collect();
        let nodes = i64::try_from(self.nodes.len()).unwrap_or(i64::MAX);
        for class in &mut self.classes {
            class.in_turn = class.may_heal() || class.counted_in.iter().any(|tally| watched.contains(tally));
            let shares = class.requests.iter();
            let shares =
                shares.map(|(resource, amount)| share(*amount, largest.get(*resource).copied().unwrap_or(0)));
            // What keeps others off a node is as if it took half of it.
            let alone = if class.ports.is_empty() && class.apart.is_empty() { 0 } else { WHOLE / 2 };
            let few = i64::try_from(class.nodes.len()).unwrap_or(i64::MAX).max(1);
            class.hardness = shares.max().unwrap_or(0).max(alone).saturating_mul(nodes) / few;
        }
    }

    /// What a node has of a resource in all.
    pub(crate) fn allocatable(&self, node: usize, resource: usize) -> i64 {
        self.allocatable.get(node * self.resources.len() + resource).copied().unwrap_or(0)
    }

    /// Why the node does not take one more of the class. None if it does, for a node among the class's own.
    pub(crate) fn block(&self, state: &State, class: &Class, node: usize) -> Option<Block> {
        state.block(class, node, &self.ports)
    }

    /// Why no node takes one more of the class.
    pub(crate) fn reason(&self, state: &State, class: &Class) -> Reason {
        Reason::new(self.nodes.len(), (0..self.nodes.len()).filter_map(|node| self.cause(state, class, node)))
    }

    /// Why the node does not take one more of the class, for whatever reason. None if it does.
    pub(crate) fn cause(&self, state: &State, class: &Class, node: usize) -> Option<Cause> {
        let refusal = self.nodes.get(node).and_then(|facts| facts.refusal(&class.place));
        refusal.or_else(|| Some(self.block(state, class, node)?.cause(class, &self.resources)))
    }
}

/// All of a node's resource, as a [`share`].
pub(crate) const WHOLE: i64 = 1 << 20;

/// Which share of a resource an amount is, in parts of [`WHOLE`]; all of it if there is none. Whole numbers, so that it
/// is the same everywhere.
pub(crate) fn share(amount: i64, of: i64) -> i64 {
    if of <= 0 {
        return WHOLE;
    }
    amount.checked_mul(WHOLE).map_or_else(|| amount / (of / WHOLE).max(1), |parts| parts / of)
}

/// Members that take part, in an order that does not depend on how they were given: neither those that have ended, nor
/// those that go before they were placed.
fn live<'p>(members: &[&'p Pod]) -> Vec<(PodRef, &'p Pod)> {
    let goes = |pod: &Pod| pod.metadata.deletion_timestamp.is_some() && cluster::bound_to(pod).is_none();
    let live = members.iter().filter(|pod| !cluster::has_ended(pod) && !goes(pod));
    let mut live: Vec<_> = live.map(|pod| (PodRef::of(pod), *pod)).collect();
    live.sort_by(|(one, _), (other, _)| one.cmp(other));
    live.dedup_by(|(one, _), (other, _)| one == other);
    live
}
