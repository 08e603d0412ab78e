//! The plan: a first pass, and if that does not place all, better ones and a search.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use k8s_openapi::api::core::v1::Pod;

use crate::{
    Binding, Cluster, Effort, NodeName, Options, Placement, Plan, Score, Strategy, Uid, Unplaced,
    pass::{Demand, Outcome, Pass},
    problem::{Member, Problem, Standing},
    search::{Found, Task, lacks_room, nodes_of, search},
    taste::{Slot, Taste, score},
};

/// How many passes there are at most in which those go first that had no place before.
const ROUNDS: usize = 8;

/// Sets with more pods than this are not searched with backtracking: it would try the last few only.
const SEARCHED: usize = 256;

/// Plans where the members of a set go. The same input, in whatever order, gives the same plan.
///
/// Members that are bound (`spec.nodeName`) stay, whatever is thought of it. Placements of `previous` are kept where they
/// still fit, unless moving a pod lets more be placed. Members that have ended, or are being deleted and are not bound,
/// are neither placed nor unplaced.
pub fn plan(
    cluster: &Cluster,
    members: &[&Pod],
    previous: &BTreeMap<Uid, NodeName>,
    options: &Options,
) -> Plan {
    let problem = Problem::new(cluster, members);
    let taste = Taste::new(&problem, options.strategy, options.seed);
    let demand = demand(cluster, &problem, previous);
    let solver = Solver { problem: &problem, taste, demand, best: None, steps: 0 };
    let (outcome, exhausted) = solver.solve(options.effort);
    report(cluster, &problem, previous, options.strategy, &outcome, exhausted)
}

/// How many of each class there are, and where they were planned before.
fn demand(cluster: &Cluster, problem: &Problem<'_>, previous: &BTreeMap<Uid, NodeName>) -> Demand {
    let mut demand = Demand {
        counts: vec![0; problem.classes.len()],
        previous: vec![BTreeMap::new(); problem.classes.len()],
    };
    for member in &problem.members {
        let Standing::Free(class) = member.standing else { continue };
        if let Some(count) = demand.counts.get_mut(class) {
            *count += 1;
        }
        let node = previous.get(&member.pod.uid).and_then(|node| cluster.node(node));
        if let (Some(node), Some(previous)) = (node, demand.previous.get_mut(class)) {
            *previous.entry(node).or_default() += 1;
        }
    }
    demand
}

struct Solver<'p> {
    problem: &'p Problem<'p>,
    taste: Taste,
    demand: Demand,
    best: Option<(Score, Outcome)>,
    /// Used after the first pass.
    steps: u64,
}

impl Solver<'_> {
    /// The best outcome that was found, and whether the effort ended before all was tried.
    fn solve(mut self, effort: Effort) -> (Outcome, bool) {
        let mut order: Vec<_> = (0..self.problem.classes.len()).collect();
        order.sort_by_key(|class| {
            std::cmp::Reverse(self.problem.classes.get(*class).map(|class| class.hardness))
        });
        let mut left = self.pass(&[], &order, self.taste.strategy);
        self.steps = 0;
        let hopeless: BTreeSet<_> = left.iter().copied().filter(|class| self.is_hopeless(*class)).collect();
        left.retain(|class| !hopeless.contains(class));
        let mut urgent = VecDeque::new();
        for round in 0..ROUNDS {
            if left.is_empty() || self.steps >= effort.0 {
                break;
            }
            urgent.retain(|class| !left.contains(class));
            left.iter().rev().for_each(|class| urgent.push_front(*class));
            let others: Vec<_> = order.iter().copied().filter(|class| !urgent.contains(class)).collect();
            let other = if self.taste.strategy == Strategy::Pack { Strategy::Spread } else { Strategy::Pack };
            let strategy = if round % 2 == 0 { other } else { self.taste.strategy };
            left = self.pass(urgent.make_contiguous(), &others, strategy);
            left.retain(|class| !hopeless.contains(class));
        }
        let exhausted = !left.is_empty() && self.search(&hopeless, effort);
        let outcome = self.best.map(|(_, outcome)| outcome);
        let nothing = || Pass::new(self.problem, &self.taste, &self.demand).run(&[], &[]);
        (outcome.unwrap_or_else(nothing), exhausted)
    }

    /// Tries one order. The classes that were not placed as a whole.
    fn pass(&mut self, urgent: &[usize], others: &[usize], strategy: Strategy) -> Vec<usize> {
        let taste = self.taste.with(strategy);
        let outcome = Pass::new(self.problem, &taste, &self.demand).run(urgent, others);
        self.steps = self.steps.saturating_add(outcome.steps);
        let left = outcome.left.iter().enumerate().filter(|(_, left)| **left > 0);
        let left = left.map(|(class, _)| class).collect();
        self.consider(outcome);
        left
    }

    fn consider(&mut self, outcome: Outcome) {
        let moves = moves(&self.demand, &outcome.slots);
        let score = score(self.problem, &outcome.state, &outcome.slots, self.taste.strategy, 0);
        let score = Score { moves, ..score };
        if self.best.as_ref().is_none_or(|(best, _)| score > *best) {
            self.best = Some((score, outcome));
        }
    }

    /// Whether not even one of the class could be placed if it were the only one, whatever else is placed.
    fn is_hopeless(&self, class: usize) -> bool {
        self.problem.classes.get(class).is_none_or(|class| {
            let block = |node: &usize| self.problem.block(&self.problem.base, class, *node);
            class.nodes.iter().all(|node| block(node).is_some_and(crate::class::Block::lasts))
        })
    }

    /// Looks for a way to place all that are not hopeless. Whether it remains open if there is one.
    fn search(&mut self, hopeless: &BTreeSet<usize>, effort: Effort) -> bool {
        let numbers = (0..self.problem.classes.len()).filter(|class| !hopeless.contains(class));
        let task = |class: usize| {
            Some(Task {
                class,
                nodes: self.problem.classes.get(class)?.nodes.to_vec(),
                left: *self.demand.counts.get(class)?,
                previous: self.demand.previous.get(class)?.clone(),
            })
        };
        let tasks: Vec<_> = numbers.filter_map(task).collect();
        if lacks_room(self.problem, &self.problem.base, &tasks, &nodes_of(&tasks)) {
            return false;
        }
        if tasks.iter().map(|task| task.left).sum::<usize>() > SEARCHED {
            return true;
        }
        let steps = effort.0.saturating_sub(self.steps);
        match search(self.problem, &self.taste, self.problem.base.clone(), tasks, steps) {
            Found::All(slots, state) => {
                let count = |class| {
                    if hopeless.contains(&class) { self.demand.counts.get(class).copied() } else { None }
                };
                let left = (0..self.demand.counts.len()).map(|class| count(class).unwrap_or(0)).collect();
                self.consider(Outcome { slots, left, state: *state, steps: 0 });
                false
            }
            Found::Nothing => false,
            Found::OutOfSteps => true,
        }
    }
}

/// How many pods leave the node that they were planned for, if as few as possible of each class do.
fn moves(demand: &Demand, slots: &[Slot]) -> usize {
    let mut placed = vec![BTreeMap::<usize, usize>::new(); demand.counts.len()];
    for slot in slots {
        if let Some(placed) = placed.get_mut(slot.class) {
            *placed.entry(slot.node).or_default() += 1;
        }
    }
    let mut moves = 0;
    for ((placed, previous), count) in placed.iter().zip(&demand.previous).zip(&demand.counts) {
        let kept = |(node, count): (&usize, &usize)| previous.get(node).map_or(0, |known| *known.min(count));
        let kept: usize = placed.iter().map(kept).sum();
        let new = count.saturating_sub(previous.values().sum());
        moves += placed.values().sum::<usize>().saturating_sub(kept).saturating_sub(new);
    }
    moves
}

/// Which member has which slot.
struct Assigned<'m> {
    /// With their nodes, in the order of the slots.
    placed: Vec<(&'m Member, usize)>,
    /// With their classes.
    left: Vec<(&'m Member, usize)>,
}

/// Gives the slots of each class to its members: to those first that were planned there before, and then to those that
/// had no plan.
fn assign<'m>(
    cluster: &Cluster,
    problem: &'m Problem<'_>,
    previous: &BTreeMap<Uid, NodeName>,
    slots: &[Slot],
) -> Assigned<'m> {
    let mut planned: BTreeMap<(usize, usize), VecDeque<&Member>> = BTreeMap::new();
    let mut others: BTreeMap<usize, VecDeque<&Member>> = BTreeMap::new();
    for member in &problem.members {
        let Standing::Free(class) = member.standing else { continue };
        match previous.get(&member.pod.uid).and_then(|node| cluster.node(node)) {
            Some(node) => planned.entry((class, node)).or_default().push_back(member),
            None => others.entry(class).or_default().push_back(member),
        }
    }
    let given = slots.iter().map(|slot| planned.get_mut(&(slot.class, slot.node))?.pop_front());
    let given: Vec<_> = given.collect();
    for ((class, _), members) in planned {
        others.entry(class).or_default().extend(members);
    }
    let mut placed = Vec::new();
    for (given, slot) in given.into_iter().zip(slots) {
        let next = || others.get_mut(&slot.class)?.pop_front();
        placed.extend(given.or_else(next).map(|member| (member, slot.node)));
    }
    let left =
        others.into_iter().flat_map(|(class, left)| left.into_iter().map(move |member| (member, class)));
    let mut left: Vec<_> = left.collect();
    left.sort_by_key(|(member, _)| &member.pod);
    Assigned { placed, left }
}

fn report(
    cluster: &Cluster,
    problem: &Problem<'_>,
    previous: &BTreeMap<Uid, NodeName>,
    strategy: Strategy,
    outcome: &Outcome,
    exhausted: bool,
) -> Plan {
    let Assigned { placed, left } = assign(cluster, problem, previous, &outcome.slots);
    let bound = problem.members.iter().filter_map(|member| match &member.standing {
        Standing::Bound(node) => {
            Some(Placement { pod: member.pod.clone(), node: node.clone(), binding: Binding::Bound })
        }
        Standing::Free(_) => None,
    });
    let mut placements: Vec<_> = bound.collect();
    let score = score(problem, &outcome.state, &outcome.slots, strategy, placements.len());
    let moved = |(member, node): &&(&Member, usize)| {
        let before = previous.get(&member.pod.uid).and_then(|node| cluster.node(node));
        before.is_some_and(|before| before != *node)
    };
    let score = Score { moves: placed.iter().filter(moved).count(), ..score };
    let chosen = placed.iter().filter_map(|(member, node)| {
        let facts = problem.nodes.get(*node)?;
        Some(Placement {
            pod: member.pod.clone(),
            node: facts.name.clone(),
            binding: binding(problem, member),
        })
    });
    placements.extend(chosen);
    let mut reasons = BTreeMap::new();
    let unplaced = left.iter().filter_map(|(member, number)| {
        let class = problem.classes.get(*number)?;
        let reason = reasons.entry(*number).or_insert_with(|| problem.reason(&outcome.state, class)).clone();
        Some(Unplaced { pod: member.pod.clone(), reason, unmodelled: class.unmodelled.clone() })
    });
    Plan { unplaced: unplaced.collect(), placements, score, exhausted }
}

fn binding(problem: &Problem<'_>, member: &Member) -> Binding {
    let Standing::Free(class) = member.standing else { return Binding::Bound };
    let unmodelled = problem.classes.get(class).map(|class| class.unmodelled.clone()).unwrap_or_default();
    if unmodelled.is_empty() { Binding::Pin } else { Binding::Nominate(unmodelled) }
}
