//! The rules of kube-scheduler once more, written without the planner's code and without any cleverness: for each
//! question all pods are looked at again. What the planner answers is held against this.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::{
    api::core::v1::{
        Container, Node, NodeSelectorTerm, Pod, PodAffinityTerm, PodSpec, TopologySpreadConstraint,
    },
    apimachinery::pkg::{api::resource::Quantity, apis::meta::v1::LabelSelector},
};

use crate::support::World;

type Labels = BTreeMap<String, String>;

/// Pods and where they are.
pub(crate) type Placed<'w> = Vec<(&'w Pod, &'w Node)>;

fn labels(pod: &Pod) -> Labels {
    pod.metadata.labels.clone().unwrap_or_default()
}

fn node_labels(node: &Node) -> Labels {
    node.metadata.labels.clone().unwrap_or_default()
}

fn namespace(pod: &Pod) -> &str {
    pod.metadata.namespace.as_deref().unwrap_or_default()
}

fn spec(pod: &Pod) -> &PodSpec {
    pod.spec.as_ref().unwrap()
}

pub(crate) fn name(node: &Node) -> &str {
    node.metadata.name.as_deref().unwrap()
}

/// The pods that are there and stay: members too, if they are bound.
pub(crate) fn there(world: &World) -> Placed<'_> {
    let members: BTreeSet<_> = world.members.iter().map(|pod| pod.metadata.uid.clone()).collect();
    let others = world.pods.iter().filter(|pod| !members.contains(&pod.metadata.uid));
    let bound = world.members.iter().filter(|pod| spec(pod).node_name.is_some());
    let at = |pod: &Pod| {
        let nominated = pod.status.as_ref().and_then(|status| status.nominated_node_name.clone());
        let at = spec(pod).node_name.clone().or(nominated)?;
        world.nodes.iter().find(|node| name(node) == at)
    };
    let ended = |pod: &Pod| {
        matches!(pod.status.as_ref().and_then(|s| s.phase.as_deref()), Some("Failed" | "Succeeded"))
    };
    others.chain(bound).filter(|pod| !ended(pod)).filter_map(|pod| Some((pod, at(pod)?))).collect()
}

/// Whether kube-scheduler would let the pod go to the node, with these pods there.
pub(crate) fn fits(world: &World, placed: &Placed<'_>, pod: &Pod, node: &Node) -> bool {
    has_room(placed, pod, node)
        && tolerates_all(pod, node)
        && is_selected(pod, node)
        && ports_are_free(placed, pod, node)
        && has_company(world, placed, pod, node)
        && keeps_apart(world, placed, pod, node)
        && is_spread(world, placed, pod, node)
}

fn amount(resource: &str, quantity: &Quantity) -> i64 {
    let (digits, factor) = match quantity.0.as_str() {
        text if text.ends_with("Gi") => (text.trim_end_matches("Gi"), 1 << 30),
        text if text.ends_with("Mi") => (text.trim_end_matches("Mi"), 1 << 20),
        text if text.ends_with('m') => return text.trim_end_matches('m').parse().unwrap(),
        text => (text, 1),
    };
    digits.parse::<i64>().unwrap() * factor * if resource == "cpu" { 1000 } else { 1 }
}

fn asked(container: &Container, resource: &str) -> i64 {
    let requests = container.resources.as_ref().and_then(|resources| resources.requests.as_ref());
    requests.and_then(|requests| requests.get(resource)).map_or(0, |quantity| amount(resource, quantity))
}

fn request(pod: &Pod, resource: &str) -> i64 {
    let spec = spec(pod);
    let always = |container: &&Container| container.restart_policy.as_deref() == Some("Always");
    let init = spec.init_containers.as_deref().unwrap_or_default();
    let main: i64 = spec.containers.iter().map(|container| asked(container, resource)).sum();
    let running: i64 = init.iter().filter(always).map(|container| asked(container, resource)).sum();
    let starting = (0..init.len()).map(|place| {
        let beside: i64 =
            init[..place].iter().filter(always).map(|container| asked(container, resource)).sum();
        beside + asked(&init[place], resource)
    });
    let most = (main + running).max(starting.max().unwrap_or(0));
    let whole = spec.resources.as_ref().and_then(|resources| resources.requests.as_ref()?.get(resource));
    let overhead = spec.overhead.as_ref().and_then(|overhead| overhead.get(resource));
    let overhead = overhead.map_or(0, |quantity| amount(resource, quantity));
    whole.map_or(most, |quantity| amount(resource, quantity)) + overhead
}

fn has_room(placed: &Placed<'_>, pod: &Pod, node: &Node) -> bool {
    let there: Vec<_> = placed.iter().filter(|(_, at)| name(at) == name(node)).map(|(pod, _)| *pod).collect();
    let allocatable = node.status.as_ref().and_then(|status| status.allocatable.clone()).unwrap_or_default();
    let has = |resource: &str| allocatable.get(resource).map_or(0, |quantity| amount(resource, quantity));
    let resources: BTreeSet<_> = ["cpu", "memory", "ephemeral-storage", "example.com/gpu"].into();
    (there.len() as i64) < has("pods")
        && resources.into_iter().all(|resource| {
            let used: i64 = there.iter().map(|other| request(other, resource)).sum();
            request(pod, resource) == 0 || used + request(pod, resource) <= has(resource)
        })
}

fn tolerated(pod: &Pod, key: &str, value: &str, effect: &str) -> bool {
    spec(pod).tolerations.iter().flatten().any(|toleration| {
        let number = |text: &str| text.parse::<i64>().ok();
        let own = toleration.value.as_deref().unwrap_or_default();
        let compared = |wanted| match (number(value), number(own)) {
            (Some(value), Some(own)) => value.cmp(&own) == wanted,
            _ => false,
        };
        toleration.effect.as_deref().is_none_or(|of| of.is_empty() || of == effect)
            && toleration.key.as_deref().is_none_or(|of| of.is_empty() || of == key)
            && match toleration.operator.as_deref() {
                None | Some("" | "Equal") => own == value,
                Some("Exists") => true,
                Some("Gt") => compared(std::cmp::Ordering::Greater),
                Some("Lt") => compared(std::cmp::Ordering::Less),
                Some(_) => false,
            }
    })
}

fn taints_tolerated(pod: &Pod, node: &Node) -> bool {
    let taints = node.spec.iter().flat_map(|spec| spec.taints.iter().flatten());
    taints
        .filter(|taint| taint.effect != "PreferNoSchedule")
        .all(|taint| tolerated(pod, &taint.key, taint.value.as_deref().unwrap_or_default(), &taint.effect))
}

fn tolerates_all(pod: &Pod, node: &Node) -> bool {
    let cordoned = node.spec.as_ref().and_then(|spec| spec.unschedulable).unwrap_or(false);
    let conditions = node.status.as_ref().and_then(|status| status.conditions.clone()).unwrap_or_default();
    let ready = conditions.into_iter().find(|condition| condition.type_ == "Ready").map(|ready| ready.status);
    let unready = match ready.as_deref() {
        None | Some("True") => None,
        Some("False") => Some("node.kubernetes.io/not-ready"),
        Some(_) => Some("node.kubernetes.io/unreachable"),
    };
    taints_tolerated(pod, node)
        && (!cordoned || tolerated(pod, "node.kubernetes.io/unschedulable", "", "NoSchedule"))
        && unready.is_none_or(|key| tolerated(pod, key, "", "NoSchedule"))
}

fn passes(value: Option<&String>, operator: &str, values: &[String]) -> bool {
    let number = |text: &String| text.parse::<i64>().ok();
    let compared = |wanted| match (value.and_then(number), values.first().and_then(number)) {
        (Some(value), Some(limit)) => value.cmp(&limit) == wanted,
        _ => false,
    };
    match operator {
        "In" => value.is_some_and(|value| values.contains(value)),
        "NotIn" => value.is_none_or(|value| !values.contains(value)),
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        "Gt" => compared(std::cmp::Ordering::Greater),
        "Lt" => compared(std::cmp::Ordering::Less),
        other => panic!("{other}"),
    }
}

fn term_holds(term: &NodeSelectorTerm, node: &Node) -> bool {
    let labels = node_labels(node);
    let node_name = name(node).to_owned();
    let expressions: Vec<_> = term.match_expressions.iter().flatten().collect();
    let fields: Vec<_> = term.match_fields.iter().flatten().collect();
    (!expressions.is_empty() || !fields.is_empty())
        && expressions
            .iter()
            .all(|one| passes(labels.get(&one.key), &one.operator, one.values.as_deref().unwrap_or_default()))
        && fields
            .iter()
            .all(|one| passes(Some(&node_name), &one.operator, one.values.as_deref().unwrap_or_default()))
}

fn is_selected(pod: &Pod, node: &Node) -> bool {
    let labels = node_labels(node);
    let selector =
        spec(pod).node_selector.iter().flatten().all(|(key, value)| labels.get(key) == Some(value));
    let affinity = spec(pod).affinity.as_ref().and_then(|affinity| affinity.node_affinity.as_ref());
    let required =
        affinity.and_then(|node| node.required_during_scheduling_ignored_during_execution.as_ref());
    selector
        && required
            .is_none_or(|required| required.node_selector_terms.iter().any(|term| term_holds(term, node)))
}

fn ports(pod: &Pod) -> Vec<(i32, String, String)> {
    let init = spec(pod).init_containers.iter().flatten();
    let sidecars = init.filter(|container| container.restart_policy.as_deref() == Some("Always"));
    let ports =
        spec(pod).containers.iter().chain(sidecars).flat_map(|container| container.ports.iter().flatten());
    ports
        .filter(|port| port.host_port.unwrap_or(0) > 0)
        .map(|port| {
            let ip = port.host_ip.clone().filter(|ip| !ip.is_empty()).unwrap_or_else(|| "0.0.0.0".into());
            (port.host_port.unwrap(), port.protocol.clone().unwrap_or_else(|| "TCP".into()), ip)
        })
        .collect()
}

fn ports_are_free(placed: &Placed<'_>, pod: &Pod, node: &Node) -> bool {
    let others = placed.iter().filter(|(_, at)| name(at) == name(node)).flat_map(|(other, _)| ports(other));
    let others: Vec<_> = others.collect();
    let any = "0.0.0.0";
    ports(pod).iter().all(|own| {
        !others.iter().any(|other| {
            own.0 == other.0 && own.1 == other.1 && (own.2 == other.2 || own.2 == any || other.2 == any)
        })
    })
}

fn selects(selector: Option<&LabelSelector>, labels: &Labels) -> bool {
    selector.is_some_and(|selector| {
        selector.match_labels.iter().flatten().all(|(key, value)| labels.get(key) == Some(value))
            && selector.match_expressions.iter().flatten().all(|one| {
                passes(labels.get(&one.key), &one.operator, one.values.as_deref().unwrap_or_default())
            })
    })
}

/// Whether a term of `owner` speaks of `other`.
fn speaks_of(world: &World, term: &PodAffinityTerm, owner: &Pod, other: &Pod) -> bool {
    let named = term.namespaces.clone().unwrap_or_default();
    let labels_of = |namespace: &str| {
        let found = world.namespaces.iter().find(|known| known.metadata.name.as_deref() == Some(namespace));
        found.and_then(|found| found.metadata.labels.clone()).unwrap_or_default()
    };
    let in_namespace = if named.is_empty() && term.namespace_selector.is_none() {
        namespace(owner) == namespace(other)
    } else {
        named.iter().any(|named| named == namespace(other))
            || selects(term.namespace_selector.as_ref(), &labels_of(namespace(other)))
    };
    let (own, others) = (labels(owner), labels(other));
    let same = |key: &String| own.get(key).is_none_or(|value| others.get(key) == Some(value));
    let differs = |key: &String| own.get(key).is_none_or(|value| others.get(key) != Some(value));
    in_namespace
        && selects(term.label_selector.as_ref(), &others)
        && term.match_label_keys.iter().flatten().all(same)
        && term.mismatch_label_keys.iter().flatten().all(differs)
}

fn near(pod: &Pod) -> Vec<&PodAffinityTerm> {
    let affinity = spec(pod).affinity.as_ref().and_then(|affinity| affinity.pod_affinity.as_ref());
    affinity
        .iter()
        .flat_map(|pods| pods.required_during_scheduling_ignored_during_execution.iter().flatten())
        .collect()
}

fn far(pod: &Pod) -> Vec<&PodAffinityTerm> {
    let affinity = spec(pod).affinity.as_ref().and_then(|affinity| affinity.pod_anti_affinity.as_ref());
    affinity
        .iter()
        .flat_map(|pods| pods.required_during_scheduling_ignored_during_execution.iter().flatten())
        .collect()
}

fn together(key: &str, one: &Node, other: &Node) -> bool {
    let value = node_labels(one).get(key).cloned();
    value.is_some() && value == node_labels(other).get(key).cloned()
}

fn has_company(world: &World, placed: &Placed<'_>, pod: &Pod, node: &Node) -> bool {
    let terms = near(pod);
    let matches_all = |other: &Pod| terms.iter().all(|term| speaks_of(world, term, pod, other));
    let is_sure = |other: &Pod| spec(other).node_name.is_some() || world.members.iter().any(|m| m == other);
    let company: Vec<_> = placed.iter().filter(|(other, _)| is_sure(other) && matches_all(other)).collect();
    let counted = company
        .iter()
        .any(|(_, at)| terms.iter().any(|term| node_labels(at).contains_key(&term.topology_key)));
    terms.iter().all(|term| node_labels(node).contains_key(&term.topology_key))
        && (terms.iter().all(|term| company.iter().any(|(_, at)| together(&term.topology_key, at, node)))
            || (!counted && matches_all(pod)))
}

fn keeps_apart(world: &World, placed: &Placed<'_>, pod: &Pod, node: &Node) -> bool {
    placed.iter().all(|(other, at)| {
        let own = far(pod)
            .into_iter()
            .any(|term| speaks_of(world, term, pod, other) && together(&term.topology_key, at, node));
        let others = far(other)
            .into_iter()
            .any(|term| speaks_of(world, term, other, pod) && together(&term.topology_key, at, node));
        !own && !others
    })
}

fn spread_counts(constraint: &TopologySpreadConstraint, pod: &Pod, other: &Pod) -> bool {
    let (own, others) = (labels(pod), labels(other));
    let keys = constraint.match_label_keys.iter().flatten();
    namespace(pod) == namespace(other)
        && selects(constraint.label_selector.as_ref(), &others)
        && keys.into_iter().all(|key| own.get(key).is_none_or(|value| others.get(key) == Some(value)))
}

/// Of those that are there, kube-scheduler counts none for a selector without requirements.
fn counts_nobody(constraint: &TopologySpreadConstraint, pod: &Pod) -> bool {
    let own = labels(pod);
    let asks = |selector: &LabelSelector| {
        selector.match_labels.iter().flatten().next().is_some()
            || selector.match_expressions.iter().flatten().next().is_some()
    };
    !constraint.label_selector.as_ref().is_some_and(asks)
        && !constraint.match_label_keys.iter().flatten().any(|key| own.contains_key(key))
}

fn is_spread(world: &World, placed: &Placed<'_>, pod: &Pod, node: &Node) -> bool {
    let all = spec(pod).topology_spread_constraints.iter().flatten();
    let hard: Vec<_> = all.filter(|constraint| constraint.when_unsatisfiable == "DoNotSchedule").collect();
    hard.iter().all(|constraint| {
        let counted = |at: &Node| {
            let honors_taints = constraint.node_taints_policy.as_deref() == Some("Honor");
            let honors_affinity = constraint.node_affinity_policy.as_deref() != Some("Ignore");
            hard.iter().all(|constraint| node_labels(at).contains_key(&constraint.topology_key))
                && (!honors_affinity || is_selected(pod, at))
                && (!honors_taints || taints_tolerated(pod, at))
        };
        let key = &constraint.topology_key;
        let Some(value) = node_labels(node).get(key).cloned() else { return false };
        let mut counts: BTreeMap<String, i64> = BTreeMap::new();
        for at in world.nodes.iter().filter(|at| counted(at)) {
            counts.entry(node_labels(at)[key].clone()).or_default();
        }
        for (other, at) in placed.iter().filter(|(_, at)| counted(at)) {
            if other.metadata.deletion_timestamp.is_none()
                && !counts_nobody(constraint, pod)
                && spread_counts(constraint, pod, other)
            {
                *counts.entry(node_labels(at)[key].clone()).or_default() += 1;
            }
        }
        let too_few = (counts.len() as i64) < i64::from(constraint.min_domains.unwrap_or(1));
        let fewest = if too_few { 0 } else { counts.values().copied().min().unwrap_or(0) };
        let own = i64::from(spread_counts(constraint, pod, pod));
        counts.get(&value).copied().unwrap_or(0) + own - fewest <= i64::from(constraint.max_skew)
    })
}
