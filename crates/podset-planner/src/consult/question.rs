//! What planners are asked. Pure, but for reading caches.

use std::{
    collections::BTreeSet,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use planner_api::SchedulePlanRequest;
use pod_planner::{Uid, eligible};

use super::Target;
use crate::{
    caches::Caches,
    dereference::{occupants, survey},
    digest::of_node,
    pods::{node_of, nominated},
    validate::PodSet,
};

/// What is asked, of whom, and under which circumstances: two that are equal have the same answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Question {
    pub(super) targets: Vec<Target>,
    pub(super) request: SchedulePlanRequest,
    /// Who waits for a node.
    pub(super) members: BTreeSet<Uid>,
    /// A digest of what else the answer may depend on.
    circumstances: u64,
}

impl Question {
    /// Where the held members of `set` are to go. None if there is no node for any: who is asked for none of them would
    /// take that for all.
    pub(super) fn new(caches: &Caches, set: &PodSet, targets: Vec<Target>) -> Option<Self> {
        let held: Vec<&Pod> = set.held().map(|member| &*member.pod).collect();
        let eligible_nodes = eligible(&survey(caches), &held);
        if eligible_nodes.is_empty() {
            return None;
        }
        let request = SchedulePlanRequest {
            namespace: set.namespace.clone(),
            pod_set: set.name.clone(),
            scheduled_pod: set.held().next()?.name.clone(),
            eligible_nodes,
        };
        let members = set.held().map(|member| member.uid.clone()).collect();
        Some(Self { targets, request, members, circumstances: circumstances(caches) })
    }
}

/// What there is, and who takes room where. That a pod was bound where it had room reserved changes nothing, nor does a
/// node's heartbeat.
fn circumstances(caches: &Caches) -> u64 {
    let mut digest = DefaultHasher::new();
    for node in caches.stores.nodes.list_all(|_| true) {
        of_node(&node).hash(&mut digest);
    }
    for pod in occupants(caches) {
        (pod.uid(), node_of(&pod).or_else(|| nominated(&pod))).hash(&mut digest);
    }
    digest.finish()
}
