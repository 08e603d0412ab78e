//! One pass over all classes: each pod gets the best node that takes it, and none is moved again.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
};

use crate::{
    class::Class,
    problem::Problem,
    state::State,
    taste::{Rank, Slot, Taste},
};

/// What is to be placed.
#[derive(Clone, Debug)]
pub(crate) struct Demand {
    /// How many of each class.
    pub(crate) counts: Vec<usize>,
    /// How many of each class were planned for which node before.
    pub(crate) previous: Vec<BTreeMap<usize, usize>>,
}

/// What came of a pass.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    /// In the order in which they were placed.
    pub(crate) slots: Vec<Slot>,
    /// How many of each class have no place.
    pub(crate) left: Vec<usize>,
    pub(crate) state: State,
    /// Nodes looked at.
    pub(crate) steps: u64,
}

/// With fewer pods of a class than this it is not worth the memory to keep the nodes in order.
const WORTH_RANKING: usize = 8;

pub(crate) struct Pass<'p> {
    problem: &'p Problem<'p>,
    taste: &'p Taste,
    state: State,
    left: Vec<usize>,
    previous: Vec<BTreeMap<usize, usize>>,
    slots: Vec<Slot>,
    rankings: BTreeMap<usize, Ranking>,
    steps: u64,
}

/// The nodes of a class, the best first. An entry may be out of date; then the node has a newer one.
struct Ranking {
    heap: BinaryHeap<(Rank, Reverse<usize>)>,
    /// How many slots are reflected in it.
    seen: usize,
}

impl<'p> Pass<'p> {
    pub(crate) fn new(problem: &'p Problem<'p>, taste: &'p Taste, demand: &Demand) -> Self {
        Self {
            problem,
            taste,
            state: problem.base.clone(),
            left: demand.counts.clone(),
            previous: demand.previous.clone(),
            slots: Vec::new(),
            rankings: BTreeMap::new(),
            steps: 0,
        }
    }

    /// Places the `urgent` classes first, then whoever can stay where it was planned before, then all others.
    pub(crate) fn run(mut self, urgent: &[usize], others: &[usize]) -> Outcome {
        for class in urgent {
            self.keep(*class);
            self.fill(*class);
        }
        // Whoever waits for company or evenness may get it from those after it.
        while self.each(others, Self::keep) {}
        self.each(others, Self::fill);
        let all: Vec<_> = urgent.iter().chain(others).copied().collect();
        while self.each(&all, Self::fill) {}
        Outcome { slots: self.slots, left: self.left, state: self.state, steps: self.steps }
    }

    /// Whether any of them was placed.
    fn each(&mut self, classes: &[usize], step: fn(&mut Self, usize)) -> bool {
        let before = self.slots.len();
        for class in classes {
            step(self, *class);
        }
        self.slots.len() > before
    }

    /// Places pods of the class where they were planned before.
    fn keep(&mut self, class: usize) {
        let Some(previous) = self.previous.get(class) else { return };
        for (node, count) in previous.clone() {
            for _ in 0..count {
                if self.left.get(class).is_none_or(|left| *left == 0) || !self.takes(class, node) {
                    break;
                }
                self.place(class, node);
                if let Some(count) = self.previous.get_mut(class).and_then(|previous| previous.get_mut(&node))
                {
                    *count = count.saturating_sub(1);
                }
            }
        }
    }

    fn takes(&mut self, number: usize, node: usize) -> bool {
        self.steps += 1;
        self.problem.classes.get(number).is_some_and(|class| {
            class.nodes.binary_search(&node).is_ok() && self.problem.block(&self.state, class, node).is_none()
        })
    }

    fn place(&mut self, number: usize, node: usize) {
        if let (Some(class), Some(left)) = (self.problem.classes.get(number), self.left.get_mut(number)) {
            self.state.place(class, node);
            self.slots.push(Slot { class: number, node });
            *left = left.saturating_sub(1);
        }
    }

    /// Places pods of the class while a node takes one.
    fn fill(&mut self, number: usize) {
        let problem = self.problem;
        let Some(class) = problem.classes.get(number) else { return };
        while let Some(left @ 1..) = self.left.get(number).copied() {
            let node = if class.is_own_company && self.is_first_of_company(class) {
                self.roomiest(class)
            } else if class.has_moving_wishes()
                || (left < WORTH_RANKING && !self.rankings.contains_key(&number))
            {
                self.best(class)
            } else {
                self.next_ranked(number, class)
            };
            let Some(node) = node else { return };
            self.place(number, node);
        }
    }

    fn is_first_of_company(&self, class: &Class) -> bool {
        let tallies = class.affinity.iter().filter_map(|tally| self.state.tallies.get(*tally));
        tallies.map(crate::tally::Tally::total).sum::<usize>() == 0
    }

    /// The nodes that take a pod of the class now.
    fn open(&mut self, class: &'p Class) -> Vec<usize> {
        self.steps += class.nodes.len() as u64;
        let open = class.nodes.iter().filter(|node| self.problem.block(&self.state, class, **node).is_none());
        open.copied().collect()
    }

    fn rank(&self, class: &Class, node: usize) -> Rank {
        self.taste.rank(self.problem, &self.state, class, node)
    }

    /// The best node that takes a pod of the class, found by looking at all.
    fn best(&mut self, class: &'p Class) -> Option<usize> {
        let open = self.open(class);
        open.into_iter().max_by_key(|node| self.rank(class, *node))
    }

    /// The best node in a place with room for all that want to be together.
    fn roomiest(&mut self, class: &'p Class) -> Option<usize> {
        let tally = class.affinity.first().and_then(|tally| self.state.tallies.get(*tally))?.clone();
        let open = self.open(class);
        let together = self.problem.classes.iter().zip(&self.left);
        let together: usize =
            together.filter(|(class, _)| !class.affinity.is_empty()).map(|(_, left)| left).sum();
        let mut room: BTreeMap<usize, usize> = BTreeMap::new();
        for node in &open {
            let room = room.entry(tally.place(*node)).or_default();
            *room = room.saturating_add(self.state.room(class, *node)).min(together);
        }
        open.into_iter().max_by_key(|node| (room.get(&tally.place(*node)).copied(), self.rank(class, *node)))
    }

    /// The best node that takes a pod of the class, found without looking at all of them again.
    fn next_ranked(&mut self, number: usize, class: &'p Class) -> Option<usize> {
        let mut ranking = match self.rankings.remove(&number) {
            Some(ranking) => ranking,
            None => {
                self.steps += class.nodes.len() as u64;
                let nodes = class.nodes.iter().map(|node| (self.rank(class, *node), Reverse(*node)));
                Ranking { heap: nodes.collect(), seen: self.slots.len() }
            }
        };
        let changed = self.slots.get(ranking.seen..).unwrap_or_default();
        ranking.seen = self.slots.len();
        self.steps += changed.len() as u64;
        for node in
            changed.iter().map(|slot| slot.node).filter(|node| class.nodes.binary_search(node).is_ok())
        {
            ranking.heap.push((self.rank(class, node), Reverse(node)));
        }
        let mut found = None;
        let mut aside = Vec::new();
        while let Some(entry @ (rank, Reverse(node))) = ranking.heap.pop() {
            self.steps += 1;
            if rank != self.rank(class, node) {
                continue;
            }
            match self.problem.block(&self.state, class, node) {
                None => {
                    aside.push(entry);
                    found = Some(node);
                    break;
                }
                Some(block) if block.lasts() => {}
                Some(_) => aside.push(entry),
            }
        }
        ranking.heap.extend(aside);
        self.rankings.insert(number, ranking);
        found
    }
}
