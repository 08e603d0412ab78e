//! Which nodes a pod asks for by itself: `nodeSelector` and node affinity.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{NodeSelector, NodeSelectorTerm, PodSpec};

use crate::{
    Unmodelled,
    labels::{Labels, Requirement, Test},
};

/// What a pod requires of a node's name and labels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct NodeRequirement {
    selector: Vec<(String, String)>,
    terms: NodeTerms,
}

/// A `NodeSelector`: one of its terms must hold. One that is not there asks nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct NodeTerms(Option<Vec<NodeTerm>>);

/// A `NodeSelectorTerm`: all of it must hold. An empty one matches nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct NodeTerm {
    labels: Vec<Requirement>,
    /// Of `metadata.name`, which is the only field there is.
    names: Vec<Test>,
}

impl NodeTerm {
    pub(crate) fn read(term: &NodeSelectorTerm, unmodelled: &mut Vec<Unmodelled>) -> Self {
        let (mut labels, mut names) = (Vec::new(), Vec::new());
        let unknown = |key: &str, operator: &str| Unmodelled::NodeAffinity(format!("{key} {operator}"));
        for expression in term.match_expressions.iter().flatten() {
            match Test::read(&expression.operator, expression.values.as_ref()) {
                Some(test) => labels.push(Requirement { key: expression.key.clone(), test }),
                None => unmodelled.push(unknown(&expression.key, &expression.operator)),
            }
        }
        for field in term.match_fields.iter().flatten() {
            match Test::read(&field.operator, field.values.as_ref()) {
                Some(test @ (Test::In(_) | Test::NotIn(_))) if field.key == "metadata.name" => {
                    names.push(test)
                }
                _ => unmodelled.push(unknown(&field.key, &field.operator)),
            }
        }
        Self { labels, names }
    }

    pub(crate) fn holds(&self, name: &str, labels: &Labels) -> bool {
        !(self.labels.is_empty() && self.names.is_empty())
            && self.names.iter().all(|test| test.holds(Some(name)))
            && self.labels.iter().all(|requirement| requirement.holds(labels))
    }

    /// The names of the nodes that can match at all, if the term names them.
    fn named(&self) -> Option<&[String]> {
        self.names
            .iter()
            .find_map(|test| if let Test::In(names) = test { Some(names.as_slice()) } else { None })
    }
}

impl NodeTerms {
    pub(crate) fn read(selector: Option<&NodeSelector>, unmodelled: &mut Vec<Unmodelled>) -> Self {
        let read = |term| NodeTerm::read(term, unmodelled);
        Self(selector.map(|selector| selector.node_selector_terms.iter().map(read).collect()))
    }

    pub(crate) fn holds(&self, name: &str, labels: &Labels) -> bool {
        self.0.as_ref().is_none_or(|terms| terms.iter().any(|term| term.holds(name, labels)))
    }

    fn named(&self) -> Option<BTreeSet<&str>> {
        let named = self.0.as_ref()?.iter().map(NodeTerm::named).collect::<Option<Vec<_>>>()?;
        Some(named.into_iter().flatten().map(String::as_str).collect())
    }
}

impl NodeRequirement {
    pub(crate) fn read(spec: &PodSpec, unmodelled: &mut Vec<Unmodelled>) -> Self {
        let selector =
            spec.node_selector.iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect();
        let affinity = spec.affinity.as_ref().and_then(|affinity| affinity.node_affinity.as_ref());
        let required =
            affinity.and_then(|node| node.required_during_scheduling_ignored_during_execution.as_ref());
        Self { selector, terms: NodeTerms::read(required, unmodelled) }
    }

    pub(crate) fn holds(&self, name: &str, labels: &Labels) -> bool {
        self.selector.iter().all(|(key, value)| labels.get(key) == Some(value))
            && self.terms.holds(name, labels)
    }

    /// The names of the nodes that can match at all, if the pod names them: a pinned pod is not looked for on every node.
    pub(crate) fn named(&self) -> Option<BTreeSet<&str>> {
        self.terms.named()
    }
}

/// The terms of preferred node affinity with their weights.
pub(crate) fn preferred(spec: &PodSpec, unmodelled: &mut Vec<Unmodelled>) -> Vec<(i64, NodeTerm)> {
    let affinity = spec.affinity.as_ref().and_then(|affinity| affinity.node_affinity.as_ref());
    let preferred =
        affinity.and_then(|node| node.preferred_during_scheduling_ignored_during_execution.as_ref());
    let terms = preferred.into_iter().flatten();
    terms.map(|term| (term.weight.into(), NodeTerm::read(&term.preference, unmodelled))).collect()
}
