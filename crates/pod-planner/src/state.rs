//! What is free while pods are placed, one after the other, and whether one more fits.

use crate::{
    class::{Block, Class},
    ports::HostPort,
    tally::{NOWHERE, Tally},
};

/// What is free, and who is where.
#[derive(Clone, Debug)]
pub(crate) struct State {
    /// What is free of each resource, node by node; below zero where a node has more pods than it should.
    free: Vec<i64>,
    /// How many resources there are.
    width: usize,
    /// Numbers of the host ports in use, node by node.
    ports: Vec<Vec<usize>>,
    pub(crate) tallies: Vec<Tally>,
}

impl State {
    /// With nothing in use. `free` has `width` numbers for each of `nodes`.
    pub(crate) fn new(free: Vec<i64>, width: usize, nodes: usize, tallies: Vec<Tally>) -> Self {
        Self { free, width, ports: vec![Vec::new(); nodes], tallies }
    }

    /// What is free of a resource on a node.
    pub(crate) fn free(&self, node: usize, resource: usize) -> i64 {
        self.free.get(node * self.width + resource).copied().unwrap_or(0)
    }

    /// Takes an amount of a resource; gives it back if below zero.
    pub(crate) fn take(&mut self, node: usize, resource: usize, amount: i64) {
        if let Some(free) = self.free.get_mut(node * self.width + resource) {
            *free = free.saturating_sub(amount);
        }
    }

    pub(crate) fn take_port(&mut self, node: usize, port: usize) {
        if let Some(ports) = self.ports.get_mut(node) {
            ports.push(port);
        }
    }

    /// One more of the class on the node.
    pub(crate) fn place(&mut self, class: &Class, node: usize) {
        for (resource, amount) in &class.requests {
            self.take(node, *resource, *amount);
        }
        for port in &class.ports {
            self.take_port(node, *port);
        }
        for tally in &class.counted_in {
            if let Some(tally) = self.tallies.get_mut(*tally) {
                tally.add(node);
            }
        }
    }

    /// One of the class less on the node.
    pub(crate) fn remove(&mut self, class: &Class, node: usize) {
        for (resource, amount) in &class.requests {
            self.take(node, *resource, amount.saturating_neg());
        }
        if let Some(ports) = self.ports.get_mut(node) {
            for port in &class.ports {
                if let Some(place) = ports.iter().rposition(|used| used == port) {
                    ports.swap_remove(place);
                }
            }
        }
        for tally in &class.counted_in {
            if let Some(tally) = self.tallies.get_mut(*tally) {
                tally.remove(node);
            }
        }
    }

    /// Why the node does not take one more of the class, as far as that depends on pods. None if it does.
    pub(crate) fn block(&self, class: &Class, node: usize, ports: &[HostPort]) -> Option<Block> {
        let short = class.requests.iter().find(|(resource, amount)| *amount > self.free(node, *resource));
        if let Some((resource, _)) = short {
            return Some(Block::Resource(*resource));
        }
        if self.is_port_taken(class, node, ports) {
            return Some(Block::Port);
        }
        if class.shunned.iter().any(|tally| self.near(*tally, node) > 0) {
            return Some(Block::Shunned);
        }
        if class.apart.iter().any(|tally| self.near(*tally, node) > 0) {
            return Some(Block::Apart);
        }
        if !class.affinity.is_empty() && !self.is_in_company(class, node) {
            return Some(Block::Affinity);
        }
        self.skewed(class, node)
    }

    /// How many of the class there is room for on the node, at most; not how many others let be there.
    pub(crate) fn room(&self, class: &Class, node: usize) -> usize {
        let of_itself = class.apart.iter().filter(|tally| class.counted_in.contains(tally));
        let mut of_itself = of_itself.filter_map(|tally| self.tallies.get(*tally));
        let alone = !class.ports.is_empty() || of_itself.any(|tally| tally.place(node) != NOWHERE);
        let room = |(resource, amount): &(usize, i64)| self.free(node, *resource).max(0) / (*amount).max(1);
        let room =
            class.requests.iter().map(room).min().unwrap_or(i64::MAX).min(if alone { 1 } else { i64::MAX });
        usize::try_from(room).unwrap_or(usize::MAX)
    }

    /// How many of those that the tally counts are where the node is.
    pub(crate) fn near(&self, tally: usize, node: usize) -> usize {
        self.tallies.get(tally).map_or(0, |tally| tally.near(node))
    }

    fn is_port_taken(&self, class: &Class, node: usize, ports: &[HostPort]) -> bool {
        let Some(used) = self.ports.get(node).filter(|used| !used.is_empty()) else { return false };
        let port = |number: &usize| ports.get(*number);
        class.ports.iter().filter_map(port).any(|port_of_ours| {
            used.iter().filter_map(port).any(|port_in_use| port_of_ours.clashes(port_in_use))
        })
    }

    /// Whether the pods that the class must be near are there; or there are none anywhere, and it is one of them itself.
    fn is_in_company(&self, class: &Class, node: usize) -> bool {
        let tallies = || class.affinity.iter().filter_map(|tally| self.tallies.get(*tally));
        if tallies().any(|tally| tally.place(node) == NOWHERE) {
            return false;
        }
        tallies().all(|tally| tally.near(node) > 0)
            || (class.is_own_company && tallies().all(|tally| tally.total() == 0))
    }

    /// The first topology spread constraint that one more there would break.
    fn skewed(&self, class: &Class, node: usize) -> Option<Block> {
        class.spread.iter().enumerate().find_map(|(number, rule)| {
            let place = rule.places.get(node).copied().unwrap_or(NOWHERE);
            if place == NOWHERE {
                return Some(Block::NoTopology(number));
            }
            let tally = self.tallies.get(rule.tally?)?;
            let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
            let skew = count(tally.at(place)) + rule.own - count(tally.fewest(rule.min_domains));
            (skew > rule.max_skew).then_some(Block::Spread(number))
        })
    }
}
