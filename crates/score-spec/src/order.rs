//! What comes before what: resources by the placeholders in their params, containers by `before` (Score, "Resource
//! references" and `containers.*.before`).

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use api_types::Resource;
use serde_json::Value;

use crate::placeholder::Template;

/// The names of the resources that a resource's params refer to, whether or not the Workload declares them.
pub fn needed_by(resource: &Resource) -> BTreeSet<String> {
    let mut texts = Vec::new();
    resource
        .params
        .iter()
        .flat_map(|params| params.0.values())
        .for_each(|value| collect_texts(value, &mut texts));
    let named = |template: Template| -> Vec<String> {
        let references = template.references().filter(|reference| reference.keys[0] == "resources");
        references.filter_map(|reference| reference.keys.get(1).cloned()).collect()
    };
    texts.into_iter().map(Template::parse).flat_map(named).collect()
}

fn collect_texts<'v>(value: &'v Value, texts: &mut Vec<&'v str>) {
    match value {
        Value::String(text) => texts.push(text),
        Value::Array(list) => list.iter().for_each(|value| collect_texts(value, texts)),
        Value::Object(map) => map.values().for_each(|value| collect_texts(value, texts)),
        _ => {}
    }
}

/// A chain of nodes that each need the next, and the last of which needs the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cycle<N>(pub Vec<N>);

impl<N: fmt::Display> fmt::Display for Cycle<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for node in &self.0 {
            write!(f, "{node} → ")?;
        }
        self.0.first().map_or(Ok(()), |first| write!(f, "{first}"))
    }
}

/// The nodes of the graph (each with the nodes that it needs) so that every node comes after what it needs, and in
/// alphabetical order where that leaves a choice. What is needed but is no node itself counts as there.
///
/// # Errors
/// One cycle, if there is any.
pub fn needed_first<N: Ord + Clone>(needs: &BTreeMap<N, BTreeSet<N>>) -> Result<Vec<N>, Cycle<N>> {
    let mut waiting: BTreeMap<&N, BTreeSet<&N>> = needs
        .iter()
        .map(|(node, needed)| (node, needed.iter().filter(|n| needs.contains_key(n)).collect()))
        .collect();
    let mut order = Vec::with_capacity(needs.len());
    while let Some(next) = waiting.iter().find(|(_, needed)| needed.is_empty()).map(|(&node, _)| node) {
        waiting.remove(next);
        waiting.values_mut().for_each(|needed| {
            needed.remove(next);
        });
        order.push(next.clone());
    }
    match cycle_in(&waiting) {
        None => Ok(order),
        Some(cycle) => Err(cycle),
    }
}

/// A cycle in a graph in which every node needs at least one other; none if the graph is empty.
fn cycle_in<N: Ord + Clone>(waiting: &BTreeMap<&N, BTreeSet<&N>>) -> Option<Cycle<N>> {
    let mut chain: Vec<&N> = Vec::new();
    let mut node = *waiting.keys().next()?;
    loop {
        if let Some(start) = chain.iter().position(|&seen| seen == node) {
            return Some(Cycle(chain[start..].iter().map(|&node| node.clone()).collect()));
        }
        chain.push(node);
        node = *waiting.get(node)?.first()?;
    }
}
