use api_types::ResourceClaim;
use controller_kit::Cache;
use serde_json::{Value, json};

use super::*;

const CLAIM: &str = "shared-dbe20400ad305b6e";

/// A Workload that declares the shared resource `postgres.default#main`, or nothing.
fn workload(name: &str, generation: i64, shares: bool) -> Workload {
    let resources = if shares { json!({"db": {"type": "postgres", "id": "main"}}) } else { json!({}) };
    let metadata = json!({"name": name, "namespace": "team", "uid": name, "generation": generation});
    let spec = json!({"containers": {"web": {"image": "web:1"}}, "resources": resources});
    object(json!({"metadata": metadata, "spec": spec}))
}

fn object<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn caches(workloads: Vec<Workload>, owners: &[&str]) -> Caches {
    let owners: Vec<_> = owners
        .iter()
        .map(|name| json!({"apiVersion": "score.dev/v1b1", "kind": "Workload", "name": name, "uid": name}))
        .collect();
    let claim: ResourceClaim = object(json!({
        "metadata": {"name": CLAIM, "namespace": "team", "ownerReferences": owners},
        "spec": {
            "workloadRef": {"name": "a", "uid": "a"}, "key": "db", "type": "postgres", "class": "default", "id": "main",
            "provisioner": "p", "deprovisionPolicy": "Delete",
        },
    }));
    Caches::new(
        Cache::from_objects(workloads),
        Cache::from_objects([claim]),
        Cache::from_objects([]),
        Cache::from_objects([]),
    )
}

fn names(workloads: &[Workload]) -> Vec<String> {
    workloads.iter().map(|workload| workload.name_any()).collect()
}

fn referred(references: &[ObjectRef<Workload>]) -> Vec<&str> {
    references.iter().map(|reference| reference.name.as_str()).collect()
}

#[test]
fn a_workload_that_comes_concerns_those_who_share_with_it() {
    let all = vec![workload("a", 1, true), workload("b", 1, true), workload("c", 1, false)];
    let mut neighbours = Neighbours::new(caches(all, &["a"]));
    assert_eq!(names(&neighbours.with(workload("b", 1, true))), ["b", "a"]);
    assert_eq!(names(&neighbours.with(workload("c", 1, false))), ["c"]);
}

#[test]
fn a_change_of_status_concerns_nobody_else() {
    let all = vec![workload("a", 1, true), workload("b", 1, true)];
    let mut neighbours = Neighbours::new(caches(all, &[]));
    neighbours.with(workload("b", 1, true));
    assert_eq!(names(&neighbours.with(workload("b", 1, true))), ["b"]);
}

#[test]
fn a_change_of_labels_or_annotations_concerns_those_who_share() {
    let all = |changed: &Workload| vec![workload("a", 1, true), changed.clone()];
    let (mut labelled, mut annotated) = (workload("b", 1, true), workload("b", 1, true));
    labelled.labels_mut().insert("tier".into(), "gold".into());
    annotated.annotations_mut().insert("score.dev/replicas".into(), "2".into());
    for changed in [labelled, annotated] {
        let mut neighbours = Neighbours::new(caches(all(&workload("b", 1, true)), &[]));
        neighbours.with(workload("b", 1, true));
        neighbours.caches = caches(all(&changed), &[]);
        assert_eq!(names(&neighbours.with(changed)), ["b", "a"]);
    }
}

#[test]
fn a_workload_that_stops_sharing_concerns_those_it_shared_with() {
    let mut neighbours = Neighbours::new(caches(vec![workload("a", 1, true), workload("b", 1, true)], &[]));
    neighbours.with(workload("b", 1, true));
    neighbours.caches = caches(vec![workload("a", 1, true), workload("b", 2, false)], &[]);
    assert_eq!(names(&neighbours.with(workload("b", 2, false))), ["b", "a"]);
}

#[test]
fn a_workload_that_is_gone_concerns_those_it_shared_with() {
    let mut neighbours = Neighbours::new(caches(vec![workload("a", 1, true), workload("b", 1, true)], &[]));
    neighbours.with(workload("b", 1, true));
    neighbours.caches = caches(vec![workload("a", 1, true)], &[]);
    assert_eq!(names(&neighbours.with(workload("b", 1, true))), ["b", "a"]);
    assert_eq!(names(&neighbours.with(workload("b", 1, true))), ["b"]);
}

#[test]
fn a_shared_claim_concerns_all_who_declare_or_own_it() {
    let caches =
        caches(vec![workload("a", 1, true), workload("b", 1, true), workload("c", 1, false)], &["c"]);
    let claim = caches.claims.get("team", CLAIM).unwrap();
    assert_eq!(referred(&of_claim(&caches, &claim)), ["a", "b", "c", "shared"]);
}

#[test]
fn a_claim_concerns_every_workload_that_may_have_one_of_its_name() {
    let caches = caches(vec![], &[]);
    let mut claim = ResourceClaim::clone(&caches.claims.get("team", CLAIM).unwrap());
    (claim.metadata.name, claim.spec.id) = (Some("shop-api-db".into()), None);
    assert_eq!(referred(&of_claim(&caches, &claim)), ["shop", "shop-api"]);
}

#[test]
fn a_roll_out_concerns_those_who_wait_for_a_shared_claim_to_be_given_up() {
    let all = vec![workload("a", 1, true), workload("b", 1, true), workload("c", 1, false)];
    let caches = caches(all, &["a", "c"]);
    let of = |name: &str| WorkloadRef { name: name.into(), uid: name.into() };
    assert_eq!(referred(&of_roll_out(&caches, "team", &of("c"))), ["a", "b", "c"]);
    assert_eq!(referred(&of_roll_out(&caches, "team", &of("a"))), ["a"]);
}

#[test]
fn what_the_platform_decides_for_a_workload_concerns_those_who_share_with_it() {
    let all = vec![workload("a", 1, true), workload("b", 1, true), workload("c", 1, false)];
    let caches = caches(all, &["a"]);
    let of = |name: &str| vec![ObjectRef::new(name).within("team")];
    assert_eq!(referred(&with_those_who_share(&caches, &of("b"))), ["a", "b"]);
    assert_eq!(referred(&with_those_who_share(&caches, &of("c"))), ["c"]);
    assert_eq!(referred(&with_those_who_share(&caches, &of("gone"))), ["gone"]);
}
