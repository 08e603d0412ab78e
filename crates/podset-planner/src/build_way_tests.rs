//! Members that are on their way to their nodes, or have been there.

use super::*;

#[test]
fn who_has_done_its_work_counts_for_a_gang_and_who_has_failed_does_not() {
    let gang = |phase: &str| {
        let case = Case::new(vec![ended("a", phase), held("b")]).planned(&[("a", "n1")]);
        case.with("atomicity", json!("Gang")).with("minMembers", json!(2)).build()
    };
    let (succeeded, failed) = (gang("Succeeded"), gang("Failed"));
    assert_eq!((succeeded.release.len(), failed.release.len()), (1, 0));
    assert_eq!((&plan_of(&succeeded)["a"], &plan_of(&failed)["a"]), (&"n1".to_owned(), &"n1".to_owned()));
    let mut case = Case::new(vec![ended("a", "Succeeded"), ended("x", "Failed"), held("b"), held("c")]);
    case.nodes.truncate(1);
    assert_eq!(case.build().release.len(), 2, "neither takes room");
}

/// As [`recheck`] with nobody without a place.
fn good(case: &Case, releases: Vec<Release>) -> Vec<Uid> {
    let good = recheck(&case.set(), &case.cluster(), &BTreeSet::new(), releases);
    good.into_iter().map(|(_, release)| release.uid).collect()
}

#[test]
fn who_was_released_before_is_company_for_others_and_takes_its_room() {
    let mut leader = stuck("a", "n1");
    leader.status = None;
    leader.metadata.labels.as_mut().unwrap().insert("app".to_owned(), "leader".to_owned());
    let selector = json!({"matchLabels": {"app": "leader"}});
    let term = json!({"topologyKey": "kubernetes.io/hostname", "labelSelector": selector});
    let affinity = json!({"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}});
    let mut follower = reserved("b", "n1");
    follower.spec.as_mut().unwrap().affinity = Some(serde_json::from_value(affinity).unwrap());
    let case = Case::new(vec![leader.clone(), follower]).planned(&[("a", "n1"), ("b", "n1")]);
    assert_eq!(good(&case, case.build().release), ["b"]);
    let mut case = Case::new(vec![leader, reserved("c", "n1")]).planned(&[("a", "n1"), ("c", "n1")]);
    case.nodes.truncate(1);
    let releases = case.build().release;
    assert_eq!(good(&case, releases.clone()), ["c"]);
    case.strangers = vec![bound("x", "n1")];
    assert!(good(&case, releases).is_empty());
}

#[test]
fn who_is_refused_where_it_fits_is_named_after_half_a_minute_and_left() {
    let refused = |since: Option<&str>| {
        let mut pod = stuck("a", "n1");
        let conditions = pod.status.as_mut().unwrap().conditions.as_mut().unwrap();
        conditions[0].message = Some("0/3 nodes are available".to_owned());
        let mut case = Case::new(vec![pod]).planned(&[("a", "n1")]);
        case.plan.as_mut().unwrap()["status"]["pods"][0]["releasedAt"] = json!(since);
        case.build()
    };
    let long = refused(Some("2026-01-01T00:00:30Z"));
    let why = "0/3 nodes are available".to_owned();
    assert_eq!(long.refused, [Refused { name: "a".to_owned(), node: "n1".to_owned(), why }]);
    assert!(long.recycle.is_empty() && long.stranded.is_empty());
    for (since, wake) in
        [(Some("2026-01-01T00:00:31Z"), "2026-01-01T00:01:01Z"), (None, "2026-01-01T00:01:30Z")]
    {
        let early = refused(since);
        assert!(early.refused.is_empty(), "{since:?}");
        assert_eq!(early.wake.unwrap().to_string(), wake);
    }
}

#[test]
fn who_waits_for_pods_of_lower_priority_to_go_is_left() {
    let intent = |lowest: i32| {
        let mut waiting = stuck("a", "n1");
        waiting.spec.as_mut().unwrap().priority = Some(5);
        waiting.status.as_mut().unwrap().nominated_node_name = Some("n1".to_owned());
        let mut case = Case::new(vec![waiting]).planned(&[("a", "n1")]);
        case.plan.as_mut().unwrap()["status"]["pods"][0]["releasedAt"] = json!("2026-01-01T00:00:50Z");
        case.strangers = vec![bound("x", "n1"), bound("y", "n1")];
        let world = World { making_room: [("n1".to_owned(), lowest)].into(), ..case.world() };
        let set = case.set();
        build(&world, &set, &phase(&world, &set), Some(&case.cluster()))
    };
    assert!(intent(4).recycle.is_empty() && intent(4).refused.is_empty());
    assert_eq!(names(&intent(5).recycle), ["a"]);
}

/// A pod that was refused at `since` on its node, which is full, and for which the scheduler has nominated `nominated`.
fn evicting(since: &str, nominated: Option<&str>) -> Case {
    let mut waiting = stuck("a", "n1");
    waiting.status.as_mut().unwrap().nominated_node_name = nominated.map(str::to_owned);
    let mut case = Case::new(vec![waiting]).planned(&[("a", "n1")]);
    case.plan.as_mut().unwrap()["status"]["pods"][0]["releasedAt"] = json!(since);
    case.strangers = vec![bound("x", "n1"), bound("y", "n1")];
    case
}

#[test]
fn who_is_refused_and_nominated_is_left_for_ten_seconds_for_others_may_be_about_to_go() {
    let early = evicting("2026-01-01T00:00:51Z", Some("n1")).build();
    assert!(early.recycle.is_empty() && early.refused.is_empty());
    assert_eq!(early.wake.unwrap().to_string(), "2026-01-01T00:01:01Z");
    let late = evicting("2026-01-01T00:00:50Z", Some("n1")).build();
    assert_eq!((names(&late.recycle), late.wake), (vec!["a".to_owned()], None));
    for nominated in [None, Some("n2")] {
        let intent = evicting("2026-01-01T00:00:51Z", nominated).build();
        assert_eq!(names(&intent.recycle), ["a"], "{nominated:?}: nobody goes for it there");
    }
    let mut gone = evicting("2026-01-01T00:00:51Z", Some("n1"));
    gone.lost = vec!["n1".to_owned()];
    gone.nodes.remove(0);
    assert_eq!(names(&gone.build().recycle), ["a"], "its node is gone");
}

#[test]
fn a_ticket_is_no_nomination_by_the_scheduler() {
    let case = evicting("2026-01-01T00:00:51Z", Some("n1"));
    let (world, set) = (World { nominated: BTreeSet::new(), ..case.world() }, case.set());
    let intent = build(&world, &set, &phase(&world, &set), Some(&case.cluster()));
    assert_eq!(names(&intent.recycle), ["a"]);
}

#[test]
fn who_is_on_the_way_for_a_part_of_a_second_is_not_late() {
    let mut case = Case::new(vec![stuck("a", "n1")]).planned(&[("a", "n1")]);
    case = case.with("atomicity", json!("Gang")).with("gangTimeout", json!("1s"));
    let now: Timestamp = "2026-01-01T00:01:00.9Z".parse().unwrap();
    let (world, set) = (World { now, ..case.world() }, case.set());
    let intent = build(&world, &set, &phase(&world, &set), Some(&case.cluster()));
    assert!(intent.recycle.is_empty());
    assert_eq!(intent.wake.unwrap().to_string(), "2026-01-01T00:01:02Z");
}
