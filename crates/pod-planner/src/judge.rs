//! Whether an assignment that somebody made is right.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, VecDeque},
};

use k8s_openapi::api::core::v1::Pod;

use crate::{
    Cluster, Judgement, NodeName, PodRef, Problem as Wrong, Strategy, Uid,
    class::Class,
    problem::{Problem, Standing},
    search::{Found, Task, search},
    state::State,
    taste::{Slot, Taste, score},
};

/// For how many pods all orders are tried, and in how many steps.
const SEARCHED: usize = 64;
const STEPS: u64 = 500_000;

/// How often pods are placed level by level, and how many looks at a pod are taken.
const ROUNDS: usize = 50;
const LOOKS: usize = 20_000_000;

/// Judges an assignment of members to nodes with the predicates of [`plan`](crate::plan): every problem at once.
///
/// It is right if the scheduler, given the pods in some order, accepts each where it is assigned. Up to 64 pods all orders
/// are tried, beyond that those that promise most, always within a bound of steps; what fits in none of them is told as a
/// problem. Some members may be missing; bound ones count where they are, whether they are named or not. `strategy` is for
/// the score.
pub fn judge(
    cluster: &Cluster,
    members: &[&Pod],
    assignment: &BTreeMap<Uid, NodeName>,
    strategy: Strategy,
) -> Judgement {
    let problem = Problem::new(cluster, members);
    let known: BTreeSet<_> = members.iter().filter_map(|pod| pod.metadata.uid.as_ref()).collect();
    let strangers = assignment.keys().filter(|uid| !known.contains(uid));
    let mut problems: Vec<_> = strangers.map(|uid| Wrong::UnknownPod(uid.clone())).collect();
    let (mut wanted, mut missing, mut bound) = (Vec::new(), Vec::new(), 0);
    for member in &problem.members {
        let assigned = assignment.get(&member.pod.uid);
        match &member.standing {
            Standing::Bound(node) => {
                bound += 1;
                problems.extend(assigned.filter(|assigned| *assigned != node).map(|assigned| {
                    Wrong::AlreadyBound {
                        pod: member.pod.clone(),
                        node: node.clone(),
                        assigned: assigned.clone(),
                    }
                }));
            }
            Standing::Free(class) => match assigned.map(|name| (name, cluster.node(name))) {
                None => missing.push(member.pod.clone()),
                Some((name, None)) => {
                    problems.push(Wrong::UnknownNode { pod: member.pod.clone(), node: name.clone() });
                }
                Some((_, Some(node))) => {
                    wanted.push(Wanted { pod: &member.pod, slot: Slot { class: *class, node } })
                }
            },
        }
    }
    let mut pods = BTreeMap::<_, VecDeque<_>>::new();
    for Wanted { pod, slot } in &wanted {
        pods.entry((slot.class, slot.node)).or_default().push_back((*pod).clone());
    }
    let mut trial = Trial { problem: &problem, state: problem.base.clone(), slots: Vec::new() };
    trial.run(wanted, &mut problems);
    let score = score(&problem, &trial.state, &trial.slots, strategy, bound);
    // Pods of one class on one node can stand in for each other, so it does not matter which of them is which.
    let next = |slot: &Slot| pods.get_mut(&(slot.class, slot.node))?.pop_front();
    let order = trial.slots.iter().filter_map(next).collect();
    Judgement { problems, missing, order, score }
}

/// A member where it is assigned.
struct Wanted<'p> {
    pod: &'p PodRef,
    slot: Slot,
}

struct Trial<'p> {
    problem: &'p Problem<'p>,
    state: State,
    slots: Vec<Slot>,
}

impl<'p> Trial<'p> {
    fn class(&self, slot: Slot) -> Option<&'p Class> {
        self.problem.classes.get(slot.class)
    }

    /// Places all that fit, and tells of the others.
    fn run(&mut self, wanted: Vec<Wanted<'p>>, problems: &mut Vec<Wrong>) {
        let (refused, mut open): (Vec<_>, Vec<_>) = wanted.into_iter().partition(|wanted| {
            let class = self.class(wanted.slot);
            class.is_none_or(|class| class.nodes.binary_search(&wanted.slot.node).is_err())
        });
        self.tell(&refused, problems);
        // What asks for evenness goes before what only disturbs it, the strictest first.
        open.sort_by_key(|wanted| {
            let skews = self
                .class(wanted.slot)
                .map(|class| class.spread.iter().map(|rule| Reverse(rule.max_skew)).max());
            (Reverse(skews.flatten()), wanted.slot.node)
        });
        let all: Vec<_> = open.iter().map(|wanted| wanted.slot).collect();
        while self.place_some(&mut open) {}
        if !open.is_empty() && !self.place_level_by_level(&all) && !self.place_in_some_order(&all) {
            self.tell(&open, problems);
        }
    }

    /// Places what fits one after the other. Whether anything was placed that may let more fit.
    fn place_some(&mut self, open: &mut Vec<Wanted<'p>>) -> bool {
        let before = open.len();
        open.retain(|wanted| {
            let Some(class) = self.class(wanted.slot) else { return false };
            let fits = self.problem.block(&self.state, class, wanted.slot.node).is_none();
            if fits {
                self.put(wanted.slot);
            }
            !fits
        });
        open.len() < before
    }

    /// Whether all fit if the next one always goes where it adds least to a place that has more than others; and, should
    /// some remain, if these go before all others whenever they can. If so, they are placed. With one constraint for all
    /// of them this finds an order whenever there is one.
    fn place_level_by_level(&mut self, all: &[Slot]) -> bool {
        let (mut looks, mut failures) = (LOOKS, BTreeMap::new());
        for _ in 0..ROUNDS {
            let mut round =
                Trial { problem: self.problem, state: self.problem.base.clone(), slots: Vec::new() };
            let mut left = counted(all);
            while let Some(slot) = round.next_level(&left, &failures) {
                round.put(slot);
                left.entry((slot.class, slot.node)).and_modify(|count| *count -= 1);
                left.retain(|_, count| *count > 0);
                looks = looks.saturating_sub(left.len());
            }
            if left.is_empty() {
                (self.slots, self.state) = (round.slots, round.state);
                return true;
            }
            if looks == 0 {
                return false;
            }
            left.into_keys().for_each(|slot| *failures.entry(slot).or_insert(0_usize) += 1);
        }
        false
    }

    /// The one that goes next, if any fits.
    fn next_level(
        &self,
        left: &BTreeMap<(usize, usize), usize>,
        failures: &BTreeMap<(usize, usize), usize>,
    ) -> Option<Slot> {
        let key = |(class, node): (usize, usize)| {
            let rules = self.problem.classes.get(class)?;
            self.problem.block(&self.state, rules, node).is_none().then_some(())?;
            let tallies = rules.counted_in.iter().filter_map(|tally| self.state.tallies.get(*tally));
            let excess = tallies.map(|tally| tally.excess(node)).max();
            let skew = rules.spread.iter().map(|rule| rule.max_skew).min().unwrap_or(i64::MAX);
            Some((Reverse(failures.get(&(class, node))), excess, skew, (class, node)))
        };
        left.keys().copied().filter_map(key).min().map(|(.., (class, node))| Slot { class, node })
    }

    fn put(&mut self, slot: Slot) {
        if let Some(class) = self.class(slot) {
            self.state.place(class, slot.node);
            self.slots.push(slot);
        }
    }

    /// Whether there is an order in which all fit. If so, they are placed.
    fn place_in_some_order(&mut self, all: &[Slot]) -> bool {
        let in_turn = all.iter().filter_map(|slot| self.class(*slot)).any(|class| class.in_turn);
        if all.len() > SEARCHED || !in_turn {
            return false;
        }
        let task = |((class, node), left)| Task { class, nodes: vec![node], left, previous: BTreeMap::new() };
        let tasks = counted(all).into_iter().map(task).collect();
        let taste = Taste::new(self.problem, Strategy::Spread, 0);
        match search(self.problem, &taste, self.problem.base.clone(), tasks, STEPS) {
            Found::All(slots, state) => {
                (self.slots, self.state) = (slots, *state);
                true
            }
            Found::Nothing | Found::OutOfSteps => false,
        }
    }

    fn tell(&self, wanted: &[Wanted<'p>], problems: &mut Vec<Wrong>) {
        for Wanted { pod, slot } in wanted {
            let cause = self.class(*slot).and_then(|class| self.problem.cause(&self.state, class, slot.node));
            let node = self.problem.nodes.get(slot.node).map(|facts| facts.name.clone());
            if let (Some(cause), Some(node)) = (cause, node) {
                problems.push(Wrong::DoesNotFit { pod: (*pod).clone(), node, cause });
            }
        }
    }
}

/// How many of each class are to be on which node.
fn counted(slots: &[Slot]) -> BTreeMap<(usize, usize), usize> {
    let mut counts = BTreeMap::new();
    for slot in slots {
        *counts.entry((slot.class, slot.node)).or_default() += 1;
    }
    counts
}
