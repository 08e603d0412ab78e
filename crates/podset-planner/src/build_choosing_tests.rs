//! What external planners say, against our own plan: three nodes with room for two pods each.

use podset_types::SchedulePlanStatus;

use super::*;
use crate::consult::{Answer, Consulted};

fn answer(planner: &str, assignments: &[(&str, &str)]) -> Answer {
    let assignments = assignments.iter().map(|(pod, node)| ((*pod).to_owned(), (*node).to_owned()));
    Answer { planner: planner.to_owned(), assignments: Ok(assignments.collect()) }
}

fn heard(case: &Case, answers: Vec<Answer>) -> Intent {
    let asked_for = case.set().held().map(|member| member.uid.clone()).collect();
    told(case, Consulted { asked_for, answers })
}

fn told(case: &Case, consulted: Consulted) -> Intent {
    let (world, set) = (case.world(), case.set());
    let world = World { consulted: Some(Arc::new(consulted)), ..world };
    let phase = phase(&world, &set);
    build(&world, &set, &phase, Some(&case.cluster()))
}

fn external(intent: &Intent) -> &External {
    intent.external.as_ref().unwrap()
}

fn status(intent: &Intent, case: &Case) -> SchedulePlanStatus {
    let wanted = intent.plan.as_ref().unwrap();
    plan_status(wanted, case.world().plan.as_deref().unwrap_or(&wanted.plan))
}

fn three() -> Case {
    Case::new(vec![held("a"), held("b"), held("c")])
}

fn pairs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(pod, node)| ((*pod).to_owned(), (*node).to_owned())).collect()
}

#[test]
fn a_right_answer_is_taken_although_we_would_have_spread_the_pods() {
    let (case, packed) = (three(), [("a", "n3"), ("b", "n3"), ("c", "n2")]);
    let intent = heard(&case, vec![answer("team/packer", &packed)]);
    assert_eq!(plan_of(&intent), pairs(&packed));
    let released: BTreeMap<_, _> =
        intent.release.iter().map(|release| (release.uid.clone(), release.node.clone())).collect();
    assert_eq!(released, pairs(&packed));
    assert!(intent.release.iter().all(|release| release.pin));
    assert_eq!(external(&intent).chosen.as_deref(), Some("team/packer"));
    assert_eq!(external(&intent).complaint(), None);
    assert_eq!(status(&intent, &case).planner.as_deref(), Some("team/packer"));
}

#[test]
fn a_wrong_answer_is_named_and_our_own_plan_is_taken() {
    let good = [("a", "n1"), ("b", "n2")];
    for (more, words) in [
        (vec![("c", "nope")], "is wrong about pod c: there is no node `nope`"),
        (vec![("c", "n3"), ("db-0", "n1")], "names pods that are not in the set: db-0"),
        (vec![("c", "n3"), ("x", "n1"), ("y", "n1")], "names pods that are not in the set: x and 1 more"),
        (vec![], "leaves out pods for which there is room: c"),
        (vec![("c", "n1"), ("b", "n1")], "insufficient cpu"),
    ] {
        let assignments: Vec<_> = good.iter().copied().chain(more).collect();
        let intent = heard(&three(), vec![answer("team/bad", &assignments)]);
        assert_eq!(plan_of(&intent), plan_of(&three().build()), "{words}");
        assert_eq!(intent.release.len(), 3);
        let complaint = external(&intent).complaint().unwrap();
        assert!(complaint.contains("team/bad ") && complaint.contains(words), "{complaint}");
        assert_eq!((&external(&intent).chosen, status(&intent, &three()).planner), (&None, None));
    }
}

#[test]
fn no_answer_at_all_changes_nothing() {
    let silent = Answer { planner: "team/slow".into(), assignments: Err("did not answer within 15s".into()) };
    let intent = heard(&three(), vec![silent, answer("team/empty", &[])]);
    assert_eq!(plan_of(&intent), plan_of(&three().build()));
    let complaint = external(&intent).complaint().unwrap();
    assert!(complaint.contains("team/slow did not answer within 15s; team/empty leaves out"), "{complaint}");
    let nobody = heard(&three(), Vec::new());
    assert_eq!((external(&nobody), plan_of(&nobody)), (&External::default(), plan_of(&intent)));
}

/// D15: of several planners one was chosen by chance.
#[test]
fn d15_of_several_right_answers_the_best_wins_and_of_equal_ones_the_first_by_name() {
    let case = || Case::new(vec![held("a"), held("b")]);
    let even = || answer("z/even", &[("a", "n1"), ("b", "n2")]);
    let packed = || answer("a/packed", &[("a", "n1"), ("b", "n1")]);
    let mirrored = || answer("y/mirrored", &[("a", "n2"), ("b", "n1")]);
    let chosen = |case: &Case, answers| external(&heard(case, answers)).chosen.clone().unwrap();
    for answers in [vec![even(), packed()], vec![packed(), even()]] {
        assert_eq!(chosen(&case(), answers.clone()), "z/even");
        assert_eq!(chosen(&case().with("strategy", json!("Pack")), answers), "a/packed");
    }
    for answers in [vec![even(), mirrored()], vec![mirrored(), even()]] {
        assert_eq!(chosen(&case(), answers), "y/mirrored");
    }
}

#[test]
fn an_answer_that_fulfils_fewer_wishes_than_we_do_is_not_taken() {
    let wish = json!([{"weight": 100, "preference": {"matchExpressions": [
        {"key": "kubernetes.io/hostname", "operator": "In", "values": ["n2"]},
    ]}}]);
    let affinity = json!({"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": wish}});
    let gates = json!([{"name": "planner.ciena.io/pod-set"}]);
    let case = Case::new(vec![pod("a", json!({"spec": {"schedulingGates": gates, "affinity": affinity}}))]);
    let intent = heard(&case, vec![answer("team/deaf", &[("a", "n1")])]);
    assert_eq!((plan_of(&intent)["a"].as_str(), external(&intent).complaint()), ("n2", None));
}

#[test]
fn a_pod_that_came_after_the_question_is_planned_by_us_and_nobody_is_blamed() {
    let consulted = Consulted {
        asked_for: ["a", "b"].map(str::to_owned).into(),
        answers: vec![answer("team/early", &[("a", "n1"), ("b", "n1")])],
    };
    let intent = told(&three(), consulted);
    assert_eq!(intent.release.len(), 3);
    assert_eq!((&external(&intent).chosen, external(&intent).complaint()), (&None, None));
}

#[test]
fn where_not_all_have_room_an_answer_may_leave_out_others_than_we_would() {
    let names: Vec<_> = (0..7).map(|number| format!("p{number}")).collect();
    let case = Case::new(names.iter().map(|name| held(name)).collect());
    let ours = plan_of(&case.build());
    let left: Vec<_> = names.iter().filter(|name| !ours.contains_key(*name)).collect();
    let [left] = left.as_slice() else { panic!("{ours:?}") };
    // The one that we leave out, in the place of another.
    let (out, node) = ours.iter().next().unwrap();
    let mut theirs = ours.clone();
    theirs.remove(out);
    theirs.insert((*left).clone(), node.clone());
    let theirs: Vec<_> = theirs.iter().map(|(pod, node)| (pod.as_str(), node.as_str())).collect();
    let intent = heard(&case, vec![answer("team/other", &theirs)]);
    assert_eq!(plan_of(&intent), pairs(&theirs));
    assert_eq!(intent.unplaced.keys().collect::<Vec<_>>(), [out]);
    assert!(
        intent.unplaced[out].contains("the plan of team/other has no place for it"),
        "{:?}",
        intent.unplaced
    );
}

#[test]
fn of_a_gang_an_answer_that_leaves_somebody_out_is_not_taken() {
    let gang = three().with("atomicity", json!("Gang"));
    let intent = heard(&gang, vec![answer("team/half", &[("a", "n1"), ("b", "n1")])]);
    assert_eq!((intent.release.len(), &external(&intent).chosen), (3, &None));
    let whole = heard(&gang, vec![answer("team/whole", &[("a", "n1"), ("b", "n1"), ("c", "n2")])]);
    assert_eq!((whole.release.len(), plan_of(&whole)["b"].as_str()), (3, "n1"));
}

#[test]
fn members_that_are_bound_may_be_named_where_they_are_and_nowhere_else() {
    let case = || Case::new(vec![bound("a", "n1"), held("b")]).planned(&[("a", "n1")]);
    for assignments in [&[("a", "n1"), ("b", "n1")][..], &[("b", "n1")]] {
        let intent = heard(&case(), vec![answer("team/p", assignments)]);
        assert_eq!(plan_of(&intent), pairs(&[("a", "n1"), ("b", "n1")]));
        assert!(external(&intent).chosen.is_some());
    }
    let intent = heard(&case(), vec![answer("team/p", &[("a", "n2"), ("b", "n1")])]);
    let complaint = external(&intent).complaint().unwrap();
    assert!(complaint.contains("pod a: bound to n1 already, so not to n2"), "{complaint}");
}

#[test]
fn room_of_members_that_are_on_their_way_is_not_given_away() {
    // Two are pinned to n1, so that it is full.
    let case = || {
        Case::new(vec![stuck("a", "n1"), stuck("b", "n1"), held("c")]).planned(&[("a", "n1"), ("b", "n1")])
    };
    let intent = heard(&case(), vec![answer("team/p", &[("c", "n1")])]);
    assert!(external(&intent).complaint().unwrap().contains("insufficient cpu"));
    let intent = heard(&case(), vec![answer("team/p", &[("c", "n2")])]);
    assert_eq!(plan_of(&intent), pairs(&[("a", "n1"), ("b", "n1"), ("c", "n2")]));
}

#[test]
fn pods_of_the_set_that_have_ended_may_be_named() {
    let ended = pod("old", json!({"spec": {"nodeName": "n1"}, "status": {"phase": "Succeeded"}}));
    let case = Case::new(vec![held("a"), ended]);
    let intent = heard(&case, vec![answer("team/p", &[("a", "n2"), ("old", "n1")])]);
    assert_eq!(plan_of(&intent), pairs(&[("a", "n2"), ("old", "n1")]));
    assert!(external(&intent).chosen.is_some());
}

#[test]
fn what_is_not_modelled_is_only_nominated_whoever_planned_it() {
    let claims = json!([{"name": "gpu", "resourceClaimName": "gpu"}]);
    let gates = json!([{"name": "planner.ciena.io/pod-set"}]);
    let case =
        Case::new(vec![pod("a", json!({"spec": {"schedulingGates": gates, "resourceClaims": claims}}))]);
    let intent = heard(&case, vec![answer("team/p", &[("a", "n2")])]);
    assert_eq!((intent.release[0].node.as_str(), intent.release[0].pin), ("n2", false));
    assert!(status(&intent, &case).pods[0].nominated_because.as_ref().unwrap().contains("gpu"));
}

#[test]
fn who_decided_stands_in_the_plan_until_somebody_else_decides() {
    let decided = |pods| {
        let mut case = Case::new(pods).planned(&[("a", "n1")]);
        case.plan.as_mut().unwrap()["status"]["planner"] = "team/before".into();
        case
    };
    let alone = decided(vec![bound("a", "n1")]);
    assert_eq!(status(&alone.build(), &alone).planner.as_deref(), Some("team/before"));
    let joined = decided(vec![bound("a", "n1"), held("b")]);
    assert_eq!(status(&joined.build(), &joined).planner, None);
    // It was not planned, and stands there as it is.
    let stray = decided(vec![bound("a", "n1"), bound("b", "n2")]);
    assert_eq!(status(&stray.build(), &stray).planner.as_deref(), Some("team/before"));
}

#[test]
fn a_complaint_names_some_and_counts_the_others() {
    let refused = (0..7).map(|number| (format!("team/p{number}"), "is down".to_owned())).collect();
    let complaint = External { asked: 7, chosen: None, refused }.complaint().unwrap();
    assert!(complaint.contains("team/p4 is down; and 2 more. Correct them"), "{complaint}");
    assert!(!complaint.contains("team/p5"), "{complaint}");
}
