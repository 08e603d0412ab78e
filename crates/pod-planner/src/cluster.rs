//! What is there: nodes, and the pods that take room on them.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexSet;
use k8s_openapi::api::core::v1::{Namespace, Node, Pod};

use crate::{
    Cause, NodeName, Uid, Volumes,
    labels::Labels,
    needs::Place,
    ports::{self, HostPort},
    requests::{self, Amounts},
    taints::{self, Taint},
    terms::{self, AffinityTerm, Group, Namespaces},
};

/// The nodes with what is free on them, and all else that decides where a pod may go. It owns what it needs of the objects.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// By name.
    pub(crate) nodes: Vec<NodeFacts>,
    pub(crate) occupants: Vec<Occupant>,
    pub(crate) names: Names,
    pub(crate) volumes: Volumes,
    pub(crate) namespaces: Namespaces,
    /// The extended resources that some node has.
    pub(crate) extended: BTreeSet<String>,
}

/// What is said once, and from then on by its number.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    pub(crate) groups: IndexSet<Group>,
    /// Anti-affinity of pods that are there.
    pub(crate) terms: IndexSet<AffinityTerm>,
}

#[derive(Clone, Debug)]
pub(crate) struct NodeFacts {
    pub(crate) name: String,
    pub(crate) labels: Labels,
    pub(crate) taints: Vec<Taint>,
    pub(crate) allocatable: Amounts,
    /// The taint that stands for being cordoned, whether the node has it already or not.
    cordoned: Option<Taint>,
    /// The taint that stands for not being ready, likewise.
    unready: Option<Taint>,
    /// It is there, but not to be used: see [`Cluster::only`].
    closed: bool,
}

/// A pod that takes room on a node.
#[derive(Clone, Debug)]
pub(crate) struct Occupant {
    pub(crate) uid: Uid,
    pub(crate) node: usize,
    pub(crate) group: usize,
    pub(crate) requests: Amounts,
    pub(crate) ports: Vec<HostPort>,
    /// Its own anti-affinity.
    pub(crate) terms: Vec<usize>,
    /// It is being deleted: it takes room until it is gone, but is not spread any more.
    pub(crate) leaving: bool,
    /// It only has a reservation: nobody can rely on it being there.
    pub(crate) reserved: bool,
}

impl Cluster {
    /// Of the objects as they are.
    ///
    /// `pods` are all that are bound to a node (`spec.nodeName`) or have a reservation there (`status.nominatedNodeName`).
    /// Members of the set that is planned may be among them: they are recognised by their UID. Pods that have ended are
    /// passed over. `namespaces` are for terms with a `namespaceSelector`.
    pub fn new<'a>(
        nodes: impl IntoIterator<Item = &'a Node>,
        pods: impl IntoIterator<Item = &'a Pod>,
        volumes: &Volumes,
        namespaces: impl IntoIterator<Item = &'a Namespace>,
    ) -> Self {
        let nodes: BTreeMap<_, _> =
            nodes.into_iter().map(NodeFacts::read).map(|node| (node.name.clone(), node)).collect();
        let namespaces = namespaces.into_iter().map(|namespace| {
            (
                namespace.metadata.name.clone().unwrap_or_default(),
                namespace.metadata.labels.clone().unwrap_or_default(),
            )
        });
        let nodes: Vec<_> = nodes.into_values().collect();
        let mut cluster = Self {
            extended: nodes.iter().flat_map(|node| requests::extended(&node.allocatable)).collect(),
            nodes,
            occupants: Vec::new(),
            names: Names::default(),
            volumes: volumes.clone(),
            namespaces: namespaces.collect(),
        };
        for pod in pods {
            let Some(node) = node_of(pod).and_then(|name| cluster.node(name)) else { continue };
            if !has_ended(pod) {
                let occupant = Occupant::read(pod, node, &mut cluster.names);
                cluster.occupants.push(occupant);
            }
        }
        cluster
    }

    /// The same, with nothing placed elsewhere than on `nodes`. What is on the others counts as before.
    #[must_use]
    pub fn only(mut self, nodes: &BTreeSet<NodeName>) -> Self {
        for node in &mut self.nodes {
            node.closed = !nodes.contains(&node.name);
        }
        self
    }

    /// The number of the node of this name.
    pub(crate) fn node(&self, name: &str) -> Option<usize> {
        self.nodes.binary_search_by(|node| node.name.as_str().cmp(name)).ok()
    }
}

impl NodeFacts {
    fn read(node: &Node) -> Self {
        let spec = node.spec.as_ref();
        let status = node.status.as_ref();
        let cordoned = spec.and_then(|spec| spec.unschedulable).unwrap_or(false);
        let conditions = status.and_then(|status| status.conditions.as_ref());
        let ready = conditions.into_iter().flatten().find(|condition| condition.type_ == "Ready");
        // The same taints as the node's controller gives, but without its delay.
        let unready = match ready.map(|condition| condition.status.as_str()) {
            None | Some("True") => None,
            Some("False") => Some("node.kubernetes.io/not-ready"),
            Some(_) => Some("node.kubernetes.io/unreachable"),
        };
        let taints = spec.and_then(|spec| spec.taints.as_ref());
        Self {
            name: node.metadata.name.clone().unwrap_or_default(),
            labels: node.metadata.labels.clone().unwrap_or_default(),
            taints: taints.into_iter().flatten().filter_map(Taint::read).collect(),
            allocatable: status
                .and_then(|status| status.allocatable.as_ref())
                .map(requests::allocatable)
                .unwrap_or_default(),
            cordoned: cordoned.then(|| Taint::no_schedule("node.kubernetes.io/unschedulable")),
            unready: unready.map(Taint::no_schedule),
            closed: false,
        }
    }

    /// Why the node does not take a pod that asks for such a place, whatever pods are on it. None if it does.
    pub(crate) fn refusal(&self, place: &Place) -> Option<Cause> {
        let shut = |taint: &Option<Taint>| {
            taint.as_ref().is_some_and(|taint| !taints::tolerated(&place.tolerations, taint))
        };
        let Some(volumes) = &place.volumes else { return Some(Cause::MissingVolume) };
        if self.closed {
            return Some(Cause::NotOffered);
        }
        if shut(&self.cordoned) {
            return Some(Cause::Cordoned);
        }
        if shut(&self.unready) {
            return Some(Cause::NotReady);
        }
        if let Some(taint) = taints::untolerated(&self.taints, &place.tolerations) {
            return Some(Cause::Taint(taint.key.clone()));
        }
        if !place.nodes.holds(&self.name, &self.labels) {
            return Some(Cause::NodeAffinity);
        }
        let reached = volumes.iter().all(|volume| volume.holds(&self.name, &self.labels));
        (!reached).then_some(Cause::VolumeAffinity)
    }
}

impl Occupant {
    /// What takes room as it is. What of it cannot be read takes none: the API server accepts no such pod.
    pub(crate) fn read(pod: &Pod, node: usize, names: &mut Names) -> Self {
        let mut unread = Vec::new();
        let group = group_of(pod);
        let empty = Default::default();
        let spec = pod.spec.as_ref().unwrap_or(&empty);
        let terms = terms::anti_affinity(spec.affinity.as_ref(), &group, &mut unread);
        Self {
            uid: uid_of(pod),
            node,
            requests: requests::of(pod, &mut unread),
            ports: ports::of(spec),
            terms: terms.into_iter().map(|term| names.terms.insert_full(term).0).collect(),
            group: names.groups.insert_full(group).0,
            leaving: pod.metadata.deletion_timestamp.is_some(),
            reserved: bound_to(pod).is_none(),
        }
    }
}

/// The node that the pod is bound to.
pub(crate) fn bound_to(pod: &Pod) -> Option<&str> {
    pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).filter(|name| !name.is_empty())
}

/// The node that the pod takes room on.
fn node_of(pod: &Pod) -> Option<&str> {
    let nominated = pod.status.as_ref().and_then(|status| status.nominated_node_name.as_deref());
    bound_to(pod).or(nominated)
}

/// Whether the pod has run, and takes nothing any more.
pub(crate) fn has_ended(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

pub(crate) fn uid_of(pod: &Pod) -> Uid {
    pod.metadata.uid.clone().unwrap_or_default()
}

/// What the pod is to others' selectors.
pub(crate) fn group_of(pod: &Pod) -> Group {
    Group {
        namespace: pod.metadata.namespace.clone().unwrap_or_default(),
        labels: pod.metadata.labels.clone().unwrap_or_default(),
    }
}
