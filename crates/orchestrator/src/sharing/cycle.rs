//! Resources that need themselves through params of several Workloads.

use std::collections::{BTreeMap, BTreeSet};

use api_types::Workload;
use kube::ResourceExt as _;
use score_spec::{order::needed_by, validate::FieldError};

use super::{Shared, age, claim_of};

/// What `workload` defines and what needs itself through resources of other Workloads, unless a younger one of those
/// can break the cycle: the youngest is to blame.
pub fn cycles(workload: &Workload, shared: &BTreeMap<String, Shared>) -> Vec<FieldError> {
    let graph = Graph { shared };
    let nodes: BTreeSet<Node<'_>> =
        workload.spec.resources.keys().filter_map(|key| graph.node(workload, key)).collect();
    let mine = nodes.into_iter().filter(|node| node.is_of(workload));
    mine.filter_map(|node| Some(error(node.key, &graph.others_to_blame(workload, node)?))).collect()
}

fn error(key: &str, others: &[String]) -> FieldError {
    let others: Vec<_> = others.iter().map(|name| format!("`{name}`")).collect();
    let message = format!(
        "a cycle exists involving resource param placeholders, through what is shared with Workload {}: remove one of \
         these placeholders",
        others.join(", ")
    );
    FieldError { path: format!("spec.resources.{key}.params"), message }
}

/// Which resource needs which, beyond the bounds of one Workload.
struct Graph<'a> {
    shared: &'a BTreeMap<String, Shared>,
}

/// A resource, by the declaration that defines it.
#[derive(Clone, Copy)]
struct Node<'a> {
    workload: &'a Workload,
    key: &'a str,
}

impl Node<'_> {
    fn is_of(&self, workload: &Workload) -> bool {
        self.workload.name_any() == workload.name_any()
    }

    fn id(&self) -> (Option<&str>, &str) {
        (self.workload.metadata.name.as_deref(), self.key)
    }
}

impl PartialEq for Node<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl Eq for Node<'_> {}

impl PartialOrd for Node<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Node<'_> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.id().cmp(&other.id())
    }
}

impl<'a> Graph<'a> {
    /// The resource that `workload` declares under `key`.
    fn node(&self, workload: &'a Workload, key: &str) -> Option<Node<'a>> {
        let (key, resource) = workload.spec.resources.get_key_value(key)?;
        let shared = claim_of(resource).and_then(|name| self.shared.get(&name)).and_then(Shared::definition);
        Some(match shared {
            Some(definition) => Node { workload: definition.workload, key: definition.key },
            None => Node { workload, key },
        })
    }

    /// All that `start` needs, directly or not; itself only if it is in a cycle.
    fn needed(&self, start: Node<'a>) -> BTreeSet<Node<'a>> {
        let (mut open, mut found) = (vec![start], BTreeSet::new());
        while let Some(node) = open.pop() {
            let needed = node.workload.spec.resources.get(node.key).map(needed_by).unwrap_or_default();
            let needed = needed.iter().filter_map(|key| self.node(node.workload, key));
            open.extend(needed.filter(|needed| found.insert(*needed)));
        }
        found
    }

    /// The other Workloads of the cycle that `node` is in, if there is one and `workload` is the youngest of them all.
    fn others_to_blame(&self, workload: &Workload, node: Node<'a>) -> Option<Vec<String>> {
        let needed = self.needed(node);
        if !needed.contains(&node) {
            return None;
        }
        let cycle = needed.into_iter().filter(|other| self.needed(*other).contains(&node));
        let others: BTreeMap<_, _> = cycle
            .filter(|other| !other.is_of(workload))
            .map(|other| (other.workload.name_any(), age(other.workload)))
            .collect();
        let is_youngest = others.values().all(|other| *other < age(workload));
        (!others.is_empty() && is_youngest).then(|| others.into_keys().collect())
    }
}
