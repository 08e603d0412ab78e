//! Our own plan, or that of an external planner. Pure: the answers are there already.
//!
//! An answer is judged with the predicates that our own plan is made with, and is of no use if anything in it is wrong.
//! Of those that are right the best counts. It comes before our own plan unless that places more, or fulfils more of
//! what the pods wish: who has a planner wants another plan where there is a choice, but not a worse one.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use k8s_openapi::api::core::v1::Pod;
use pod_planner::{Binding, Cluster, Judgement, NodeName, Plan, Score, Uid, Unmodelled, judge};

use super::entries::Decision;
use crate::{
    consult::{Answer, Consulted},
    dereference::World,
    validate::{Member, PodSet},
};

/// How many external planners are named in a message.
const NAMED: usize = 5;

/// What came of asking external planners.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct External {
    /// How many there are.
    pub asked: usize,
    /// The one whose assignment was taken, as `<namespace>/<Service>`.
    pub chosen: Option<String>,
    /// Those whose answer is of no use, each with the reason.
    pub refused: Vec<(String, String)>,
}

impl External {
    /// What is to be said of those whose answer is of no use, if there are any.
    pub fn complaint(&self) -> Option<String> {
        let named = self.refused.iter().take(NAMED).map(|(planner, why)| format!("{planner} {why}"));
        let named: Vec<_> = named.collect();
        let more = match self.refused.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        (!named.is_empty()).then(|| {
            format!(
                "External planners were ignored: {}{more}. Correct them, or take the planner's label off their \
                 Services.",
                named.join("; ")
            )
        })
    }
}

/// An external planner's assignment that is right.
pub(super) struct Chosen {
    planner: String,
    /// The members that have a place by it and are not bound, in the order in which the scheduler should see them.
    order: Vec<Uid>,
    /// Of all members that are not bound and have a place.
    nodes: BTreeMap<Uid, NodeName>,
    score: Score,
}

/// Who goes where, given what we would do ourselves (`own`) and what others say.
pub(super) fn choose(
    world: &World,
    set: &PodSet,
    cluster: &Cluster,
    own: Plan,
    consulted: &Consulted,
) -> Decision {
    let bench = Bench::new(world, set, cluster, &own, &consulted.asked_for);
    let (mut right, mut refused) = (Vec::new(), Vec::new());
    for answer in &consulted.answers {
        match bench.examine(answer) {
            Ok(chosen) => right.push(chosen),
            Err(why) => refused.push((answer.planner.clone(), why)),
        }
    }
    let good = right.into_iter().filter(|chosen| asked_by_pods(&chosen.score) >= asked_by_pods(&bench.score));
    let best = good.max_by_key(|chosen| (chosen.score, Reverse(chosen.planner.clone())));
    let external = External {
        asked: consulted.answers.len(),
        chosen: best.as_ref().map(|best| best.planner.clone()),
        refused,
    };
    Decision { external: Some(external), ..decision(own, best) }
}

/// The part of a score that is not a matter of taste.
fn asked_by_pods(score: &Score) -> (usize, i64) {
    (score.placed, score.preference)
}

/// Who goes where by `own`, or by `chosen` if that is there.
pub(super) fn decision(own: Plan, chosen: Option<Chosen>) -> Decision {
    let mut decision = Decision::default();
    let left = own.unplaced.iter().map(|left| (&left.pod.uid, because(&left.unmodelled)));
    let placed = own.placements.iter().map(|placed| match &placed.binding {
        Binding::Nominate(what) => (&placed.pod.uid, because(what)),
        Binding::Bound | Binding::Pin => (&placed.pod.uid, None),
    });
    // That is about what a pod asks, and so the same for whatever node.
    let nominated: BTreeMap<_, _> = left.chain(placed).collect();
    let place = |uid: &Uid, node: NodeName| (uid.clone(), (node, nominated.get(uid).cloned().flatten()));
    match chosen {
        None => {
            decision.order = own.placements.iter().map(|placed| placed.pod.uid.clone()).collect();
            let places = own.placements.iter().map(|placed| place(&placed.pod.uid, placed.node.clone()));
            decision.places = places.collect();
        }
        Some(chosen) => {
            decision.order = chosen.order;
            let unbound = own.placements.iter().filter(|placed| placed.binding != Binding::Bound);
            let left_out = unbound.filter(|placed| !chosen.nodes.contains_key(&placed.pod.uid));
            let why = format!("the plan of {} has no place for it", chosen.planner);
            decision.unplaced = left_out.map(|placed| (placed.pod.uid.clone(), why.clone())).collect();
            decision.places = chosen.nodes.iter().map(|(uid, node)| place(uid, node.clone())).collect();
        }
    }
    let without = own.unplaced.iter().filter(|left| !decision.places.contains_key(&left.pod.uid));
    decision.unplaced.extend(without.map(|left| (left.pod.uid.clone(), left.reason.to_string())));
    decision
}

/// What of a pod is not taken into account, if anything.
fn because(what: &[Unmodelled]) -> Option<String> {
    let what: Vec<_> = what.iter().map(ToString::to_string).collect();
    (!what.is_empty()).then(|| what.join(", "))
}

/// What answers are examined with.
struct Bench<'a> {
    set: &'a PodSet,
    cluster: &'a Cluster,
    members: Vec<&'a Pod>,
    by_name: BTreeMap<&'a str, &'a Member>,
    /// The names of all pods of the set, also of those that do not count any more.
    names: BTreeSet<String>,
    asked_for: &'a BTreeSet<Uid>,
    /// Where the members that are on their way go if nothing is answered about them.
    settled: BTreeMap<Uid, NodeName>,
    /// How good our own plan is, judged in the same way.
    score: Score,
}

impl<'a> Bench<'a> {
    fn new(
        world: &World,
        set: &'a PodSet,
        cluster: &'a Cluster,
        own: &Plan,
        asked_for: &'a BTreeSet<Uid>,
    ) -> Self {
        let on_their_way: BTreeSet<&Uid> = set.on_their_way().map(|member| &member.uid).collect();
        let places = own.placements.iter().map(|placed| (placed.pod.uid.clone(), placed.node.clone()));
        let places: BTreeMap<_, _> = places.collect();
        let members = set.members.iter().map(|member| &*member.pod).collect();
        let mut bench = Self {
            set,
            cluster,
            members,
            by_name: set.members.iter().map(|member| (member.name.as_str(), member)).collect(),
            names: world.pods.iter().filter_map(|pod| pod.metadata.name.clone()).collect(),
            asked_for,
            settled: places.clone(),
            score: Score::default(),
        };
        bench.settled.retain(|uid, _| on_their_way.contains(uid));
        bench.score = bench.judge(&places).score;
        bench
    }

    fn judge(&self, assignment: &BTreeMap<Uid, NodeName>) -> Judgement {
        judge(self.cluster, &self.members, assignment, self.set.settings.strategy)
    }

    /// The assignment of `answer` if it is right; else what is wrong, as the rest of a sentence about the planner.
    fn examine(&self, answer: &Answer) -> Result<Chosen, String> {
        let assignments = answer.assignments.as_ref().map_err(Clone::clone)?;
        let strangers: Vec<_> = assignments.keys().filter(|name| !self.names.contains(*name)).collect();
        if let Some(first) = strangers.first() {
            return Err(format!("names pods that are not in the set: {first}{}", others(strangers.len())));
        }
        let known = assignments
            .iter()
            .filter_map(|(name, node)| Some((self.by_name.get(name.as_str())?.uid.clone(), node.clone())));
        let mut nodes = self.settled.clone();
        nodes.extend(known);
        let judgement = self.judge(&nodes);
        if let Some(first) = judgement.problems.first() {
            return Err(format!("is wrong about {first}{}", others(judgement.problems.len())));
        }
        // A pod that came after the question cannot be blamed on the answer.
        let missing = judgement.missing.iter().filter(|pod| self.asked_for.contains(&pod.uid));
        let missing: Vec<_> = missing.map(|pod| &pod.name).collect();
        if let Some(first) = missing.first().filter(|_| judgement.score.placed < self.score.placed) {
            return Err(format!("leaves out pods for which there is room: {first}{}", others(missing.len())));
        }
        let order: Vec<_> = judgement.order.into_iter().map(|pod| pod.uid).collect();
        let places = order.iter().filter_map(|uid| nodes.remove_entry(uid)).collect();
        Ok(Chosen { planner: answer.planner.clone(), nodes: places, order, score: judgement.score })
    }
}

/// How many more there are than the first.
fn others(all: usize) -> String {
    if all > 1 { format!(" and {} more", all - 1) } else { String::new() }
}
