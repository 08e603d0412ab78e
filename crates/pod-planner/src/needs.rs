//! All that a pod asks of a node, compiled from its spec.

use k8s_openapi::{api::core::v1::Pod, k8s_if_ge_1_36};

use crate::{
    Cluster, Unmodelled,
    node_affinity::{self, NodeRequirement, NodeTerm},
    ports::{self, HostPort},
    requests::{self, Amounts},
    taints::Toleration,
    terms::{self, AffinityTerm, Group, SpreadTerm},
    volumes::VolumePlace,
};

/// What a pod asks. Pods with equal needs, of which the same terms of others speak, can stand in for each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Needs {
    pub(crate) requests: Amounts,
    pub(crate) ports: Vec<HostPort>,
    pub(crate) place: Place,
    pub(crate) preferred_nodes: Vec<(i64, NodeTerm)>,
    pub(crate) affinity: Vec<AffinityTerm>,
    pub(crate) anti_affinity: Vec<AffinityTerm>,
    /// Affinity that is only a wish; anti-affinity has weights below zero.
    pub(crate) preferred_pods: Vec<(i64, AffinityTerm)>,
    pub(crate) spread: Vec<SpreadTerm>,
    pub(crate) preferred_spread: Vec<SpreadTerm>,
    /// What is left out of account, each once.
    pub(crate) unmodelled: Vec<Unmodelled>,
}

/// What of it a node fulfils or not whatever pods are on it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) nodes: NodeRequirement,
    pub(crate) tolerations: Vec<Toleration>,
    /// None if a claim or its volume is missing.
    pub(crate) volumes: Option<Vec<VolumePlace>>,
}

impl Needs {
    pub(crate) fn read(pod: &Pod, group: &Group, cluster: &Cluster) -> Self {
        let mut unmodelled = Vec::new();
        let found = &mut unmodelled;
        let mut requests = requests::of(pod, found);
        requests.retain(|name, amount| {
            let of_devices = requests::may_be_of_devices(name, &cluster.extended);
            if of_devices && *amount > 0 {
                found.push(Unmodelled::Devices(name.clone()));
            }
            !of_devices
        });
        let empty = Default::default();
        let spec = pod.spec.as_ref().unwrap_or(&empty);
        let affinity = spec.affinity.as_ref();
        let (spread, preferred_spread) =
            terms::spread(spec.topology_spread_constraints.as_ref(), group, found);
        let needs = Self {
            requests,
            ports: ports::of(spec),
            place: Place {
                nodes: NodeRequirement::read(spec, found),
                tolerations: spec.tolerations.iter().flatten().filter_map(Toleration::read).collect(),
                volumes: cluster.volumes.places(pod, found),
            },
            preferred_nodes: node_affinity::preferred(spec, found),
            affinity: terms::affinity(affinity, group, found),
            anti_affinity: terms::anti_affinity(affinity, group, found),
            preferred_pods: terms::preferred(affinity, group),
            spread,
            preferred_spread,
            unmodelled: Vec::new(),
        };
        for claim in spec.resource_claims.iter().flatten() {
            unmodelled.push(Unmodelled::DynamicResources(claim.name.clone()));
        }
        let unpinned = needs.spread.iter().filter(|term| term.forbids_pins());
        unmodelled.extend(unpinned.map(|term| Unmodelled::MinDomains(term.key.clone())));
        k8s_if_ge_1_36! {
            if spec.scheduling_group.is_some() {
                unmodelled.push(Unmodelled::SchedulingGroup);
            }
        }
        unmodelled.sort_unstable();
        unmodelled.dedup();
        Self { unmodelled, ..needs }
    }
}
