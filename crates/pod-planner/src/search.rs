//! Search with backtracking for a way to place all.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashSet},
};

use crate::{
    class::Class,
    problem::Problem,
    state::State,
    taste::{Slot, Taste, mix},
};

/// Pods that can stand in for each other, to be placed on some of these nodes.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub(crate) class: usize,
    pub(crate) nodes: Vec<usize>,
    pub(crate) left: usize,
    /// How many of them were planned for which node before.
    pub(crate) previous: BTreeMap<usize, usize>,
}

/// What came of a search.
#[derive(Debug)]
pub(crate) enum Found {
    /// A way to place all, in order, and what is free then.
    All(Vec<Slot>, Box<State>),
    /// There is none.
    Nothing,
    /// The steps were used up.
    OutOfSteps,
}

/// How a branch ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Found,
    Dead,
    OutOfSteps,
}

/// What to try next.
enum Choice {
    /// Pods of this task, on these nodes, the best first.
    Branch(usize, Vec<usize>),
    Dead,
    OutOfSteps,
}

struct Search<'p> {
    problem: &'p Problem<'p>,
    taste: &'p Taste,
    state: State,
    tasks: Vec<Task>,
    slots: Vec<Slot>,
    steps: u64,
    /// Tasks that are passed over until something else is placed.
    waiting: Vec<bool>,
    /// All nodes of all tasks.
    nodes: Vec<usize>,
    /// By task, the nodes on which one of it has been tried in vain, with what is placed now.
    in_vain: Vec<BTreeSet<usize>>,
    /// What has been placed, in one number: the order does not matter.
    key: u64,
    /// Ways to place some after which the others cannot be placed.
    dead: HashSet<u64>,
}

/// All nodes of all tasks.
pub(crate) fn nodes_of(tasks: &[Task]) -> Vec<usize> {
    let nodes: BTreeSet<_> = tasks.iter().flat_map(|task| task.nodes.iter().copied()).collect();
    nodes.into_iter().collect()
}

/// Whether it is plain that these nodes have not enough for all: because together they want more of a resource than is
/// free, or because there is not room for as many even of the smallest.
pub(crate) fn lacks_room(problem: &Problem<'_>, state: &State, tasks: &[Task], nodes: &[usize]) -> bool {
    let open: Vec<_> = tasks.iter().filter(|task| task.left > 0).collect();
    let mut least = Vec::new();
    for resource in 0..problem.resources.len() {
        let amount = |task: &Task| {
            let requests =
                problem.classes.get(task.class).map(|class| class.requests.as_slice()).unwrap_or_default();
            requests.iter().find(|(number, _)| *number == resource).map_or(0, |(_, amount)| *amount)
        };
        let asked = open.iter().map(|task| i128::from(amount(task)).saturating_mul(task.left as i128));
        let free = nodes.iter().map(|node| i128::from(state.free(*node, resource).max(0)));
        if asked.fold(0, i128::saturating_add) > free.sum() {
            return true;
        }
        least.extend(
            open.iter()
                .map(|task| amount(task))
                .min()
                .filter(|least| *least > 0)
                .map(|least| (resource, least)),
        );
    }
    let room = |node: &usize| {
        let room = least.iter().map(|(resource, least)| state.free(*node, *resource).max(0) / least);
        usize::try_from(room.min().unwrap_or(i64::MAX)).unwrap_or(usize::MAX)
    };
    let wanted: usize = open.iter().map(|task| task.left).sum();
    nodes.iter().map(room).fold(0, usize::saturating_add) < wanted
}

/// Looks for a way to place all pods of all tasks on top of what `state` holds, in at most so many steps. The hardest task
/// is branched on first. Without `Found::OutOfSteps` the answer is final: all orders have been tried in which it matters.
pub(crate) fn search(
    problem: &Problem<'_>,
    taste: &Taste,
    state: State,
    tasks: Vec<Task>,
    steps: u64,
) -> Found {
    let waiting = vec![false; tasks.len()];
    let (slots, dead, in_vain) = (Vec::new(), HashSet::new(), vec![BTreeSet::new(); tasks.len()]);
    let nodes = nodes_of(&tasks);
    let mut search =
        Search { problem, taste, state, tasks, slots, steps, waiting, nodes, in_vain, key: 0, dead };
    match search.descend() {
        End::Found => Found::All(search.slots, Box::new(search.state)),
        End::Dead => Found::Nothing,
        End::OutOfSteps => Found::OutOfSteps,
    }
}

impl<'p> Search<'p> {
    fn descend(&mut self) -> End {
        let waits = self.waiting.contains(&true);
        if !waits && self.dead.contains(&self.key) {
            return End::Dead;
        }
        if self.tasks.iter().all(|task| task.left == 0) {
            return End::Found;
        }
        let (task, nodes) = match self.choose() {
            Choice::Branch(task, nodes) => (task, nodes),
            Choice::Dead => return End::Dead,
            Choice::OutOfSteps => return End::OutOfSteps,
        };
        let in_turn = self.class(task).is_some_and(|class| class.in_turn);
        let mut end = self.try_each(task, &nodes, in_turn);
        if end == End::Dead && in_turn {
            // It may go elsewhere once others are placed.
            self.wait(task, true);
            end = self.descend();
            self.wait(task, false);
        }
        if end == End::Dead && !waits {
            self.dead.insert(self.key);
        }
        end
    }

    fn class(&self, task: usize) -> Option<&'p Class> {
        self.problem.classes.get(self.tasks.get(task)?.class)
    }

    fn wait(&mut self, task: usize, waits: bool) {
        if let Some(waiting) = self.waiting.get_mut(task) {
            *waiting = waits;
        }
    }

    /// The task with the fewest nodes to go to.
    fn choose(&mut self) -> Choice {
        // Every resource of every node is looked at.
        let looked_at = self.nodes.len().saturating_mul(self.problem.resources.len()) as u64;
        if looked_at > self.steps {
            return Choice::OutOfSteps;
        }
        self.steps -= looked_at;
        if lacks_room(self.problem, &self.state, &self.tasks, &self.nodes) {
            return Choice::Dead;
        }
        let mut fewest: Option<(usize, Vec<usize>)> = None;
        for number in 0..self.tasks.len() {
            let (Some(task), Some(class)) = (self.tasks.get(number), self.class(number)) else { continue };
            if task.left == 0 {
                continue;
            }
            let looked_at = task.nodes.len() as u64;
            if looked_at > self.steps {
                return Choice::OutOfSteps;
            }
            let (open, room) = self.open(number, task, class);
            self.steps -= looked_at;
            if room < task.left {
                return Choice::Dead;
            }
            let better = fewest.as_ref().is_none_or(|(_, fewest)| open.len() < fewest.len());
            if better && !open.is_empty() && !self.waiting.get(number).copied().unwrap_or(false) {
                fewest = Some((number, open));
            }
        }
        let Some((number, mut nodes)) = fewest else { return Choice::Dead };
        // To rank a node is to look at it again, resource by resource.
        let ranked = nodes.len().saturating_mul(self.problem.resources.len()) as u64;
        self.steps = self.steps.saturating_sub(ranked);
        if let (Some(task), Some(class)) = (self.tasks.get(number), self.class(number)) {
            let planned = |node: &usize| task.previous.get(node).is_some_and(|count| *count > 0);
            let rank = |node: &usize| self.taste.rank(self.problem, &self.state, class, *node);
            nodes.sort_by_cached_key(|node| Reverse((planned(node), rank(node), Reverse(*node))));
        }
        Choice::Branch(number, nodes)
    }

    /// The nodes that take a pod of the task now; and for how many there is room at most on these and on those that may
    /// take one later.
    fn open(&self, number: usize, task: &Task, class: &Class) -> (Vec<usize>, usize) {
        let (mut open, mut room) = (Vec::new(), 0_usize);
        let in_vain = self.in_vain.get(number);
        for node in
            task.nodes.iter().copied().filter(|node| !in_vain.is_some_and(|known| known.contains(node)))
        {
            let block = self.problem.block(&self.state, class, node);
            if block.is_none_or(|block| !block.lasts()) {
                room = room.saturating_add(self.state.room(class, node));
            }
            if block.is_none() {
                open.push(node);
            }
        }
        (open, room)
    }

    fn try_each(&mut self, task: usize, nodes: &[usize], in_turn: bool) -> End {
        let mut end = End::Dead;
        let mut failed = Vec::new();
        for node in nodes {
            end = self.try_one(task, *node);
            if end != End::Dead {
                break;
            }
            if let Some(in_vain) = self.in_vain.get_mut(task).filter(|_| !in_turn) {
                // Since it does not matter when such a pod is placed, none of them can go there.
                in_vain.insert(*node);
                failed.push(*node);
            }
        }
        if let Some(in_vain) = self.in_vain.get_mut(task) {
            in_vain.retain(|node| !failed.contains(node));
        }
        end
    }

    fn try_one(&mut self, number: usize, node: usize) -> End {
        let Some(class) = self.class(number) else { return End::Dead };
        let Some(task) = self.tasks.get_mut(number) else { return End::Dead };
        task.left -= 1;
        let slot = Slot { class: task.class, node };
        let stays =
            task.previous.get_mut(&node).filter(|count| **count > 0).map(|count| *count -= 1).is_some();
        let key = mix(mix(number as u64) ^ node as u64);
        let waiting = std::mem::replace(&mut self.waiting, vec![false; self.tasks.len()]);
        self.state.place(class, node);
        self.slots.push(slot);
        self.key = self.key.wrapping_add(key);
        let end = self.descend();
        self.waiting = waiting;
        if end == End::Found {
            return end;
        }
        self.key = self.key.wrapping_sub(key);
        self.slots.pop();
        self.state.remove(class, node);
        if let Some(task) = self.tasks.get_mut(number) {
            task.left += 1;
            if let Some(count) = task.previous.get_mut(&node).filter(|_| stays) {
                *count += 1;
            }
        }
        end
    }
}
