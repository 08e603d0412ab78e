//! Random clusters and sets in which every rule plays a part.

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};
use serde_json::{Map, Value, json};

use crate::support::World;

/// At most how many there are.
struct Size {
    nodes: usize,
    there: usize,
    templates: usize,
    members: usize,
}

/// A cluster of up to four nodes and a set of up to five pods; always the same for a seed.
pub(crate) fn world(seed: u64) -> World {
    of_size(seed, &Size { nodes: 4, there: 4, templates: 3, members: 5 })
}

/// A cluster of up to 20 nodes and a set of up to 80 pods.
pub(crate) fn large_world(seed: u64) -> World {
    of_size(seed, &Size { nodes: 20, there: 20, templates: 10, members: 80 })
}

fn of_size(seed: u64, size: &Size) -> World {
    let mut rng = StdRng::seed_from_u64(seed);
    let rng = &mut rng;
    let nodes: Vec<_> = (0..rng.random_range(1..=size.nodes)).map(|number| node(rng, number)).collect();
    let names: Vec<_> = nodes.iter().map(|node| node["name"].clone()).collect();
    let pods: Vec<_> =
        (0..rng.random_range(0..=size.there)).map(|number| there(rng, number, &names)).collect();
    let templates: Vec<_> = (0..rng.random_range(1..=size.templates)).map(|_| template(rng)).collect();
    let members: Vec<_> = (0..rng.random_range(1..=size.members))
        .map(|number| {
            let mut member = templates.choose(rng).unwrap().clone();
            member["name"] = format!("member-{number}").into();
            if rng.random_bool(0.1) {
                member["on"] = names.choose(rng).unwrap().clone();
            }
            member
        })
        .collect();
    let previous: Map<_, _> = (0..rng.random_range(0..=2))
        .map(|number| (format!("member-{number}"), names.choose(rng).unwrap().clone()))
        .collect();
    World::read(&json!({
        "nodes": nodes, "pods": pods, "members": members, "previous": previous,
        "namespaces": [
            {"metadata": {"name": "default", "labels": {"team": "a"}}},
            {"metadata": {"name": "other", "labels": {"team": "b"}}},
        ],
    }))
}

fn pick<'v>(rng: &mut StdRng, values: &[&'v str]) -> &'v str {
    values.choose(rng).unwrap()
}

fn node(rng: &mut StdRng, number: usize) -> Value {
    let mut labels = Map::new();
    if rng.random_bool(0.9) {
        labels.insert("zone".into(), pick(rng, &["a", "b", "c"]).into());
    }
    if rng.random_bool(0.5) {
        labels.insert("disk".into(), pick(rng, &["1", "5", "fast"]).into());
    }
    let taint =
        pick(rng, &["gpu=1:NoSchedule", "gpu=1:NoExecute", "slow:PreferNoSchedule", "level=5:NoSchedule"]);
    json!({
        "name": format!("node-{number}"), "labels": labels,
        "cpu": rng.random_range(1..=4), "pods": rng.random_range(2..=6),
        "taints": if rng.random_bool(0.2) { vec![taint] } else { Vec::new() },
        "cordoned": rng.random_bool(0.1), "ready": if rng.random_bool(0.05) { "False" } else { "True" },
    })
}

/// A pod that is there already, whether it should be or not.
fn there(rng: &mut StdRng, number: usize, nodes: &[Value]) -> Value {
    let mut pod = template(rng);
    pod["name"] = format!("there-{number}").into();
    pod["namespace"] = pick(rng, &["default", "default", "other"]).into();
    let at = if rng.random_bool(0.8) { "on" } else { "nominated" };
    pod[at] = nodes.choose(rng).unwrap().clone();
    if rng.random_bool(0.1) {
        pod["leaving"] = true.into();
    }
    pod
}

fn template(rng: &mut StdRng) -> Value {
    let mut spec = Map::new();
    if rng.random_bool(0.15) {
        spec.insert("nodeSelector".into(), json!({"zone": pick(rng, &["a", "b"])}));
    }
    if rng.random_bool(0.3) {
        let (key, operator, value) =
            [("gpu", "Exists", ""), ("gpu", "Equal", "1"), ("level", "Gt", "3"), ("", "Exists", "")]
                .choose(rng)
                .unwrap();
        spec.insert("tolerations".into(), json!([{"key": key, "operator": operator, "value": value}]));
    }
    let mut affinity = Map::new();
    if rng.random_bool(0.15) {
        affinity.insert("nodeAffinity".into(), node_affinity(rng));
    }
    for (kind, chance) in [("podAffinity", 0.25), ("podAntiAffinity", 0.3)] {
        if rng.random_bool(chance) {
            let terms: Vec<_> = (0..rng.random_range(1..=2)).map(|_| term(rng)).collect();
            affinity.insert(kind.into(), json!({"requiredDuringSchedulingIgnoredDuringExecution": terms}));
        }
    }
    spec.insert("affinity".into(), affinity.into());
    if rng.random_bool(0.35) {
        let constraints: Vec<_> = (0..rng.random_range(1..=2)).map(|_| spread(rng)).collect();
        spec.insert("topologySpreadConstraints".into(), constraints.into());
    }
    let mut container =
        json!({"name": "main", "resources": {"requests": {"cpu": pick(rng, &["0", "500m", "1", "2"])}}});
    if rng.random_bool(0.15) {
        container["ports"] = json!([{
            "containerPort": 80, "hostPort": 80,
            "hostIP": pick(rng, &["", "10.0.0.1", "10.0.0.2"]), "protocol": pick(rng, &["TCP", "TCP", "UDP"]),
        }]);
    }
    spec.insert("containers".into(), json!([container]));
    json!({"labels": {"app": pick(rng, &["x", "y"]), "version": pick(rng, &["1", "2"])}, "spec": spec})
}

fn node_affinity(rng: &mut StdRng) -> Value {
    let expressions = [
        json!({"key": "zone", "operator": "NotIn", "values": ["a"]}),
        json!({"key": "disk", "operator": "Gt", "values": ["2"]}),
        json!({"key": "disk", "operator": "Lt", "values": ["3"]}),
        json!({"key": "disk", "operator": "DoesNotExist"}),
    ];
    let named = json!({"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["node-0"]}]});
    let labelled = json!({"matchExpressions": [expressions.choose(rng).unwrap()]});
    let terms = if rng.random_bool(0.3) { vec![named] } else { vec![labelled, named] };
    json!({"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}})
}

fn selector(rng: &mut StdRng) -> Value {
    match rng.random_range(0..4) {
        0 => json!({}),
        1 => json!({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["x"]}]}),
        _ => json!({"matchLabels": {"app": pick(rng, &["x", "y"])}}),
    }
}

fn term(rng: &mut StdRng) -> Value {
    let mut term = json!({
        "topologyKey": pick(rng, &["zone", "kubernetes.io/hostname"]), "labelSelector": selector(rng),
    });
    match rng.random_range(0..6) {
        0 => term["namespaces"] = json!(["other"]),
        1 => term["namespaceSelector"] = json!({"matchLabels": {"team": pick(rng, &["a", "b"])}}),
        2 => term["matchLabelKeys"] = json!(["version"]),
        3 => term["mismatchLabelKeys"] = json!(["version"]),
        _ => {}
    }
    term
}

fn spread(rng: &mut StdRng) -> Value {
    let mut constraint = json!({
        "topologyKey": pick(rng, &["zone", "kubernetes.io/hostname"]), "labelSelector": selector(rng),
        "maxSkew": rng.random_range(1..=2),
        "whenUnsatisfiable": pick(rng, &["DoNotSchedule", "DoNotSchedule", "ScheduleAnyway"]),
        "nodeAffinityPolicy": pick(rng, &["Honor", "Ignore"]), "nodeTaintsPolicy": pick(rng, &["Honor", "Ignore"]),
    });
    if rng.random_bool(0.2) {
        constraint["matchLabelKeys"] = json!(["version"]);
    }
    if rng.random_bool(0.2) && constraint["whenUnsatisfiable"] == "DoNotSchedule" {
        constraint["minDomains"] = rng.random_range(1..=3).into();
    }
    constraint
}
