//! How many pods of some kind are in each place, kept up to date as pods are placed.

use std::sync::Arc;

use crate::{
    labels::Labels,
    node_affinity::NodeRequirement,
    taints::Toleration,
    terms::{AffinityTerm, Group, Matcher, Namespaces},
};

/// The place of a node that is in none.
pub(crate) const NOWHERE: usize = usize::MAX;

/// Which pods are counted, by the values of which label.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum TallySpec {
    /// Pods that all of these select.
    Selected {
        key: String,
        matchers: Vec<Matcher>,
        /// Reservations do not count: nobody can rely on them.
        surely: bool,
    },
    /// Pods that have this anti-affinity themselves.
    Having(AffinityTerm),
    /// Pods that a topology spread constraint counts.
    Spread {
        key: String,
        matcher: Matcher,
        /// Labels without which a node is not counted.
        keys: Vec<String>,
        /// What a node must fulfil to be counted, if the constraint says so.
        nodes: Option<NodeRequirement>,
        /// Tolerations of the pod, likewise.
        tolerations: Option<Vec<Toleration>>,
    },
}

impl TallySpec {
    pub(crate) fn key(&self) -> &str {
        match self {
            Self::Selected { key, .. } | Self::Spread { key, .. } => key,
            Self::Having(term) => &term.key,
        }
    }

    /// Whether pods of the group are counted for what they are.
    pub(crate) fn selects(&self, group: &Group, namespaces: &Namespaces) -> bool {
        match self {
            Self::Selected { matchers, .. } => matchers.iter().all(|one| one.selects(group, namespaces)),
            Self::Spread { matcher, .. } => matcher.selects(group, namespaces),
            Self::Having(_) => false,
        }
    }

    /// Whether pods are counted that are being deleted, and ones that have a reservation only.
    pub(crate) fn counts(&self, leaving: bool, reserved: bool) -> bool {
        match self {
            Self::Selected { surely, .. } => !(*surely && reserved),
            Self::Spread { .. } => !leaving,
            Self::Having(_) => true,
        }
    }

    /// Whether pods on a node with these labels are counted.
    pub(crate) fn includes(
        &self,
        name: &str,
        labels: &Labels,
        tolerated: impl Fn(&[Toleration]) -> bool,
    ) -> bool {
        match self {
            Self::Spread { keys, nodes, tolerations, .. } => {
                keys.iter().all(|key| labels.contains_key(key))
                    && nodes.as_ref().is_none_or(|nodes| nodes.holds(name, labels))
                    && tolerations.as_ref().is_none_or(|tolerations| tolerated(tolerations))
            }
            Self::Selected { .. } | Self::Having(_) => true,
        }
    }
}

/// The counts.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    /// The place of each node that counts.
    places: Arc<Vec<usize>>,
    /// By place.
    counts: Vec<usize>,
    /// In all places.
    total: usize,
    /// For topology spread.
    levels: Option<Levels>,
}

/// How many places have how many pods, so that the fewest in any is known at once.
#[derive(Clone, Debug)]
struct Levels {
    places: usize,
    /// By number of pods.
    at: Vec<usize>,
    lowest: usize,
}

impl Levels {
    fn moved(&mut self, from: usize, to: usize) {
        if self.at.len() <= to {
            self.at.resize(to + 1, 0);
        }
        if let Some(places) = self.at.get_mut(from) {
            *places = places.saturating_sub(1);
        }
        if let Some(places) = self.at.get_mut(to) {
            *places += 1;
        }
        let none_left = from == self.lowest && self.at.get(from) == Some(&0);
        if to < self.lowest || none_left {
            self.lowest = to;
        }
    }
}

impl Tally {
    /// Of places that are empty. `count` is how many places there may be.
    pub(crate) fn new(places: Arc<Vec<usize>>, count: usize, spread: bool) -> Self {
        let levels = spread.then(|| {
            let mut present = vec![false; count];
            for place in places.iter().filter(|place| **place != NOWHERE) {
                if let Some(present) = present.get_mut(*place) {
                    *present = true;
                }
            }
            let places = present.into_iter().filter(|present| *present).count();
            Levels { places, at: vec![places], lowest: 0 }
        });
        Self { places, counts: vec![0; count], total: 0, levels }
    }

    /// One pod more on the node.
    pub(crate) fn add(&mut self, node: usize) {
        self.change(node, |count| count + 1);
    }

    /// One pod less on the node.
    pub(crate) fn remove(&mut self, node: usize) {
        self.change(node, |count| count.saturating_sub(1));
    }

    fn change(&mut self, node: usize, change: impl Fn(usize) -> usize) {
        let place = self.place(node);
        let Some(count) = self.counts.get_mut(place) else { return };
        let (from, to) = (*count, change(*count));
        *count = to;
        self.total = self.total + to - from;
        if let Some(levels) = &mut self.levels {
            levels.moved(from, to);
        }
    }

    /// The place of the node as far as it is counted, or [`NOWHERE`].
    pub(crate) fn place(&self, node: usize) -> usize {
        self.places.get(node).copied().unwrap_or(NOWHERE)
    }

    /// How many are in a place; none [`NOWHERE`].
    pub(crate) fn at(&self, place: usize) -> usize {
        self.counts.get(place).copied().unwrap_or(0)
    }

    /// How many are where the node is.
    pub(crate) fn near(&self, node: usize) -> usize {
        self.at(self.place(node))
    }

    /// How many there are in all places.
    pub(crate) fn total(&self) -> usize {
        self.total
    }

    /// How many more there are where the node is than in the emptiest place, if that matters to anybody.
    pub(crate) fn excess(&self, node: usize) -> usize {
        self.levels.as_ref().map_or(0, |levels| self.near(node).saturating_sub(levels.lowest))
    }

    /// The fewest in any place; none while there are fewer places than `min_domains`.
    pub(crate) fn fewest(&self, min_domains: i64) -> usize {
        let enough = |levels: &&Levels| i64::try_from(levels.places).unwrap_or(i64::MAX) >= min_domains;
        self.levels
            .as_ref()
            .filter(|levels| levels.places > 0)
            .filter(enough)
            .map_or(0, |levels| levels.lowest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fewest_pods_in_any_place_are_known_after_every_change() {
        let mut tally = Tally::new(Arc::new(vec![0, 0, 1, NOWHERE]), 2, true);
        let mut fewest = vec![tally.fewest(1)];
        for node in [0, 1, 2, 3, 2, 2] {
            tally.add(node);
            fewest.push(tally.fewest(1));
        }
        assert_eq!(fewest, [0, 0, 0, 1, 1, 2, 2]);
        assert_eq!((tally.at(0), tally.at(1), tally.total()), (2, 3, 5));
        for (node, expected) in [(2, 2), (2, 1), (0, 1), (1, 0)] {
            tally.remove(node);
            assert_eq!(tally.fewest(1), expected, "{node}");
        }
        assert_eq!(tally.fewest(3), 0, "fewer places than asked for: the emptiest counts as empty");
    }
}
