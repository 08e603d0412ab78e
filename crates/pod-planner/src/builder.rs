//! From needs to classes: everything that is said several times gets a number, and is found out once.

use std::{collections::HashMap, sync::Arc};

use indexmap::{IndexMap, IndexSet};

use crate::{
    Cluster,
    class::{Class, SpreadRule},
    cluster::{NodeFacts, Occupant},
    needs::{Needs, Place},
    node_affinity::{NodeRequirement, NodeTerm},
    ports::HostPort,
    problem::{Member, Problem},
    state::State,
    taints::{self, Toleration},
    tally::{NOWHERE, Tally, TallySpec},
    terms::{AffinityTerm, Group, SpreadTerm},
};

/// What distinguishes classes: what is asked, which tallies count the pod, and which ones shun it.
type ClassKey = (Needs, Vec<usize>, Vec<usize>);

/// What distinguishes the nodes that topology spread constraints count.
type Counted = (String, Vec<String>, Option<NodeRequirement>, Option<Vec<Toleration>>);

/// What distinguishes how much nodes are liked for themselves: preferred nodes, and tolerations.
type Liking = (Vec<(i64, NodeTerm)>, Vec<Toleration>);

pub(crate) struct Builder<'a> {
    cluster: &'a Cluster,
    resources: IndexSet<String>,
    ports: IndexSet<HostPort>,
    tallies: IndexSet<TallySpec>,
    topologies: HashMap<String, Topology>,
    nodes: HashMap<Place, Arc<Vec<usize>>>,
    wishes: HashMap<Liking, Arc<Vec<i64>>>,
    classes: IndexMap<ClassKey, Class>,
}

/// The place of each node by one label.
struct Topology {
    places: Arc<Vec<usize>>,
    count: usize,
}

impl Topology {
    fn new(key: &str, nodes: &[NodeFacts]) -> Self {
        let mut values = IndexSet::new();
        let place = |node: &NodeFacts| {
            node.labels.get(key).map_or(NOWHERE, |value| values.insert_full(value.clone()).0)
        };
        let places = Arc::new(nodes.iter().map(place).collect());
        Self { places, count: values.len() }
    }
}

fn selected(term: &AffinityTerm) -> TallySpec {
    TallySpec::Selected { key: term.key.clone(), matchers: vec![term.matcher.clone()], surely: false }
}

/// A tally for each term, of the pods that all terms select.
fn company(needs: &Needs) -> Vec<TallySpec> {
    let matchers: Vec<_> = needs.affinity.iter().map(|term| term.matcher.clone()).collect();
    let tally = |term: &AffinityTerm| TallySpec::Selected {
        key: term.key.clone(),
        matchers: matchers.clone(),
        surely: true,
    };
    needs.affinity.iter().map(tally).collect()
}

/// What a topology spread constraint counts; `together` are those that hold together with it.
fn spread(term: &SpreadTerm, together: &[SpreadTerm], place: &Place) -> TallySpec {
    TallySpec::Spread {
        key: term.key.clone(),
        matcher: term.matcher.clone(),
        keys: together.iter().map(|term| term.key.clone()).collect(),
        nodes: term.honors_affinity.then(|| place.nodes.clone()),
        tolerations: term.honors_taints.then(|| place.tolerations.clone()),
    }
}

fn specs(needs: &Needs) -> Vec<TallySpec> {
    let mut specs = company(needs);
    specs.extend(needs.anti_affinity.iter().map(selected));
    specs.extend(needs.preferred_pods.iter().map(|(_, term)| selected(term)));
    for terms in [&needs.spread, &needs.preferred_spread] {
        let counted = terms.iter().filter(|term| !is_always_even(term, &needs.place));
        specs.extend(counted.map(|term| spread(term, terms, &needs.place)));
    }
    specs
}

/// Whether a constraint counts the one node that the pod names, as pinned pods do, and no other: its fewest are then
/// those that are there, and one more is never too many. Without this each pinned pod would have a tally of its own.
fn is_always_even(term: &SpreadTerm, place: &Place) -> bool {
    term.honors_affinity && term.min_domains <= 1 && place.nodes.named().is_some_and(|names| names.len() == 1)
}

impl<'a> Builder<'a> {
    /// `terms` are the anti-affinity of pods that are there, `kinds` what members are and ask.
    pub(crate) fn new(
        cluster: &'a Cluster,
        terms: &IndexSet<AffinityTerm>,
        kinds: &IndexSet<(Needs, Group)>,
    ) -> Self {
        let offered = cluster.nodes.iter().flat_map(|node| node.allocatable.keys());
        let asked = kinds.iter().flat_map(|(needs, _)| needs.requests.keys());
        let mut resources: IndexSet<String> = offered.chain(asked).cloned().collect();
        resources.sort_unstable();
        let mut tallies: IndexSet<_> = kinds.iter().flat_map(|(needs, _)| specs(needs)).collect();
        let own = kinds.iter().flat_map(|(needs, _)| &needs.anti_affinity);
        let groups: IndexSet<_> = kinds.iter().map(|(_, group)| group).collect();
        let concerns = |term: &&AffinityTerm| {
            groups.iter().any(|group| term.matcher.selects(group, &cluster.namespaces))
        };
        tallies.extend(terms.iter().chain(own).filter(concerns).map(|term| TallySpec::Having(term.clone())));
        let mut topologies = HashMap::new();
        let spread = kinds.iter().flat_map(|(needs, _)| needs.spread.iter().map(|term| term.key.as_str()));
        for key in tallies.iter().map(TallySpec::key).chain(spread) {
            topologies.entry(key.to_owned()).or_insert_with(|| Topology::new(key, &cluster.nodes));
        }
        Self {
            cluster,
            resources,
            ports: IndexSet::new(),
            tallies,
            topologies,
            nodes: HashMap::new(),
            wishes: HashMap::new(),
            classes: IndexMap::new(),
        }
    }

    /// The number of the class for such pods.
    pub(crate) fn class(&mut self, needs: &Needs, group: &Group) -> usize {
        let namespaces = &self.cluster.namespaces;
        let (mut counted_in, mut shunned) = (Vec::new(), Vec::new());
        for (number, tally) in self.tallies.iter().enumerate() {
            let has = matches!(tally, TallySpec::Having(term) if needs.anti_affinity.contains(term));
            if has || tally.selects(group, namespaces) {
                counted_in.push(number);
            }
            if matches!(tally, TallySpec::Having(term) if term.matcher.selects(group, namespaces)) {
                shunned.push(number);
            }
        }
        let key = (needs.clone(), counted_in, shunned);
        if let Some(number) = self.classes.get_index_of(&key) {
            return number;
        }
        let class = self.new_class(&key);
        self.classes.insert_full(key, class).0
    }

    fn new_class(&mut self, (needs, counted_in, shunned): &ClassKey) -> Class {
        let (nodes, wishes) = (self.nodes_for(&needs.place), self.wishes_of(needs));
        let ports = needs.ports.iter().map(|port| self.ports.insert_full(port.clone()).0).collect();
        let number = |spec: TallySpec| self.tallies.get_index_of(&spec);
        let affinity: Vec<_> = company(needs).into_iter().filter_map(number).collect();
        let apart = needs.anti_affinity.iter().filter_map(|term| number(selected(term))).collect();
        let near = |(weight, term): &(i64, AffinityTerm)| Some((number(selected(term))?, *weight));
        let even = |term: &SpreadTerm| {
            Some((number(spread(term, &needs.preferred_spread, &needs.place))?, term.max_skew))
        };
        let requests = needs.requests.iter().filter(|(_, amount)| **amount > 0);
        let requests =
            requests.filter_map(|(name, amount)| Some((self.resources.get_index_of(name)?, *amount)));
        Class {
            requests: requests.collect(),
            ports,
            place: Arc::new(needs.place.clone()),
            nodes,
            wishes,
            is_own_company: affinity.first().is_some_and(|first| counted_in.contains(first)),
            affinity,
            apart,
            shunned: shunned.clone(),
            spread: needs.spread.iter().filter_map(|term| self.rule(term, needs, counted_in)).collect(),
            near: needs.preferred_pods.iter().filter_map(near).collect(),
            even: needs.preferred_spread.iter().filter_map(even).collect(),
            counted_in: counted_in.clone(),
            unmodelled: needs.unmodelled.clone(),
            in_turn: false,
            hardness: 0,
        }
    }

    fn rule(&self, term: &SpreadTerm, needs: &Needs, counted_in: &[usize]) -> Option<SpreadRule> {
        let counted = !is_always_even(term, &needs.place);
        let tally = || self.tallies.get_index_of(&spread(term, &needs.spread, &needs.place));
        let tally = if counted { Some(tally()?) } else { None };
        Some(SpreadRule {
            tally,
            places: Arc::clone(&self.topologies.get(&term.key)?.places),
            max_skew: term.max_skew,
            min_domains: term.min_domains,
            own: tally.map_or(0, |tally| i64::from(counted_in.contains(&tally))),
            key: term.key.clone(),
        })
    }

    /// The nodes that such a place may be on.
    fn nodes_for(&mut self, place: &Place) -> Arc<Vec<usize>> {
        if let Some(nodes) = self.nodes.get(place) {
            return Arc::clone(nodes);
        }
        let cluster = self.cluster;
        let takes =
            |node: &usize| cluster.nodes.get(*node).is_some_and(|facts| facts.refusal(place).is_none());
        let nodes: Vec<_> = match place.nodes.named() {
            Some(names) => names.into_iter().filter_map(|name| cluster.node(name)).filter(takes).collect(),
            None => (0..cluster.nodes.len()).filter(takes).collect(),
        };
        let nodes = Arc::new(nodes);
        self.nodes.insert(place.clone(), Arc::clone(&nodes));
        nodes
    }

    /// How much each node is liked for itself: preferred node affinity, less taints that only ask to be avoided.
    fn wishes_of(&mut self, needs: &Needs) -> Arc<Vec<i64>> {
        const AVOIDED: i64 = 100; // as the greatest weight of a wish
        let key = (needs.preferred_nodes.clone(), needs.place.tolerations.clone());
        if let Some(wishes) = self.wishes.get(&key) {
            return Arc::clone(wishes);
        }
        let wish = |node: &NodeFacts| {
            let liked = key.0.iter().filter(|(_, term)| term.holds(&node.name, &node.labels));
            let liked: i64 = liked.map(|(weight, _)| weight).sum();
            let avoided =
                |taint: &&taints::Taint| !taint.effect.is_hard() && !taints::tolerated(&key.1, taint);
            node.taints.iter().filter(avoided).fold(liked, |wish, _| wish.saturating_sub(AVOIDED))
        };
        let mut wishes: Vec<_> = self.cluster.nodes.iter().map(wish).collect();
        if wishes.iter().all(|wish| *wish == 0) {
            wishes = Vec::new();
        }
        let wishes = Arc::new(wishes);
        self.wishes.insert(key, Arc::clone(&wishes));
        wishes
    }

    pub(crate) fn finish(
        self,
        members: Vec<Member>,
        occupants: &[&Occupant],
        groups: &IndexSet<Group>,
        terms: &IndexSet<AffinityTerm>,
    ) -> Problem<'a> {
        let nodes = &self.cluster.nodes;
        let offer = |node: &'a NodeFacts| {
            self.resources.iter().map(|name| node.allocatable.get(name).copied().unwrap_or(0))
        };
        let allocatable: Vec<i64> = nodes.iter().flat_map(offer).collect();
        let tallies = self.tallies(occupants, groups, terms);
        let mut ports = self.ports;
        let mut base = State::new(allocatable.clone(), self.resources.len(), nodes.len(), tallies);
        for occupant in occupants {
            for (name, amount) in &occupant.requests {
                if let Some(resource) = self.resources.get_index_of(name) {
                    base.take(occupant.node, resource, *amount);
                }
            }
            for port in &occupant.ports {
                base.take_port(occupant.node, ports.insert_full(port.clone()).0);
            }
        }
        let mut problem = Problem {
            nodes,
            members,
            classes: self.classes.into_values().collect(),
            resources: self.resources.into_iter().collect(),
            ports: ports.into_iter().collect(),
            allocatable,
            base,
        };
        problem.weigh();
        problem
    }

    /// The tallies with the pods that are there.
    fn tallies(
        &self,
        occupants: &[&Occupant],
        groups: &IndexSet<Group>,
        terms: &IndexSet<AffinityTerm>,
    ) -> Vec<Tally> {
        let mut counted = HashMap::new();
        let tally = |spec: &TallySpec| {
            let (places, count) = self.places(spec, &mut counted);
            let mut tally = Tally::new(places, count, matches!(spec, TallySpec::Spread { .. }));
            let selects = |group| spec.selects(group, &self.cluster.namespaces);
            let selected: Vec<_> = groups.iter().map(selects).collect();
            let term = if let TallySpec::Having(term) = spec { terms.get_index_of(term) } else { None };
            for occupant in occupants {
                let is_selected = selected.get(occupant.group).copied().unwrap_or(false);
                let has = term.is_some_and(|term| occupant.terms.contains(&term));
                if (is_selected || has) && spec.counts(occupant.leaving, occupant.reserved) {
                    tally.add(occupant.node);
                }
            }
            tally
        };
        self.tallies.iter().map(tally).collect()
    }

    /// The place of each node that the tally counts, and how many places there are.
    fn places(
        &self,
        spec: &TallySpec,
        counted: &mut HashMap<Counted, Arc<Vec<usize>>>,
    ) -> (Arc<Vec<usize>>, usize) {
        let Some(topology) = self.topologies.get(spec.key()) else { return (Arc::default(), 0) };
        let TallySpec::Spread { key, keys, nodes, tolerations, .. } = spec else {
            return (Arc::clone(&topology.places), topology.count);
        };
        let places = counted.entry((key.clone(), keys.clone(), nodes.clone(), tolerations.clone()));
        let places = places.or_insert_with(|| {
            let includes = |node: &NodeFacts| {
                let tolerated = |by: &[Toleration]| taints::untolerated(&node.taints, by).is_none();
                spec.includes(&node.name, &node.labels, tolerated)
            };
            let place = |(place, node): (&usize, &NodeFacts)| if includes(node) { *place } else { NOWHERE };
            Arc::new(topology.places.iter().zip(&self.cluster.nodes).map(place).collect())
        });
        (Arc::clone(places), topology.count)
    }
}
