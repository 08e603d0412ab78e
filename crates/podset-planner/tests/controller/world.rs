//! An API server in memory, a planner before it, and somebody who plays the rest of Kubernetes behind it.

use std::collections::BTreeMap;

use controller_kit::{Cache, testing::TestApiServer};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::{ResourceExt as _, runtime::controller::Action};
use podset_planner::{Caches, Error, Metrics, NAME, Planner, Stores};
use podset_types::{
    GATE, LABEL_POD_SET, SCHEDULER, SchedulePlan, ScheduleTrigger, ScheduleTriggerStatus, Ticket,
    TriggerState, plan_name,
};
use serde_json::{Value, json};

pub const NAMESPACE: &str = "team";
pub const SET: &str = "web";
pub const TRIGGER: &str = "t";

pub struct World {
    pub server: TestApiServer,
    pub caches: Caches,
    pub planner: Planner,
    /// What the clock says; it stands still unless a test moves it.
    pub now: Timestamp,
}

impl World {
    /// Three nodes with room for `room` pods each, a trigger with this spec, and so many held pods.
    pub fn new(spec: &Value, room: u32, pods: usize) -> Self {
        Self::of(spec, room, pods, pod)
    }

    /// The same with pods that ask for the planner's scheduler, which no gate holds.
    pub fn asking(spec: &Value, room: u32, pods: usize) -> Self {
        Self::of(spec, room, pods, asking_pod)
    }

    fn of(spec: &Value, room: u32, pods: usize, pod: fn(&str, &str) -> Pod) -> Self {
        let server = TestApiServer::new();
        for name in ["n1", "n2", "n3"] {
            server.insert(node(name, room));
        }
        server.insert(trigger(TRIGGER, SET, spec));
        for number in 0..pods {
            server.insert(pod(&format!("web-{number:02}"), SET));
        }
        Self::with(server, at(3600))
    }

    pub fn with(server: TestApiServer, now: Timestamp) -> Self {
        let caches = Caches::new(Stores {
            triggers: Cache::from_objects(server.list()),
            plans: Cache::from_objects(server.list()),
            pods: Cache::from_objects(server.list()),
            nodes: Cache::from_objects(server.list()),
            claims: Cache::from_objects(server.list()),
            volumes: Cache::from_objects(server.list()),
            namespaces: Cache::from_objects(server.list()),
        });
        let (kit, _) = server.kit(NAME);
        let metrics = Metrics::register(&kit.registry).unwrap();
        let planner = Planner::new(caches.clone(), kit.client.clone(), kit.events.clone(), metrics);
        Self { server, caches, planner, now }
    }

    /// The same world with a new process, whose caches hold what is there now.
    pub fn restart(self) -> Self {
        Self::with(self.server, self.now)
    }

    /// One reconcile of the trigger.
    pub async fn pass(&self) -> Result<Action, Error> {
        self.pass_of(TRIGGER).await
    }

    pub async fn pass_of(&self, name: &str) -> Result<Action, Error> {
        let trigger = self.caches.stores.triggers.get(NAMESPACE, name).expect("the trigger should be there");
        self.planner.reconcile(&trigger, self.now).await
    }

    /// One reconcile by a new process.
    pub async fn again(self) -> Self {
        let world = self.restart();
        world.pass().await.unwrap();
        world
    }

    /// A new process, after the clock went on.
    pub fn later(mut self, seconds: i64) -> Self {
        self.now += SignedDuration::from_secs(seconds);
        self.restart()
    }

    pub fn trigger(&self) -> ScheduleTrigger {
        self.server.get(NAMESPACE, TRIGGER).unwrap()
    }

    pub fn status(&self) -> ScheduleTriggerStatus {
        self.trigger().status.unwrap_or_default()
    }

    /// Status and reason of a condition of the trigger.
    pub fn condition(&self, type_: &str) -> String {
        condition(&self.trigger(), type_)
    }

    pub fn set_state(&self, state: TriggerState) {
        self.server.modify(NAMESPACE, TRIGGER, |trigger: &mut ScheduleTrigger| trigger.spec.state = state);
    }

    pub fn plan(&self) -> Option<SchedulePlan> {
        self.server.get(NAMESPACE, &plan_name(NAMESPACE, SET))
    }

    /// The plan's entries.
    pub fn entries(&self) -> BTreeMap<String, String> {
        let plan = self.plan().map(|plan| plan.spec.plan).unwrap_or_default();
        plan.into_iter().map(|item| (item.pod, item.node)).collect()
    }

    pub fn pod(&self, name: &str) -> Pod {
        self.server.get(NAMESPACE, name).unwrap()
    }

    pub fn pods(&self) -> Vec<Pod> {
        self.server.list()
    }

    /// The names of the pods that are not held, with the nodes that they are pinned to.
    pub fn released(&self) -> BTreeMap<String, String> {
        let pods = self.pods().into_iter().filter(|pod| !is_held(pod));
        pods.map(|pod| (pod.name_any(), pinned(&pod).unwrap_or_default())).collect()
    }

    /// What the scheduler does, and the extender has it do: every pod that is not held goes to the node that it is pinned to.
    pub fn bind(&self) {
        for (name, node) in self.released() {
            self.bind_to(&name, &node);
        }
    }

    pub fn bind_to(&self, name: &str, node: &str) {
        self.server.modify(NAMESPACE, name, |pod: &mut Pod| {
            pod.spec.as_mut().unwrap().node_name = Some(node.to_owned());
        });
    }

    pub fn remove_pods(&self) {
        for pod in self.pods() {
            self.server.remove::<Pod>(NAMESPACE, &pod.name_any());
        }
    }

    /// What was written since the requests were last cleared: `<verb> <resource>`, without repetitions side by side.
    pub fn written(&self) -> Vec<String> {
        let mut written: Vec<_> = self
            .server
            .writes()
            .iter()
            .map(|write| {
                let path: Vec<&str> = write.path.split('/').skip_while(|part| *part != NAMESPACE).collect();
                let sub = path.get(3).map(|sub| format!("/{sub}")).unwrap_or_default();
                format!("{} {}{sub}", write.method, path.get(1).copied().unwrap_or_default())
            })
            .collect();
        written.dedup();
        written
    }

    /// So many pods are released as planned, each by one write, beside those of the plan and the trigger.
    pub fn assert_released_with_one_write_each(&self, pods: usize) {
        let expected = [
            "PATCH scheduleplans",
            "PATCH scheduleplans/status",
            "PATCH pods",
            "PATCH scheduletriggers/status",
        ];
        assert_eq!(self.written(), expected);
        assert_eq!(self.server.writes().len(), 3 + pods);
        assert_eq!(self.released().len(), pods);
        self.assert_released_as_planned();
    }

    /// Nothing is released that is not in the plan, and nobody is pinned elsewhere than planned.
    pub fn assert_released_as_planned(&self) {
        let entries = self.entries();
        for (pod, node) in self.released() {
            assert_eq!(entries.get(&pod), Some(&node), "{pod} is released and the plan is {entries:?}");
        }
    }
}

/// So many seconds after the start of the server's clock.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + seconds).unwrap()
}

pub fn node(name: &str, cores: u32) -> Node {
    let allocatable = json!({"cpu": cores.to_string(), "memory": "8Gi", "pods": "110"});
    let ready =
        json!([{"type": "Ready", "status": "True", "lastHeartbeatTime": null, "lastTransitionTime": null}]);
    serde_json::from_value(json!({
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
        "status": {"allocatable": allocatable, "capacity": allocatable, "conditions": ready},
    }))
    .unwrap()
}

pub fn trigger(name: &str, set: &str, spec: &Value) -> ScheduleTrigger {
    serde_json::from_value(json!({
        "apiVersion": "planner.ciena.io/v1alpha1", "kind": "ScheduleTrigger", "spec": spec,
        "metadata": {"namespace": NAMESPACE, "name": name, "labels": {LABEL_POD_SET: set}},
    }))
    .unwrap()
}

/// A held pod of one core that a ReplicaSet owns.
pub fn pod(name: &str, set: &str) -> Pod {
    let owner =
        json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "rs", "uid": "rs", "controller": true});
    let metadata = json!({"namespace": NAMESPACE, "name": name, "labels": {LABEL_POD_SET: set}, "ownerReferences": [owner]});
    let container = json!({"name": "it", "resources": {"requests": {"cpu": "1"}}});
    let spec = json!({"containers": [container], "schedulingGates": [{"name": GATE}]});
    serde_json::from_value(json!({"metadata": metadata, "spec": spec, "status": {"phase": "Pending"}}))
        .unwrap()
}

/// A held pod of one core that a ReplicaSet owns, and whose scheduler asks the extender.
pub fn asking_pod(name: &str, set: &str) -> Pod {
    let mut pod = pod(name, set);
    let spec = pod.spec.as_mut().unwrap();
    spec.scheduling_gates = None;
    spec.scheduler_name = Some(SCHEDULER.to_owned());
    pod
}

pub fn is_held(pod: &Pod) -> bool {
    let spec = pod.spec.as_ref().unwrap();
    let asks = spec.node_name.is_none() && spec.scheduler_name.as_deref() == Some(SCHEDULER);
    let gated = spec.scheduling_gates.as_ref().is_some_and(|gates| !gates.is_empty());
    gated || (asks && Ticket::of(&pod.metadata).is_none())
}

pub fn pinned(pod: &Pod) -> Option<String> {
    if let Some(ticket) = Ticket::of(&pod.metadata) {
        return Some(ticket.node);
    }
    let spec = serde_json::to_value(pod.spec.as_ref()).unwrap();
    let field = "/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms/0/matchFields/0";
    Some(spec.pointer(field)?["values"][0].as_str()?.to_owned())
}

pub fn condition(trigger: &ScheduleTrigger, type_: &str) -> String {
    let status = trigger.status.clone().unwrap_or_default();
    let condition = status.conditions.into_iter().find(|condition| condition.type_ == type_);
    condition.map(|condition| format!("{} {}", condition.status, condition.reason)).unwrap_or_default()
}
