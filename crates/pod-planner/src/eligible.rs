//! Which nodes there are for a set at all.

use k8s_openapi::api::core::v1::Pod;

use crate::{Cluster, NodeName, class::Class, problem::Problem};

/// The nodes that take at least one of `members` that has none, as things are; by name. A node that is refused only
/// until other members are placed (pod affinity, topology spread) is one of them.
pub fn eligible(cluster: &Cluster, members: &[&Pod]) -> Vec<NodeName> {
    let problem = Problem::new(cluster, members);
    let takes = |class: &Class, node: usize| {
        class.nodes.binary_search(&node).is_ok()
            && problem.block(&problem.base, class, node).is_none_or(|block| !block.lasts())
    };
    let nodes = problem.nodes.iter().enumerate();
    let eligible = nodes.filter(|(node, _)| problem.classes.iter().any(|class| takes(class, *node)));
    eligible.map(|(_, facts)| facts.name.clone()).collect()
}
