//! Who has room reserved before it is released, and what if that is refused.

use super::*;
use crate::rejected::Write;

#[test]
fn room_is_reserved_for_whom_a_release_alone_does_not_bring_to_its_node() {
    let reserved = |case: Case| {
        let intent = case.build();
        assert_eq!(intent.release.len(), 2);
        let reserved =
            intent.reserve.iter().map(|(pod, node)| (pod.metadata.name.clone().unwrap(), node.clone()));
        let (reserved, plan): (BTreeMap<_, _>, _) = (reserved.collect(), plan_of(&intent));
        assert!(reserved.iter().all(|(pod, node)| plan[pod] == *node));
        reserved.into_keys().collect::<Vec<_>>()
    };
    let case = || Case::new(vec![held("a"), held("b")]);
    assert_eq!(reserved(case()), [""; 0]);
    assert_eq!(reserved(case().with("atomicity", json!("Gang"))), ["a", "b"], "nobody goes before all can");
    assert_eq!(
        reserved(case().with("enforcement", json!("Nominate"))),
        ["a", "b"],
        "nothing else guides them"
    );
    let gates = json!([{"name": "planner.ciena.io/pod-set"}, {"name": "example.com/other"}]);
    let other = pod("a", json!({"spec": {"schedulingGates": gates}}));
    assert_eq!(reserved(Case::new(vec![other, held("b")])), ["a"], "it does not go yet");
    let owned = |kind: &str| {
        let owner = json!({"apiVersion": "v1", "kind": kind, "name": "o", "uid": "o", "controller": true});
        let mut pod = held("a");
        pod.metadata.owner_references = Some(vec![serde_json::from_value(owner).unwrap()]);
        reserved(Case::new(vec![pod, held("b")]))
    };
    assert_eq!(owned("StatefulSet"), [""; 0]);
    assert_eq!(owned("Job"), ["a"], "it would count a failure");
    let mut alone = held("a");
    alone.metadata.owner_references = None;
    assert_eq!(reserved(Case::new(vec![alone, held("b")])), ["a"], "nobody makes another");
}

/// The API server refuses to have room reserved for `pod`.
fn rejected(pod: &str) -> Rejected {
    let (uid, name, why) = (pod.to_owned(), pod.to_owned(), "no".to_owned());
    Rejected { uid, name, write: Write::Reserve, why, again: Duration::from_secs(5) }
}

#[test]
fn who_may_not_have_room_reserved_is_not_released_and_of_a_gang_then_nobody() {
    let released = |atomicity: &str, refused: &str| {
        let case = Case::new(vec![held("a"), held("b")]).with("atomicity", json!(atomicity));
        let mut intent = case.build();
        intent.hold_back(&case.set(), &[rejected(refused)]);
        let uids: BTreeSet<_> = intent.release.into_iter().map(|release| release.uid).collect();
        uids.into_iter().collect::<Vec<_>>()
    };
    assert_eq!(released("BestEffort", "a"), ["b"]);
    assert_eq!(released("Gang", "a"), [""; 0]);
    assert_eq!(released("Gang", "somebody else"), ["a", "b"]);
}
