//! Which of the nodes that take a pod is the best for it.

use crate::{
    Score, Strategy,
    class::Class,
    problem::{Problem, WHOLE, share},
    state::State,
};

/// How choices are made.
#[derive(Clone, Debug)]
pub(crate) struct Taste {
    pub(crate) strategy: Strategy,
    /// A number for each node that decides where all else is equal.
    ties: Vec<u64>,
}

/// How good a node is for one more pod of a class. Greater is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    liking: i64,
    shape: i64,
    tie: u64,
}

/// Spreads numbers that are alike over all numbers (splitmix64).
pub(crate) fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

impl Taste {
    /// The ties follow from the nodes' names, so that other nodes coming and going do not change them.
    pub(crate) fn new(problem: &Problem<'_>, strategy: Strategy, seed: u64) -> Self {
        let hash = |name: &str| name.bytes().fold(seed, |hash, byte| mix(hash ^ u64::from(byte)));
        Self { strategy, ties: problem.nodes.iter().map(|node| hash(&node.name)).collect() }
    }

    /// The same with another strategy.
    pub(crate) fn with(&self, strategy: Strategy) -> Self {
        Self { strategy, ties: self.ties.clone() }
    }

    pub(crate) fn rank(&self, problem: &Problem<'_>, state: &State, class: &Class, node: usize) -> Rank {
        let filled = class.requests.iter().map(|(resource, amount)| {
            let all = problem.allocatable(node, *resource);
            share(all.saturating_sub(state.free(node, *resource)).saturating_add(*amount), all)
        });
        let filled = filled.max().unwrap_or(0);
        let shape = if self.strategy == Strategy::Spread { -filled } else { filled };
        let tie = self.ties.get(node).copied().unwrap_or(0);
        Rank { liking: liking(state, class, node), shape, tie }
    }
}

/// How much a pod of the class likes the node.
fn liking(state: &State, class: &Class, node: usize) -> i64 {
    /// As the greatest weight of a wish.
    const EVEN: i64 = 100;
    let own = class.wishes.get(node).copied().unwrap_or(0);
    if !class.has_moving_wishes() {
        return own;
    }
    let count = |tally: usize| i64::try_from(state.near(tally, node)).unwrap_or(i64::MAX);
    let near = class.near.iter().map(|(tally, weight)| count(*tally).saturating_mul(*weight));
    let even = class.even.iter().map(|(tally, skew)| -(count(*tally).saturating_mul(EVEN) / (*skew).max(1)));
    near.chain(even).fold(own, i64::saturating_add)
}

/// One member more of a class, on a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) class: usize,
    pub(crate) node: usize,
}

/// How good it is that these are placed, given what is free then. Moves are not known here.
pub(crate) fn score(
    problem: &Problem<'_>,
    state: &State,
    slots: &[Slot],
    strategy: Strategy,
    bound: usize,
) -> Score {
    let liked =
        slots.iter().filter_map(|slot| Some(liking(state, problem.classes.get(slot.class)?, slot.node)));
    let load = |node: usize| {
        let resources = 0..problem.resources.len();
        let shares = resources.filter_map(|resource| {
            let all = problem.allocatable(node, resource);
            (all > 0).then(|| share(all.saturating_sub(state.free(node, resource)), all))
        });
        // In thousandths; the square weighs one full node more than two half full ones.
        let load = (shares.max().unwrap_or(0) / (WHOLE / 1000)).clamp(0, 10_000);
        load * load
    };
    let loads: i64 = (0..problem.nodes.len()).map(load).sum();
    Score {
        placed: slots.len() + bound,
        moves: 0,
        preference: liked.fold(0, i64::saturating_add),
        shape: if strategy == Strategy::Spread { -loads } else { loads },
    }
}
