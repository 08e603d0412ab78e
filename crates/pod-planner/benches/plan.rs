//! How long planning takes as sets and clusters grow, and how much memory: `cargo bench -p pod-planner`.
//!
//! Each node has two pods already. `alike` are the pods of one Deployment; `mixed` are forty Deployments, some spread over
//! zones, some apart from each other, some near others, some for tainted nodes; `stateful` pods have each a label of its
//! own, and are spread over zones; `pinned` ones name their node besides, as after a release; `overfull` is `mixed` with
//! twice the pods that there is room for; `tight` are pods of two sizes of which a few too many are for each node to have
//! one large or two small ones, so that the search ends by its bound. Peak memory is by how much the resident memory of a
//! fresh process grows at most while it makes one plan, the `Cluster` included and the objects it is read from not, as
//! Linux tells it.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::{collections::BTreeMap, fs, hint::black_box};

use criterion::{BenchmarkId, Criterion, SamplingMode, criterion_group};
use k8s_openapi::api::core::v1::{Node, Pod};
use pod_planner::{Cluster, Options, Plan, Volumes, plan};
use serde_json::{Value, json};

/// Pods of the set, and nodes.
const SIZES: [(usize, usize); 4] = [(250, 125), (500, 250), (1000, 500), (5000, 5000)];

fn node(number: usize) -> Node {
    let taints = if number.is_multiple_of(10) {
        json!([{"key": "dedicated", "value": "batch", "effect": "NoSchedule"}])
    } else {
        json!([])
    };
    let labels = json!({
        "kubernetes.io/hostname": format!("node-{number:05}"), "zone": format!("zone-{}", number % 3),
        "disk": if number.is_multiple_of(4) { "ssd" } else { "hdd" },
    });
    serde_json::from_value(json!({
        "metadata": {"name": format!("node-{number:05}"), "labels": labels},
        "spec": {"taints": taints},
        "status": {"allocatable": {"cpu": "8", "memory": "32Gi", "ephemeral-storage": "100Gi", "pods": "110"}},
    }))
    .unwrap()
}

fn pod(name: &str, app: &str, cpu: &str, spec: Value) -> Pod {
    let mut pod: Pod = serde_json::from_value(json!({
        "metadata": {"name": name, "namespace": "default", "uid": name, "labels": {"app": app}},
        "spec": spec,
    }))
    .unwrap();
    pod.spec.as_mut().unwrap().containers = serde_json::from_value(json!([
        {"name": "main", "resources": {"requests": {"cpu": cpu, "memory": "256Mi"}}},
    ]))
    .unwrap();
    pod
}

fn alike(count: usize) -> Vec<Pod> {
    (0..count)
        .map(|number| pod(&format!("pod-{number:05}"), "web", "250m", json!({"containers": []})))
        .collect()
}

fn mixed(count: usize) -> Vec<Pod> {
    let of = |app: &str| json!({"matchLabels": {"app": app}});
    (0..count)
        .map(|number| {
            let app = format!("app-{:02}", number % 40);
            let hostname = "kubernetes.io/hostname";
            let term = |key: &str, app: &str| {
                json!({"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": key, "labelSelector": of(app)}]})
            };
            let spec = match number % 8 {
                0 => json!({"containers": [], "topologySpreadConstraints": [
                    {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": of(&app)},
                ]}),
                1 => json!({"containers": [], "affinity": {"podAntiAffinity": term(hostname, &app)}}),
                2 => json!({"containers": [], "nodeSelector": {"disk": "ssd"}}),
                3 => json!({"containers": [], "tolerations": [{"key": "dedicated", "operator": "Exists"}]}),
                4 => json!({"containers": [], "affinity": {"podAffinity": term("zone", "app-00")}}),
                5 => json!({"containers": [], "topologySpreadConstraints": [
                    {"maxSkew": 1, "topologyKey": hostname, "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": of(&app)},
                ]}),
                _ => json!({"containers": []}),
            };
            pod(&format!("pod-{number:05}"), &app, ["100m", "250m", "500m", "1"][number % 4], spec)
        })
        .collect()
}

fn labelled(count: usize, spec: impl Fn(usize, &Value) -> Value) -> Vec<Pod> {
    (0..count)
        .map(|number| {
            let (name, app) = (format!("pod-{number:05}"), format!("app-{:02}", number % 40));
            let constraints = json!([{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule",
                "labelSelector": {"matchLabels": {"app": app}}}]);
            let mut pod = pod(&name, &app, "250m", spec(number, &constraints));
            pod.metadata.labels.as_mut().unwrap().insert("pod-name".into(), name);
            pod
        })
        .collect()
}

fn stateful(count: usize) -> Vec<Pod> {
    labelled(count, |_, constraints| json!({"containers": [], "topologySpreadConstraints": constraints}))
}

fn pinned(count: usize, nodes: usize) -> Vec<Pod> {
    labelled(count, |number, constraints| {
        let name = json!({"key": "metadata.name", "operator": "In", "values": [format!("node-{:05}", number % nodes)]});
        let required = json!({"nodeSelectorTerms": [{"matchFields": [name]}]});
        json!({
            "containers": [], "topologySpreadConstraints": constraints,
            "tolerations": [{"operator": "Exists"}],
            "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}},
        })
    })
}

fn tight(count: usize) -> Vec<Pod> {
    let size = |number: usize| ["3500m", "2600m"][number % 2];
    (0..count)
        .map(|number| pod(&format!("pod-{number:05}"), "gang", size(number), json!({"containers": []})))
        .collect()
}

fn members(set: &str, pods: usize, nodes: usize) -> Vec<Pod> {
    match set {
        "alike" => alike(pods),
        "stateful" => stateful(pods),
        "pinned" => pinned(pods, nodes),
        "tight" => tight(pods),
        _ => mixed(pods),
    }
}

fn there(nodes: usize) -> Vec<Pod> {
    (0..nodes * 2)
        .map(|number| {
            let at = json!({"containers": [], "nodeName": format!("node-{:05}", number / 2)});
            pod(&format!("there-{number:05}"), &format!("app-{:02}", number % 60), "1", at)
        })
        .collect()
}

fn cluster(nodes: usize) -> Cluster {
    let (objects, pods) = ((0..nodes).map(node).collect::<Vec<_>>(), there(nodes));
    Cluster::new(&objects, &pods, &Volumes::default(), [])
}

fn planned(cluster: &Cluster, members: &[&Pod]) -> Plan {
    plan(cluster, members, &BTreeMap::new(), &Options::default())
}

/// Resident memory and its peak, in KiB.
fn memory() -> Option<(u64, u64)> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let value = |key: &str| {
        status.lines().find_map(|line| line.strip_prefix(key)?.split_whitespace().next()?.parse().ok())
    };
    Some((value("VmRSS:")?, value("VmHWM:")?))
}

/// The environment variable by which a process is asked for the memory of one plan: `<set> <pods> <nodes>`.
const MEMORY_OF: &str = "POD_PLANNER_MEMORY_OF";

/// Says how much memory one plan takes, where the system tells. In a process of its own, since what an earlier one has
/// freed would be used again and not seen.
fn tell_memory(set: &str, pods: usize, nodes: usize) {
    let asked = std::env::current_exe().and_then(|own| {
        std::process::Command::new(own).env(MEMORY_OF, format!("{set} {pods} {nodes}")).output()
    });
    if let Ok(output) = asked {
        print!("{}", String::from_utf8_lossy(&output.stdout));
    }
}

/// The other side of [`tell_memory`].
fn answer_memory(question: &str) {
    let (set, numbers) = question.split_once(' ').unwrap();
    let (pods, nodes) =
        numbers.split_once(' ').map(|(pods, nodes)| (pods.parse().unwrap(), nodes.parse().unwrap())).unwrap();
    let members = members(set, pods, nodes);
    let (objects, others) = ((0..nodes).map(node).collect::<Vec<_>>(), there(nodes));
    let Some((before, _)) = memory() else { return };
    let cluster = Cluster::new(&objects, &others, &Volumes::default(), []);
    let plan = planned(&cluster, &members.iter().collect::<Vec<_>>());
    if let Some((_, peak)) = memory() {
        let (placed, grown) = (plan.placements.len(), peak.saturating_sub(before) / 1024);
        println!("plan/{set}/{pods}x{nodes}: {placed} of {pods} placed, peak memory {grown} MiB");
    }
}

fn bench(c: &mut Criterion) {
    let mut group = c.benchmark_group("plan");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    for (pods, nodes) in SIZES {
        let cluster = cluster(nodes);
        // Each node has room for about 13 of `mixed`. The search has the same bound on larger clusters.
        let overfull = if nodes > 500 { 0 } else { nodes * 26 };
        for set in ["alike", "mixed", "stateful", "pinned", "overfull", "tight"] {
            let count = match set {
                "overfull" => overfull,
                "tight" if nodes > 125 => continue, // more are not searched
                "tight" => nodes * 32 / 25,
                _ => pods,
            };
            let members = members(set, count, nodes);
            let members: Vec<_> = members.iter().collect();
            if members.is_empty() {
                continue;
            }
            tell_memory(set, count, nodes);
            group.bench_function(BenchmarkId::new(set, format!("{count}x{nodes}")), |b| {
                b.iter(|| black_box(planned(&cluster, &members)));
            });
        }
    }
    group.finish();
}

fn bench_cluster(c: &mut Criterion) {
    let mut group = c.benchmark_group("cluster");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    for (_, nodes) in SIZES {
        let (objects, pods) = ((0..nodes).map(node).collect::<Vec<_>>(), there(nodes));
        group.bench_function(BenchmarkId::from_parameter(nodes), |b| {
            b.iter(|| black_box(Cluster::new(&objects, &pods, &Volumes::default(), [])));
        });
    }
    group.finish();
}

criterion_group!(benches, bench, bench_cluster);

fn main() {
    match std::env::var(MEMORY_OF) {
        Ok(question) => answer_memory(&question),
        Err(_) => {
            benches();
            Criterion::default().configure_from_args().final_summary();
        }
    }
}
