//! Decisions on fixtures: three nodes with room for two pods each, and pods of one core.

use k8s_openapi::api::core::v1::{Namespace, Node};
use pod_planner::Volumes;
use podset_types::{ScheduleTrigger, plan_name};
use serde_json::{Value, json};

use super::*;
use crate::{phase::phase, validate::validate};

/// What a case starts from.
struct Case {
    spec: Value,
    nodes: Vec<Node>,
    pods: Vec<Pod>,
    /// Pods of nobody's set.
    strangers: Vec<Pod>,
    plan: Option<Value>,
    lost: Vec<String>,
}

fn node(name: &str, cores: u32) -> Node {
    let allocatable = json!({"cpu": cores.to_string(), "memory": "8Gi", "pods": "110"});
    let ready =
        json!([{"type": "Ready", "status": "True", "lastHeartbeatTime": null, "lastTransitionTime": null}]);
    let metadata = json!({"name": name, "labels": {"kubernetes.io/hostname": name}});
    serde_json::from_value(json!({
        "metadata": metadata, "status": {"allocatable": allocatable, "capacity": allocatable, "conditions": ready},
    }))
    .unwrap()
}

fn pod(name: &str, fields: Value) -> Pod {
    let containers = json!([{"name": "it", "resources": {"requests": {"cpu": "1"}}}]);
    let owner = json!([{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "rs", "controller": true}]);
    let mut pod = json!({
        "metadata": {
            "namespace": "team", "name": name, "uid": name, "labels": {"planner.ciena.io/pod-set": "web"},
            "creationTimestamp": "2026-01-01T00:00:00Z", "ownerReferences": owner,
        },
        "spec": {"containers": containers}, "status": {"phase": "Pending"},
    });
    json_patch::merge(&mut pod, &fields);
    serde_json::from_value(pod).unwrap()
}

fn held(name: &str) -> Pod {
    pod(name, json!({"spec": {"schedulingGates": [{"name": "planner.ciena.io/pod-set"}]}}))
}

fn reserved(name: &str, node: &str) -> Pod {
    let fields = json!({
        "spec": {"schedulingGates": [{"name": "planner.ciena.io/pod-set"}]}, "status": {"nominatedNodeName": node},
    });
    pod(name, fields)
}

fn bound(name: &str, node: &str) -> Pod {
    pod(name, json!({"spec": {"nodeName": node}, "status": {"phase": "Running"}}))
}

/// Released and pinned; the scheduler has found it no node.
fn stuck(name: &str, node: &str) -> Pod {
    let field = json!({"key": "metadata.name", "operator": "In", "values": [node]});
    let terms = json!({"nodeSelectorTerms": [{"matchFields": [field]}]});
    let affinity = json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}});
    let unschedulable = json!([{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]);
    pod(name, json!({"spec": {"affinity": affinity}, "status": {"conditions": unschedulable}}))
}

impl Case {
    fn new(pods: Vec<Pod>) -> Self {
        let nodes = ["n1", "n2", "n3"].map(|name| node(name, 2)).into();
        Self {
            spec: json!({"state": "Schedule"}),
            nodes,
            pods,
            strangers: Vec::new(),
            plan: None,
            lost: Vec::new(),
        }
    }

    fn with(mut self, field: &str, value: Value) -> Self {
        self.spec[field] = value;
        self
    }

    /// A plan with the pods and nodes of `items`.
    fn planned(mut self, items: &[(&str, &str)]) -> Self {
        let plan: Vec<_> = items.iter().map(|(pod, node)| json!({"pod": pod, "node": node})).collect();
        let pods: Vec<_> = items.iter().map(|(pod, _)| json!({"pod": pod, "uid": pod})).collect();
        let status = json!({"observedGeneration": 1, "decidedAt": "2026-01-01T00:00:05Z", "pods": pods});
        self.plan = Some(json!({
            "apiVersion": "planner.ciena.io/v1alpha1", "kind": "SchedulePlan", "spec": {"plan": plan}, "status": status,
            "metadata": {"namespace": "team", "name": plan_name("team", "web"), "generation": 1},
        }));
        self
    }

    fn world(&self) -> World {
        let trigger: ScheduleTrigger = serde_json::from_value(json!({
            "apiVersion": "planner.ciena.io/v1alpha1", "kind": "ScheduleTrigger", "spec": self.spec,
            "metadata": {
                "namespace": "team", "name": "t", "uid": "t", "creationTimestamp": "2026-01-01T00:00:00Z",
                "labels": {"planner.ciena.io/pod-set": "web"},
            },
        }))
        .unwrap();
        let now = "2026-01-01T00:01:00Z".parse().unwrap();
        World {
            pods: self.pods.iter().cloned().map(Arc::new).collect(),
            plan: self.plan.clone().map(|plan| Arc::new(serde_json::from_value(plan).unwrap())),
            lost: self.lost.iter().cloned().collect(),
            nominated: self.nominated(),
            ..World::without_set(Arc::new(trigger), now)
        }
    }

    fn nominated(&self) -> BTreeSet<Uid> {
        let nominated = self.pods.iter().filter(|pod| nominated(pod).is_some());
        nominated.filter_map(|pod| pod.metadata.uid.clone()).collect()
    }

    fn cluster(&self) -> Cluster {
        let room = self.pods.iter().chain(&self.strangers).filter(|pod| crate::pods::takes_room(pod));
        Cluster::new(&self.nodes, room, &Volumes::default(), std::iter::empty::<&Namespace>())
    }

    fn set(&self) -> PodSet {
        validate(&self.world()).unwrap()
    }

    fn build(&self) -> Intent {
        let (world, set) = (self.world(), self.set());
        let phase = phase(&world, &set);
        let cluster = needs_survey(&world, &set, &phase).then(|| self.cluster());
        build(&world, &set, &phase, cluster.as_ref())
    }
}

fn plan_of(intent: &Intent) -> BTreeMap<String, String> {
    let plan = intent.plan.as_ref().map(|wanted| wanted.plan.spec.plan.clone()).unwrap_or_default();
    plan.into_iter().map(|item| (item.pod, item.node)).collect()
}

fn names(pods: &[Arc<Pod>]) -> Vec<String> {
    pods.iter().map(|pod| pod.metadata.name.clone().unwrap_or_default()).collect()
}

#[test]
fn a_set_is_planned_and_released_as_a_whole() {
    let intent = Case::new(vec![held("a"), held("b"), held("c")]).build();
    let plan = plan_of(&intent);
    assert_eq!(plan.len(), 3);
    assert_eq!(plan.values().collect::<BTreeSet<_>>().len(), 3, "spread: {plan:?}");
    assert!(intent.release.iter().all(|release| release.pin && plan[&release.uid] == release.node));
    assert_eq!(intent.release.len(), 3);
    let packed = Case::new(vec![held("a"), held("b")]).with("strategy", json!("Pack")).build();
    assert_eq!(plan_of(&packed).values().collect::<BTreeSet<_>>().len(), 1);
}

#[test]
fn a_plan_carries_its_set_and_is_owned_by_the_trigger() {
    let wanted = Case::new(vec![held("a")]).build().plan.unwrap();
    let metadata = &wanted.plan.metadata;
    assert_eq!(metadata.name.as_deref(), Some(plan_name("team", "web").as_str()));
    assert_eq!(metadata.labels.as_ref().unwrap()["planner.ciena.io/pod-set"], "web");
    assert_eq!(metadata.owner_references.as_ref().unwrap()[0].uid, "t");
    let status = plan_status(&wanted, &wanted.plan);
    assert_eq!((status.pods[0].pod.as_str(), status.pods[0].uid.as_str()), ("a", "a"));
    assert_eq!(status.decided_at.unwrap().0.to_string(), "2026-01-01T00:01:00Z");
}

#[test]
fn enforcement_nominate_releases_without_a_pin() {
    let intent = Case::new(vec![held("a")]).with("enforcement", json!("Nominate")).build();
    assert!(!intent.release[0].pin);
}

/// D1: with one feasible node pods were bound while the trigger was `Planning`.
#[test]
fn d1_nothing_is_planned_or_released_while_the_set_is_held() {
    let mut case = Case::new(vec![held("a"), reserved("b", "n1")]).with("state", json!("Planning"));
    case.nodes.truncate(1);
    let intent = case.build();
    assert!(intent.plan.is_none() && intent.release.is_empty() && intent.reserve.is_empty());
    assert_eq!(names(&intent.withdraw), ["b"], "what was reserved is given back");
}

/// D3: a node once planned was planned for ever, whether it could take the pod or not.
#[test]
fn d3_a_member_that_is_held_is_planned_anew_when_its_node_is_lost_cordoned_or_full() {
    let planned = || Case::new(vec![reserved("a", "n1")]).planned(&[("a", "n1")]);
    assert_eq!(plan_of(&planned().build())["a"], "n1", "what still holds stays");
    let mut lost = planned();
    lost.nodes.remove(0);
    let mut cordoned = planned();
    cordoned.nodes[0].spec = serde_json::from_value(json!({"unschedulable": true})).unwrap();
    let mut full = planned();
    full.strangers = vec![bound("x", "n1"), bound("y", "n1")];
    for case in [lost, cordoned, full] {
        let intent = case.build();
        assert_ne!(plan_of(&intent)["a"], "n1");
        assert_eq!(intent.reserve[0].1, plan_of(&intent)["a"]);
        assert_eq!(intent.release[0].node, plan_of(&intent)["a"]);
    }
}

/// D10: members without a place were left out without a word, and there was no gang.
#[test]
fn d10_who_has_no_place_is_named_with_the_reason_and_the_others_go() {
    let pods: Vec<_> = (0..7).map(|number| held(&format!("p{number}"))).collect();
    let intent = Case::new(pods).build();
    assert_eq!((plan_of(&intent).len(), intent.release.len(), intent.unplaced.len()), (6, 6, 1));
    let status = plan_status(intent.plan.as_ref().unwrap(), &intent.plan.as_ref().unwrap().plan);
    assert!(status.unplaced[0].reason.contains("cpu"), "{:?}", status.unplaced);
}

#[test]
fn d10_of_a_gang_nobody_is_reserved_or_released_unless_all_have_a_place() {
    let pods = |count| (0..count).map(|number| held(&format!("p{number}"))).collect();
    let intent = Case::new(pods(7)).with("atomicity", json!("Gang")).build();
    assert!(intent.release.is_empty() && intent.reserve.is_empty() && plan_of(&intent).is_empty());
    assert_eq!(intent.plan.unwrap().plan.spec.plan, []);
    let fits = Case::new(pods(6)).with("atomicity", json!("Gang"));
    assert_eq!(fits.build().release.len(), 6);
    let few = fits.with("minMembers", json!(7));
    assert!(few.build().release.is_empty());
}

#[test]
fn a_gang_that_fits_no_longer_gives_back_what_it_had_reserved() {
    let mut case = Case::new(vec![reserved("a", "n1"), held("b")]).with("atomicity", json!("Gang"));
    case.nodes.truncate(1);
    case.nodes[0] = node("n1", 1);
    let intent = case.build();
    assert_eq!((names(&intent.withdraw), intent.release.len()), (vec!["a".to_owned()], 0));
}

#[test]
fn a_new_member_is_planned_around_those_that_are_there() {
    let case =
        Case::new(vec![bound("a", "n1"), bound("b", "n2"), held("c")]).planned(&[("a", "n1"), ("b", "n2")]);
    let intent = case.build();
    assert_eq!(plan_of(&intent)["c"], "n3");
    assert_eq!(intent.release.len(), 1);
}

/// D2: the plan was rewritten to whatever had happened.
#[test]
fn d2_what_runs_elsewhere_is_told_and_the_plan_stays_as_it_was_decided() {
    let intent = Case::new(vec![bound("a", "n3")]).planned(&[("a", "n1")]).build();
    assert_eq!(plan_of(&intent)["a"], "n1");
    let wanted = intent.plan.unwrap();
    let status = plan_status(&wanted, &wanted.plan);
    assert_eq!((status.drift[0].planned.as_str(), status.drift[0].actual.as_str()), ("n1", "n3"));
    assert_eq!(status.conditions[0].status, "True");
    assert!(status.conditions[0].message.contains("planned for n1 and runs on n3"));
}

/// D13: plans were keyed by name, so that a StatefulSet's successor got or lost the place of another pod.
#[test]
fn d13_a_successor_of_the_same_name_is_another_pod() {
    let mut successor = bound("a", "n3");
    successor.metadata.uid = Some("second".to_owned());
    let intent = Case::new(vec![successor.clone()]).planned(&[("a", "n1")]).build();
    assert_eq!(plan_of(&intent)["a"], "n3", "it is where it is, and has not drifted");
    successor.spec.as_mut().unwrap().node_name = None;
    successor.spec.as_mut().unwrap().scheduling_gates = held("a").spec.unwrap().scheduling_gates;
    let intent = Case::new(vec![successor]).planned(&[("a", "n1")]).build();
    assert_eq!(intent.release[0].uid, "second");
    assert_eq!(
        plan_status(intent.plan.as_ref().unwrap(), &intent.plan.as_ref().unwrap().plan).pods[0].uid,
        "second"
    );
}

/// D13: what a missed deletion left in the plan stayed there for ever.
#[test]
fn d13_entries_go_with_their_pods_and_the_plan_with_the_last() {
    let case = Case::new(vec![bound("a", "n1")]).planned(&[("a", "n1"), ("gone", "n2")]);
    assert_eq!(plan_of(&case.build()).keys().collect::<Vec<_>>(), ["a"]);
    assert!(Case::new(Vec::new()).planned(&[("gone", "n2")]).build().plan.is_none());
    for phase in ["Succeeded", "Failed"] {
        let mut ended = ended("a", phase);
        let case = |ended: &Pod| Case::new(vec![ended.clone()]).planned(&[("a", "n1")]);
        assert_eq!(plan_of(&case(&ended).build())["a"], "n1", "{phase}: it is there as long as its pod is");
        ended.metadata.deletion_timestamp = ended.metadata.creation_timestamp.clone();
        assert!(case(&ended).build().plan.is_none(), "{phase}");
    }
}

fn ended(name: &str, phase: &str) -> Pod {
    pod(name, json!({"spec": {"nodeName": "n1"}, "status": {"phase": phase}}))
}

#[test]
fn a_decision_keeps_its_date_until_there_is_another() {
    let date = |case: Case| {
        let (intent, world) = (case.build(), case.world());
        plan_status(intent.plan.as_ref().unwrap(), world.plan.as_ref().unwrap())
            .decided_at
            .unwrap()
            .0
            .to_string()
    };
    let same = Case::new(vec![bound("a", "n1")]).planned(&[("a", "n1"), ("gone", "n2")]);
    assert_eq!(date(same), "2026-01-01T00:00:05Z");
    let more = Case::new(vec![bound("a", "n1"), held("b")]).planned(&[("a", "n1")]);
    assert_eq!(date(more), "2026-01-01T00:01:00Z");
}

#[test]
fn who_was_released_to_a_lost_node_is_recycled_if_somebody_makes_another() {
    let mut orphan = stuck("b", "gone");
    orphan.metadata.owner_references = None;
    let mut case = Case::new(vec![stuck("a", "gone"), orphan]).planned(&[("a", "gone"), ("b", "gone")]);
    case.lost = vec!["gone".to_owned()];
    let intent = case.build();
    assert_eq!(
        (names(&intent.recycle), intent.stranded.clone()),
        (vec!["a".to_owned()], vec!["b".to_owned()])
    );
    assert_eq!(plan_of(&intent)["a"], "gone", "what was decided stays as long as the pod does");
}

#[test]
fn who_is_on_the_way_to_a_node_that_takes_it_is_left_alone() {
    let intent = Case::new(vec![stuck("a", "n1")]).planned(&[("a", "n1")]).build();
    assert!(intent.recycle.is_empty() && intent.stranded.is_empty() && intent.release.is_empty());
}

#[test]
fn a_gang_takes_back_who_is_on_the_way_for_too_long() {
    let gang = |released: &str| {
        let mut case = Case::new(vec![bound("a", "n1"), stuck("b", "n2")])
            .planned(&[("a", "n1"), ("b", "n2")])
            .with("atomicity", json!("Gang"))
            .with("gangTimeout", json!("30s"));
        case.plan.as_mut().unwrap()["status"]["pods"][1]["releasedAt"] = released.into();
        case.build()
    };
    assert_eq!(names(&gang("2026-01-01T00:00:30Z").recycle), ["b"]);
    let early = gang("2026-01-01T00:00:31Z");
    assert!(early.recycle.is_empty());
    assert_eq!(early.wake.unwrap().to_string(), "2026-01-01T00:01:01Z");
}

#[test]
fn when_a_member_of_a_gang_with_a_limit_was_released_is_kept() {
    let case = Case::new(vec![stuck("a", "n1"), bound("b", "n2")])
        .planned(&[("a", "n1"), ("b", "n2")])
        .with("atomicity", json!("Gang"))
        .with("gangTimeout", json!("30s"));
    let wanted = case.build().plan.unwrap();
    let pods = plan_status(&wanted, &wanted.plan).pods;
    assert_eq!(pods[0].released_at.as_ref().unwrap().0.to_string(), "2026-01-01T00:01:00Z");
    assert_eq!(pods[1].released_at, None);
}

#[test]
fn nothing_is_computed_when_nobody_is_held() {
    let case = Case::new(vec![bound("a", "n1")]).planned(&[("a", "n1")]);
    let (world, set) = (case.world(), case.set());
    assert!(!needs_survey(&world, &set, &phase(&world, &set)));
}

#[test]
fn what_holds_no_longer_is_not_released_and_of_a_gang_nothing_is() {
    let releases = |case: &Case| case.build().release;
    let now = |spec: &str| {
        let mut case =
            Case::new(vec![reserved("a", "n1"), reserved("b", "n2")]).planned(&[("a", "n1"), ("b", "n2")]);
        case = case.with("atomicity", json!(spec));
        let planned = releases(&case);
        case.strangers = vec![bound("x", "n1"), bound("y", "n1")];
        recheck(&case.set(), &case.cluster(), &BTreeSet::new(), planned)
    };
    let kept: Vec<_> = now("BestEffort").into_iter().map(|(_, release)| release.uid).collect();
    assert_eq!(kept, ["b"]);
    assert!(now("Gang").is_empty());
    // What was not reserved after all, and should have been, is not released either.
    let case = Case::new(vec![held("a")]).with("atomicity", json!("Gang"));
    assert!(recheck(&case.set(), &case.cluster(), &BTreeSet::new(), releases(&case)).is_empty());
}

#[path = "build_choosing_tests.rs"]
mod choosing;

#[path = "build_reserving_tests.rs"]
mod reserving;

#[path = "build_way_tests.rs"]
mod on_their_way;
