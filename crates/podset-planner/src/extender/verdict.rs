//! Where a pod may go, by its label and its ticket. Pure.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use podset_types::{Enforcement, Ticket};

use super::wire::ExtenderFilterResult;
use crate::{pods::set_of, resolve::HELD};

/// What is said of the nodes that a pod is not planned for.
const ELSEWHERE: &str = "planned for another node";

/// Where a pod may go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Anywhere: it is of no set.
    Anywhere,
    /// Nowhere: it is held.
    Nowhere,
    /// To this node alone.
    Only(String),
    /// To this node, and anywhere if that is not among those that it could go to.
    Rather(String),
}

/// Where the pod with this metadata may go.
pub fn verdict(metadata: &ObjectMeta) -> Verdict {
    if metadata.labels.as_ref().and_then(set_of).is_none() {
        return Verdict::Anywhere;
    }
    match Ticket::of(metadata) {
        None => Verdict::Nowhere,
        Some(Ticket { node, enforcement: Enforcement::Pin, .. }) => Verdict::Only(node),
        Some(Ticket { node, enforcement: Enforcement::Nominate, .. }) => Verdict::Rather(node),
    }
}

impl Verdict {
    /// Those of `offered`, each of which is about the node that `node_of` says, which are about nodes where the pod may go.
    pub fn keep<T, C: IntoIterator<Item = T> + FromIterator<T>>(
        &self,
        offered: C,
        node_of: impl Fn(&T) -> &String,
    ) -> C {
        let offered: Vec<T> = offered.into_iter().collect();
        let has = |wanted: &String| offered.iter().any(|one| node_of(one) == wanted);
        let wanted = match self {
            Self::Anywhere => return offered.into_iter().collect(),
            Self::Rather(node) if !has(node) => return offered.into_iter().collect(),
            Self::Nowhere => None,
            Self::Only(node) | Self::Rather(node) => Some(node),
        };
        offered.into_iter().filter(|one| Some(node_of(one)) == wanted).collect()
    }
}

/// The answer to a scheduler that offers `nodes`; `why` says why a pod is held.
pub fn allowed(verdict: &Verdict, nodes: Vec<String>, why: impl FnOnce() -> String) -> ExtenderFilterResult {
    let node_names = verdict.keep(nodes.clone(), |node| node);
    if node_names.len() == nodes.len() {
        return ExtenderFilterResult { node_names, ..ExtenderFilterResult::default() };
    }
    let reason = match verdict {
        Verdict::Nowhere => format!("{HELD}: {}", why()),
        _ => ELSEWHERE.to_owned(),
    };
    let failed = nodes.into_iter().filter(|node| !node_names.contains(node));
    ExtenderFilterResult {
        failed_and_unresolvable_nodes: failed.map(|node| (node, reason.clone())).collect(),
        node_names,
        error: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::*;

    fn metadata(set: Value, ticket: Option<Value>) -> ObjectMeta {
        let mut metadata = json!({"name": "a", "uid": "u", "labels": {"planner.ciena.io/pod-set": set}});
        if let Some(ticket) = ticket {
            metadata["annotations"] = json!({"planner.ciena.io/ticket": ticket.to_string()});
        }
        serde_json::from_value(metadata).unwrap()
    }

    fn ticket(uid: &str, enforcement: &str) -> Option<Value> {
        Some(json!({"uid": uid, "node": "n2", "enforcement": enforcement}))
    }

    fn three() -> Vec<String> {
        ["n1", "n2", "n3"].map(str::to_owned).into()
    }

    fn allows(metadata: &ObjectMeta, nodes: Vec<String>) -> Vec<String> {
        allowed(&verdict(metadata), nodes, || "why".to_owned()).node_names
    }

    #[test]
    fn a_pod_of_no_set_may_go_anywhere() {
        for stranger in
            [ObjectMeta::default(), metadata(json!(""), None), metadata(json!(""), ticket("u", "Pin"))]
        {
            assert_eq!(allows(&stranger, three()), three());
        }
    }

    #[test]
    fn a_pod_of_a_set_may_go_nowhere_without_a_ticket_of_its_own_and_is_told_why() {
        for held in
            [None, ticket("other", "Pin"), Some(json!("n2"))].map(|ticket| metadata(json!("web"), ticket))
        {
            for nodes in [three(), vec!["n2".to_owned()]] {
                let answer = allowed(&verdict(&held), nodes.clone(), || "why".to_owned());
                assert_eq!((answer.node_names.len(), answer.error.as_str()), (0, ""));
                assert!(answer.failed_and_unresolvable_nodes.keys().eq(&nodes));
                let mut reasons = answer.failed_and_unresolvable_nodes.values();
                assert!(reasons.all(|reason| reason == "held by the pod-set planner: why"));
            }
        }
    }

    #[test]
    fn who_is_pinned_may_go_to_its_node_alone_and_who_is_nominated_elsewhere_if_it_must() {
        let (pinned, nominated) =
            (metadata(json!("web"), ticket("u", "Pin")), metadata(json!("web"), ticket("u", "Nominate")));
        let without = vec!["n1".to_owned(), "n3".to_owned()];
        assert_eq!(allows(&pinned, three()), ["n2"]);
        assert_eq!(allows(&nominated, three()), ["n2"]);
        assert!(allows(&pinned, without.clone()).is_empty());
        assert_eq!(allows(&nominated, without.clone()), without);
        let answer = allowed(&verdict(&pinned), without.clone(), String::new);
        assert!(answer.failed_and_unresolvable_nodes.keys().eq(&without));
    }

    #[test]
    fn nobody_is_evicted_for_a_pod_where_it_may_not_go() {
        let victims: BTreeMap<_, _> = three().into_iter().map(|node| (node, json!({"Pods": []}))).collect();
        let kept = |set: &str, ticket: Option<Value>| {
            let verdict = verdict(&metadata(json!(set), ticket));
            verdict.keep(victims.clone(), |(node, _)| node).into_keys().collect::<Vec<_>>()
        };
        assert_eq!(kept("", None), three());
        assert!(kept("web", None).is_empty());
        assert_eq!(kept("web", ticket("u", "Pin")), ["n2"]);
    }
}
