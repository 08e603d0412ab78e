//! What pods ask of each other: affinity, anti-affinity and topology spread, compiled.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{
    Affinity, PodAffinityTerm, TopologySpreadConstraint, WeightedPodAffinityTerm,
};

use crate::{
    Unmodelled,
    labels::{Labels, Selector},
};

/// The labels of each namespace.
pub(crate) type Namespaces = BTreeMap<String, Labels>;

/// What a pod is to others' selectors: all pods of one group are selected by the same terms.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Group {
    pub(crate) namespace: String,
    pub(crate) labels: Labels,
}

/// Which pods a term speaks of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Matcher {
    namespaces: BTreeSet<String>,
    /// Those whose labels it selects, besides.
    namespace_selector: Selector,
    pods: Selector,
}

impl Matcher {
    /// Pods of one namespace.
    fn within(namespace: &str, pods: Selector) -> Option<Self> {
        let namespaces = BTreeSet::from([namespace.to_owned()]);
        Some(Self { namespaces, namespace_selector: Selector::read(None)?, pods })
    }

    pub(crate) fn selects(&self, group: &Group, namespaces: &Namespaces) -> bool {
        let of_namespace = || {
            let none = Labels::new();
            self.namespace_selector.selects(namespaces.get(&group.namespace).unwrap_or(&none))
        };
        self.pods.selects(&group.labels) && (self.namespaces.contains(&group.namespace) || of_namespace())
    }
}

/// A term of pod affinity or anti-affinity.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct AffinityTerm {
    /// The label whose value says which nodes are one place.
    pub(crate) key: String,
    pub(crate) matcher: Matcher,
}

impl AffinityTerm {
    fn read(term: &PodAffinityTerm, of: &Group) -> Option<Self> {
        let pods = Selector::read(term.label_selector.as_ref())?
            .with_keys(term.match_label_keys.as_ref(), &of.labels, true)
            .with_keys(term.mismatch_label_keys.as_ref(), &of.labels, false);
        let namespace_selector = Selector::read(term.namespace_selector.as_ref())?;
        let mut namespaces: BTreeSet<_> = term.namespaces.iter().flatten().cloned().collect();
        if namespaces.is_empty() && term.namespace_selector.is_none() {
            namespaces.insert(of.namespace.clone());
        }
        Some(Self {
            key: term.topology_key.clone(),
            matcher: Matcher { namespaces, namespace_selector, pods },
        })
    }
}

fn read_all(
    terms: Option<&Vec<PodAffinityTerm>>,
    of: &Group,
    unmodelled: &mut Vec<Unmodelled>,
) -> Vec<AffinityTerm> {
    let read = |term: &PodAffinityTerm| {
        let read = AffinityTerm::read(term, of);
        if read.is_none() {
            unmodelled.push(Unmodelled::Selector(term.topology_key.clone()));
        }
        read
    };
    terms.into_iter().flatten().filter_map(read).collect()
}

/// Required pod affinity: all of it must hold.
pub(crate) fn affinity(
    from: Option<&Affinity>,
    of: &Group,
    unmodelled: &mut Vec<Unmodelled>,
) -> Vec<AffinityTerm> {
    let pods = from.and_then(|affinity| affinity.pod_affinity.as_ref());
    read_all(
        pods.and_then(|pods| pods.required_during_scheduling_ignored_during_execution.as_ref()),
        of,
        unmodelled,
    )
}

/// Required pod anti-affinity.
pub(crate) fn anti_affinity(
    from: Option<&Affinity>,
    of: &Group,
    unmodelled: &mut Vec<Unmodelled>,
) -> Vec<AffinityTerm> {
    let pods = from.and_then(|affinity| affinity.pod_anti_affinity.as_ref());
    read_all(
        pods.and_then(|pods| pods.required_during_scheduling_ignored_during_execution.as_ref()),
        of,
        unmodelled,
    )
}

/// Preferred pod affinity and, with weights below zero, anti-affinity. What cannot be read is no wish.
pub(crate) fn preferred(from: Option<&Affinity>, of: &Group) -> Vec<(i64, AffinityTerm)> {
    let near = from.and_then(|affinity| affinity.pod_affinity.as_ref());
    let near = near.and_then(|pods| pods.preferred_during_scheduling_ignored_during_execution.as_ref());
    let far = from.and_then(|affinity| affinity.pod_anti_affinity.as_ref());
    let far = far.and_then(|pods| pods.preferred_during_scheduling_ignored_during_execution.as_ref());
    let read = |term: &WeightedPodAffinityTerm, sign: i64| {
        Some((sign * i64::from(term.weight), AffinityTerm::read(&term.pod_affinity_term, of)?))
    };
    let near = near.into_iter().flatten().filter_map(|term| read(term, 1));
    near.chain(far.into_iter().flatten().filter_map(|term| read(term, -1))).collect()
}

/// A topology spread constraint.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SpreadTerm {
    pub(crate) key: String,
    pub(crate) matcher: Matcher,
    pub(crate) max_skew: i64,
    /// With fewer places than this, the emptiest one counts as empty.
    pub(crate) min_domains: i64,
    /// Only nodes that the pod's node selector and affinity allow are counted.
    pub(crate) honors_affinity: bool,
    /// Only nodes whose taints the pod tolerates are counted.
    pub(crate) honors_taints: bool,
}

impl SpreadTerm {
    /// Whether the pod must not be pinned for its sake: it would count the one place where it is pinned to, which are
    /// fewer than it wants, and be refused as soon as there is another pod.
    pub(crate) fn forbids_pins(&self) -> bool {
        self.honors_affinity && self.min_domains > 1
    }

    fn read(constraint: &TopologySpreadConstraint, of: &Group) -> Option<Self> {
        let pods = Selector::read(constraint.label_selector.as_ref())?
            .with_keys(constraint.match_label_keys.as_ref(), &of.labels, true)
            .unless_empty();
        let honors = |policy: &Option<String>, default: bool| match policy.as_deref() {
            None => Some(default),
            Some("Honor") => Some(true),
            Some("Ignore") => Some(false),
            Some(_) => None,
        };
        Some(Self {
            key: constraint.topology_key.clone(),
            matcher: Matcher::within(&of.namespace, pods)?,
            max_skew: constraint.max_skew.max(1).into(),
            min_domains: constraint.min_domains.unwrap_or(1).into(),
            honors_affinity: honors(&constraint.node_affinity_policy, true)?,
            honors_taints: honors(&constraint.node_taints_policy, false)?,
        })
    }
}

/// Topology spread constraints: those that must hold, and those that are wishes.
pub(crate) fn spread(
    constraints: Option<&Vec<TopologySpreadConstraint>>,
    of: &Group,
    unmodelled: &mut Vec<Unmodelled>,
) -> (Vec<SpreadTerm>, Vec<SpreadTerm>) {
    let (mut hard, mut soft) = (Vec::new(), Vec::new());
    for constraint in constraints.into_iter().flatten() {
        match (SpreadTerm::read(constraint, of), constraint.when_unsatisfiable.as_str()) {
            (Some(term), "DoNotSchedule") => hard.push(term),
            (Some(term), "ScheduleAnyway") => soft.push(term),
            _ => unmodelled.push(Unmodelled::Spread(constraint.topology_key.clone())),
        }
    }
    (hard, soft)
}
