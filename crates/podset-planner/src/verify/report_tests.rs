use serde_json::{Value, json};

use super::*;

fn pod(name: &str, set: Option<&str>, node: Option<&str>) -> Pod {
    let labels = set.map(|set| json!({"planner.ciena.io/pod-set": set}));
    let metadata = json!({"namespace": "team", "name": name, "labels": labels});
    serde_json::from_value(json!({"metadata": metadata, "spec": {"containers": [], "nodeName": node}}))
        .unwrap()
}

fn plan(set: &str, items: &[(&str, &str)]) -> SchedulePlan {
    let items: Vec<_> = items.iter().map(|(pod, node)| json!({"pod": pod, "node": node})).collect();
    let metadata = json!({"namespace": "team", "name": plan_name("team", set)});
    let plan = json!({
        "apiVersion": "planner.ciena.io/v1alpha1", "kind": "SchedulePlan", "metadata": metadata, "spec": {"plan": items},
    });
    serde_json::from_value(plan).unwrap()
}

fn text(report: &Report) -> (String, String) {
    let (mut out, mut aside) = (Vec::new(), Vec::new());
    report.write_text(&mut out, &mut aside).unwrap();
    (String::from_utf8(out).unwrap(), String::from_utf8(aside).unwrap())
}

#[test]
fn pods_that_run_as_planned_are_a_success() {
    let pods =
        [pod("a", Some("web"), Some("n1")), pod("b", Some("web"), Some("n2")), pod("other", None, None)];
    for strict in [false, true] {
        let report = compare(&[plan("web", &[("a", "n1"), ("b", "n2")])], &pods, strict);
        assert!(report.is_success());
        assert_eq!(text(&report), ("Planner assignment verification success\n".into(), String::new()));
    }
}

#[test]
fn a_pod_elsewhere_or_gone_is_a_mismatch_in_the_words_that_scripts_know() {
    let report =
        compare(&[plan("web", &[("a", "n1"), ("gone", "n2")])], &[pod("a", Some("web"), Some("n3"))], false);
    assert!(!report.is_success());
    let expected = "Planner assignment verification failed. Mismatches [{'pod': 'a', 'node': 'n1'}, {'pod': 'gone', \
                    'node': 'n2'}]\n";
    assert_eq!(text(&report).0, expected);
    assert_eq!(report.mismatches[0].actual.as_deref(), Some("n3"));
}

#[test]
fn all_plans_count_and_not_only_the_first() {
    let plans = [plan("web", &[("a", "n1")]), plan("db", &[("b", "n2")])];
    let pods = [pod("a", Some("web"), Some("n1")), pod("b", Some("db"), Some("n1"))];
    assert_eq!(compare(&plans, &pods, false).mismatches.len(), 1);
}

#[test]
fn no_plan_at_all_is_a_success_unless_pods_of_sets_are_there_and_it_is_strict() {
    let expected = "No scheduleplan instances found\nPlanner assignment verification success\n";
    assert_eq!(text(&compare(&[], &[], true)).0, expected);
    let pods = [pod("a", Some("web"), Some("n1"))];
    let lax = compare(&[], &pods, false);
    assert_eq!(text(&lax), (expected.to_owned(), "a: in no plan of its set\n".to_owned()));
    assert!(!compare(&[], &pods, true).is_success());
}

#[test]
fn a_pod_that_is_not_bound_is_mentioned_and_counts_only_if_strict() {
    let (plans, pods) = ([plan("web", &[("a", "n1")])], [pod("a", Some("web"), None)]);
    let lax = compare(&plans, &pods, false);
    assert!(lax.is_success());
    assert_eq!(text(&lax).1, "a: planned, not bound yet\n");
    let strict = compare(&plans, &pods, true);
    assert_eq!(text(&strict).0, "Planner assignment verification failed. Mismatches []\n");
}

#[test]
fn a_pod_in_the_plan_of_another_set_is_in_none_of_its_own() {
    let report = compare(&[plan("db", &[("a", "n1")])], &[pod("a", Some("web"), Some("n1"))], true);
    assert_eq!(report.unplanned, ["a"]);
}

#[test]
fn json_says_everything() {
    let pods = [pod("a", Some("web"), Some("n3")), pod("b", Some("web"), None), pod("c", Some("web"), None)];
    let report = compare(&[plan("web", &[("a", "n1"), ("b", "n1")])], &pods, true);
    let mut out = Vec::new();
    report.write_json(&mut out).unwrap();
    let expected = json!({
        "success": false, "strict": true, "plans": 1, "pending": ["b"], "unplanned": ["c"],
        "mismatches": [{"pod": "a", "node": "n1", "actual": "n3"}],
    });
    assert_eq!(serde_json::from_slice::<Value>(&out).unwrap(), expected);
}
