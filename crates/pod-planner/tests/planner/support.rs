//! Clusters and sets in few words, and the plan that is made for them.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::{Namespace, Node, PersistentVolume, PersistentVolumeClaim, Pod},
    serde::Deserialize,
};
use pod_planner::{Cluster, NodeName, Options, Plan, Uid, Volumes, plan};
use serde_json::{Map, Value, json};

/// All that a plan is made from. `nodes`, `pods` and `members` are short forms: see [`node`] and [`pod`].
#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    pub(crate) nodes: Vec<Node>,
    pub(crate) pods: Vec<Pod>,
    pub(crate) members: Vec<Pod>,
    pub(crate) claims: Vec<PersistentVolumeClaim>,
    pub(crate) volumes: Vec<PersistentVolume>,
    pub(crate) namespaces: Vec<Namespace>,
    pub(crate) previous: BTreeMap<Uid, NodeName>,
}

fn list<T: for<'de> Deserialize<'de>>(value: &Value, key: &str, read: fn(&Value) -> Value) -> Vec<T> {
    let items = value.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    items
        .iter()
        .map(|item| serde_json::from_value(read(item)).unwrap_or_else(|e| panic!("{key}: {e}: {item}")))
        .collect()
}

impl World {
    pub(crate) fn read(value: &Value) -> Self {
        let previous = value.get("previous").and_then(Value::as_object).cloned().unwrap_or_default();
        Self {
            nodes: list(value, "nodes", node),
            pods: list(value, "pods", pod),
            members: list(value, "members", pod),
            claims: list(value, "claims", Value::clone),
            volumes: list(value, "volumes", Value::clone),
            namespaces: list(value, "namespaces", Value::clone),
            previous: previous.into_iter().map(|(pod, node)| (uid("default", &pod), text(&node))).collect(),
        }
    }

    pub(crate) fn of(text: &str) -> Self {
        Self::read(&serde_yaml_ng::from_str(text).unwrap())
    }

    pub(crate) fn cluster(&self) -> Cluster {
        Cluster::new(&self.nodes, &self.pods, &Volumes::new(&self.claims, &self.volumes), &self.namespaces)
    }

    pub(crate) fn plan(&self, options: &Options) -> Plan {
        plan(&self.cluster(), &self.members.iter().collect::<Vec<_>>(), &self.previous, options)
    }

    /// Each member's node, or the reason why it has none.
    pub(crate) fn answer(&self, options: &Options) -> BTreeMap<String, String> {
        answer(&self.plan(options))
    }
}

pub(crate) fn answer(plan: &Plan) -> BTreeMap<String, String> {
    let placed = plan.placements.iter().map(|placed| (placed.pod.name.clone(), placed.node.clone()));
    let unplaced = plan.unplaced.iter().map(|left| (left.pod.name.clone(), left.reason.to_string()));
    placed.chain(unplaced).collect()
}

/// The UID of a pod in tests.
pub(crate) fn uid(namespace: &str, name: &str) -> Uid {
    format!("uid-of-{namespace}-{name}")
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn take<'a>(short: &'a Value, key: &str) -> Option<&'a Value> {
    short.get(key).filter(|value| !value.is_null())
}

/// `{name, labels, cpu, memory, pods, allocatable, taints: [key=value:Effect], cordoned, ready}`; room for ten pods and
/// four cores if nothing is said.
pub(crate) fn node(short: &Value) -> Value {
    let name = text(&short["name"]);
    let mut allocatable = Map::new();
    for (key, default) in [("cpu", "4"), ("memory", "8Gi"), ("pods", "10")] {
        allocatable.insert(key.into(), take(short, key).map_or(default.to_owned(), text).into());
    }
    for (key, value) in take(short, "allocatable").and_then(Value::as_object).into_iter().flatten() {
        allocatable.insert(key.clone(), text(value).into());
    }
    let mut labels = take(short, "labels").and_then(Value::as_object).cloned().unwrap_or_default();
    labels.entry("kubernetes.io/hostname").or_insert_with(|| name.clone().into());
    let taints: Vec<_> = take(short, "taints")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|taint| {
            let taint = text(taint);
            let (key, effect) = taint.rsplit_once(':').unwrap();
            let (key, value) = key.split_once('=').unwrap_or((key, ""));
            json!({"key": key, "value": value, "effect": effect})
        })
        .collect();
    let ready = take(short, "ready").map_or("True".to_owned(), text);
    json!({
        "metadata": {"name": name, "labels": labels},
        "spec": {"unschedulable": take(short, "cordoned"), "taints": taints},
        "status": {
            "allocatable": allocatable,
            "conditions": [{"type": "Ready", "status": ready}],
        },
    })
}

/// `{name, namespace, labels, on, nominated, phase, leaving, cpu, memory, requests, spec, status}`; `spec` is a pod's spec, to
/// which a container is added that requests the rest.
pub(crate) fn pod(short: &Value) -> Value {
    let name = text(&short["name"]);
    let namespace = take(short, "namespace").map_or("default".to_owned(), text);
    let mut requests = take(short, "requests").and_then(Value::as_object).cloned().unwrap_or_default();
    for key in ["cpu", "memory"] {
        requests.extend(take(short, key).map(|value| (key.to_owned(), text(value).into())));
    }
    let mut spec = take(short, "spec").and_then(Value::as_object).cloned().unwrap_or_default();
    spec.entry("containers")
        .or_insert_with(|| json!([{"name": "main", "resources": {"requests": requests}}]));
    spec.extend(take(short, "on").map(|node| ("nodeName".to_owned(), node.clone())));
    let leaving = take(short, "leaving").map(|_| "2026-01-01T00:00:00Z");
    let mut status = take(short, "status").cloned().unwrap_or_else(|| json!({}));
    for (key, short) in [("phase", take(short, "phase")), ("nominatedNodeName", take(short, "nominated"))] {
        short.into_iter().for_each(|value| status[key] = value.clone());
    }
    json!({
        "metadata": {
            "name": name, "namespace": namespace, "uid": uid(&namespace, &name),
            "labels": take(short, "labels"), "deletionTimestamp": leaving,
        },
        "spec": spec,
        "status": status,
    })
}
