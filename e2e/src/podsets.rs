//! Pod sets under test: a namespace and nodes of their own, and the record of what became of pods, triggers and plans.
//!
//! The nodes are fake, as small as a test likes, and nothing runs on them; but the cluster's own scheduler binds to them as
//! to any other. Only the pods of the test select them, so tests may cordon, fill and delete theirs side by side. They need
//! the kwok of the local cluster, which `hack/test/e2e.sh` starts.

mod mode;
mod shapes;

use std::collections::BTreeMap;
use std::ops::Deref;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::api::core::v1::{Node, Pod};
use k8s_openapi::api::events::v1::Event;
use kube::ResourceExt as _;
use kube::api::{Api, DeleteParams, ListParams, Patch, PostParams};
use podset_types::{LABEL_POD_SET, MemberCounts, SchedulePlan, ScheduleTrigger, TriggerState, plan_name};
use serde_json::{Value, json};

pub use self::mode::Mode;
pub use self::shapes::{
    HELD, OTHER_GATE, both, cores, is_held, is_passed_over, node_of, nominated, other_gate, pins, planned,
    room, unscheduled_because,
};
use crate::history::{self, History, revision};
use crate::namespace::{LABEL, LOG_LINES, Place, Scene, beside_others, by_itself};
use crate::wait::{PATIENCE, eventually, until_there};
use crate::{Result, controllers, kubectl};

/// The set that most tests are about, and the name of its trigger.
pub const SET: &str = "team";
const FAKE: &str = "kwok.x-k8s.io/node";
/// Requests under way at once.
const AT_ONCE: usize = 32;

/// What a test works with.
#[derive(Clone)]
pub struct PodSets {
    place: Place,
    /// How the planner holds pods here.
    pub mode: Mode,
    /// Every version of every pod in the namespace.
    pub pods: History<Pod>,
    /// Every version of every trigger in the namespace.
    pub triggers: History<ScheduleTrigger>,
    /// Every version of every plan in the namespace.
    pub plans: History<SchedulePlan>,
}

impl Deref for PodSets {
    type Target = Place;

    fn deref(&self) -> &Place {
        &self.place
    }
}

/// Runs a test in a namespace of its own, as [`with_namespace`](crate::with_namespace) does.
///
/// At the end no pod of a set may have been bound before a trigger of its set said `Schedule`, or without being planned.
///
/// # Errors
/// There is no cluster, the test failed, or one of that happened.
pub async fn with_namespace<Fut>(theme: &str, test: impl FnOnce(PodSets) -> Fut) -> Result
where
    Fut: Future<Output = Result>,
{
    beside_others(theme, test).await
}

/// As [`with_namespace`], for a test during which no other may run.
///
/// # Errors
/// As [`with_namespace`].
pub async fn alone<Fut>(theme: &str, test: impl FnOnce(PodSets) -> Fut) -> Result
where
    Fut: Future<Output = Result>,
{
    by_itself(theme, test).await
}

impl Scene for PodSets {
    const CONTROLLERS: &'static [&'static str] = &[controllers::PLANNER];

    async fn open(place: Place) -> Result<Self> {
        let Place { client, namespace } = &place;
        let (pods, triggers, plans) = tokio::try_join!(
            history::of_namespace(client, namespace),
            history::of_namespace(client, namespace),
            history::of_namespace(client, namespace),
        )?;
        let mode = Mode::of(client).await?;
        Ok(Self { mode, place, pods, triggers, plans })
    }

    async fn check(&self) -> Result {
        let broken = self.bound_too_early()?;
        ensure!(broken.is_empty(), "promises that were broken:\n{}", broken.join("\n"));
        Ok(())
    }

    async fn report(&self) -> String {
        let seen = self
            .seen(&[
                &["get", "st,sp,pods", "--output=wide"],
                &["get", "st,sp", "--output=yaml"],
                &["get", "events", "--sort-by=.metadata.creationTimestamp"],
            ])
            .await;
        seen + &controllers::last_log_lines(&self.client, &[controllers::PLANNER], LOG_LINES).await
    }

    /// Pods first: those that are bound to a node that is gone linger.
    async fn close(&self) -> Result {
        let (pods, at_once) = (self.api::<Pod>(), DeleteParams::default().grace_period(0));
        // All at once: a thousand, one after the other, take longer than a request may.
        let delete = async |pod: Pod| match pods.delete(&pod.name_any(), &at_once).await {
            Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
            deleted => deleted.map(drop),
        };
        let all = pods.list(&ListParams::default()).await?;
        stream::iter(all).map(delete).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        self.remove().await?;
        let ours = ListParams::default().labels(&format!("{LABEL}={}", self.namespace));
        Api::<Node>::all(self.client.clone()).delete_collection(&DeleteParams::default(), &ours).await?;
        Ok(())
    }
}

impl PodSets {
    /// Each pod of a set that was bound before a trigger of its set had said `Schedule`, or before a plan named it.
    fn bound_too_early(&self) -> Result<Vec<String>> {
        let mut bound = BTreeMap::new();
        for pod in self.pods.versions()? {
            if let (Some(set), Some(_)) = (pod.labels().get(LABEL_POD_SET), node_of(&pod)) {
                bound.entry(pod.uid()).or_insert((set.clone(), pod.clone()));
            }
        }
        let mut fired = BTreeMap::new();
        for trigger in self.triggers.versions()? {
            if let (Some(set), TriggerState::Schedule) =
                (trigger.labels().get(LABEL_POD_SET), trigger.spec.state)
            {
                fired.entry(set.clone()).or_insert(revision(&*trigger));
            }
        }
        let mut planned = BTreeMap::new();
        for plan in self.plans.versions()? {
            for item in &plan.spec.plan {
                planned.entry((plan.name_any(), item.pod.clone())).or_insert(revision(&*plan));
            }
        }
        let broken = bound.into_values().filter_map(|(set, pod)| {
            let (name, at) = (pod.name_any(), revision(&*pod));
            let plan = plan_name(&self.namespace, &set);
            let before = |then: Option<&u64>| then.is_some_and(|then| *then < at);
            match (before(fired.get(&set)), before(planned.get(&(plan, name.clone())))) {
                (false, _) => Some(format!("{name} was bound before a trigger of {set} said Schedule")),
                (true, false) => Some(format!("{name} was bound before it was planned")),
                (true, true) => None,
            }
        });
        Ok(broken.collect())
    }

    /// Makes `count` nodes, each with room for `cpu` cores, and gives their names.
    ///
    /// # Errors
    /// They cannot be made, or do not become ready.
    pub async fn nodes(&self, count: usize, cpu: u32) -> Result<Vec<String>> {
        let made = stream::iter(1..=count).map(|number| self.node(number.to_string(), room(cpu)));
        made.buffered(AT_ONCE).try_collect().await
    }

    /// Makes a node called `<namespace>-<suffix>` with room for eight cores, but for `change`, and gives its name.
    ///
    /// # Errors
    /// It cannot be made, or does not become ready.
    pub async fn node(&self, suffix: String, change: Value) -> Result<String> {
        let name = format!("{}-{suffix}", self.namespace);
        let mut node = json!({
            "metadata": {
                "name": name, "annotations": {FAKE: "fake"},
                "labels": {LABEL: self.namespace, "kubernetes.io/hostname": name, "kubernetes.io/os": "linux"},
            },
            "spec": {"taints": [{"key": FAKE, "value": "fake", "effect": "NoSchedule"}]},
        });
        json_patch::merge(&mut node, &room(8));
        let taints = change["spec"]["taints"].as_array().cloned().unwrap_or_default();
        json_patch::merge(&mut node, &change);
        if !taints.is_empty() {
            let all = [vec![json!({"key": FAKE, "value": "fake", "effect": "NoSchedule"})], taints].concat();
            node["spec"]["taints"] = all.into();
        }
        let nodes: Api<Node> = Api::all(self.client.clone());
        nodes.create(&PostParams::default(), &serde_json::from_value(node)?).await?;
        until_there(&nodes, &name, "ready", PATIENCE, is_ready).await?;
        Ok(name)
    }

    /// Merges `patch` into a node.
    ///
    /// # Errors
    /// It is not there.
    pub async fn patch_node(&self, name: &str, patch: Value) -> Result {
        let nodes: Api<Node> = Api::all(self.client.clone());
        nodes.patch(name, &Default::default(), &Patch::Merge(patch)).await?;
        Ok(())
    }

    /// Keeps new pods from a node, and waits until the scheduler of pod sets knows.
    ///
    /// # Errors
    /// It is not there, or the scheduler goes on using it.
    pub async fn cordon(&self, node: &str) -> Result {
        self.patch_node(node, json!({"spec": {"unschedulable": true}})).await?;
        let there = json!({"nodeSelector": {"kubernetes.io/hostname": node}});
        self.create([self.pod("asks", "", both(both(cores(0), there), self.scheduler()))]).await?;
        self.until_pod("asks", "refused", |pod| unscheduled_because(pod) == "Unschedulable").await?;
        self.delete::<Pod>("asks").await
    }

    /// Makes a trigger for the set `name`, with this name.
    ///
    /// # Errors
    /// It is refused.
    pub async fn trigger(&self, name: &str, spec: Value) -> Result {
        let trigger = json!({
            "apiVersion": "planner.ciena.io/v1alpha1", "kind": "ScheduleTrigger",
            "metadata": {"name": name.to_lowercase().replace('_', "-"), "labels": {LABEL_POD_SET: name}}, "spec": spec,
        });
        self.api()
            .create(&PostParams::default(), &serde_json::from_value::<ScheduleTrigger>(trigger)?)
            .await?;
        Ok(())
    }

    /// A pod of the set `set` (of none, if that is empty) that runs on the nodes of this test and asks for one core, but
    /// for what `spec` says.
    pub fn pod(&self, name: &str, set: &str, spec: Value) -> Value {
        let labels = if set.is_empty() { json!({}) } else { json!({LABEL_POD_SET: set}) };
        let mut pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels},
            "spec": {
                "nodeSelector": {LABEL: self.namespace}, "tolerations": [{"key": FAKE, "operator": "Exists"}],
                "terminationGracePeriodSeconds": 0,
            },
        });
        json_patch::merge(&mut pod, &json!({"spec": cores(1)}));
        if !set.is_empty() {
            json_patch::merge(&mut pod, &json!({"spec": self.scheduler()}));
        }
        json_patch::merge(&mut pod, &json!({"spec": spec}));
        pod
    }

    /// A ReplicaSet of such pods, which makes another for each that is deleted.
    pub fn replica_set(&self, name: &str, replicas: usize, spec: Value) -> String {
        let mut template = self.pod(name, SET, spec);
        template["metadata"] = json!({"labels": {"app": name, LABEL_POD_SET: SET}});
        json!({
            "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": name},
            "spec": {
                "replicas": replicas, "selector": {"matchLabels": {"app": name}},
                "template": {"metadata": template["metadata"], "spec": template["spec"]},
            },
        })
        .to_string()
    }

    /// Creates pods.
    ///
    /// # Errors
    /// One is refused.
    pub async fn create(&self, pods: impl IntoIterator<Item = Value>) -> Result {
        let api = self.api::<Pod>();
        let create = async |pod: Value| {
            api.create(&PostParams::default(), &serde_json::from_value(pod)?).await?;
            Ok::<_, anyhow::Error>(())
        };
        stream::iter(pods).map(create).buffer_unordered(AT_ONCE).try_collect().await
    }

    /// Sets the state of a trigger.
    ///
    /// # Errors
    /// It is not there.
    pub async fn set_state(&self, trigger: &str, state: TriggerState) -> Result {
        let patch = json!({"spec": {"state": state}});
        self.api::<ScheduleTrigger>().patch(trigger, &Default::default(), &Patch::Merge(patch)).await?;
        Ok(())
    }

    /// Waits until the status of a trigger is about its spec of now, and `holds` of its counts.
    ///
    /// # Errors
    /// It does not in time: then the trigger as it is, and what was expected.
    pub async fn until_members(
        &self,
        trigger: &str,
        what: &str,
        within: Duration,
        holds: impl Fn(MemberCounts) -> bool,
    ) -> Result<ScheduleTrigger> {
        let is_so = |trigger: &ScheduleTrigger| {
            let status = trigger.status.as_ref();
            let current = status.and_then(|status| status.observed_generation) == trigger.metadata.generation;
            current && status.and_then(|status| status.members).is_some_and(&holds)
        };
        until_there(&self.api(), trigger, what, within, is_so).await
    }

    /// Waits until so many pods of the set [`SET`] are held, and none is not.
    ///
    /// # Errors
    /// As [`PodSets::until_members`].
    pub async fn until_held(&self, count: usize) -> Result {
        let held = |members: MemberCounts| is(members.gated, count) && is(members.total, count);
        self.until_members(SET, &format!("holding {count} pods"), PATIENCE, held).await.map(drop)
    }

    /// Waits until the set [`SET`] has so many pods, all of them bound.
    ///
    /// # Errors
    /// As [`PodSets::until_members`].
    pub async fn until_bound(&self, count: usize) -> Result {
        let bound = |members: MemberCounts| is(members.bound, count) && is(members.total, count);
        self.until_members(SET, &format!("that of {count} bound pods"), PATIENCE, bound).await.map(drop)
    }

    /// Waits until `holds` of a pod, and gives it.
    ///
    /// # Errors
    /// It does not in time: then the pod as it is, and what was expected.
    pub async fn until_pod(&self, name: &str, what: &str, holds: impl Fn(&Pod) -> bool) -> Result<Pod> {
        until_there(&self.api(), name, what, PATIENCE, holds).await
    }

    /// Takes the gate of somebody else from a pod: the last that it has.
    ///
    /// # Errors
    /// It is not there, or has other gates.
    pub async fn open_other_gate(&self, pod: &str) -> Result {
        let patch = json!([
            {"op": "test", "path": "/spec/schedulingGates", "value": [{"name": OTHER_GATE}]},
            {"op": "remove", "path": "/spec/schedulingGates"},
        ]);
        let patch: json_patch::Patch = serde_json::from_value(patch)?;
        self.api::<Pod>().patch(pod, &Default::default(), &Patch::Json::<()>(patch)).await?;
        Ok(())
    }

    /// The plan of a set: pods and their nodes.
    ///
    /// # Errors
    /// There is none.
    pub async fn plan(&self, set: &str) -> Result<BTreeMap<String, String>> {
        let plan = self.api::<SchedulePlan>().get(&plan_name(&self.namespace, set)).await?;
        Ok(plan.spec.plan.into_iter().map(|item| (item.pod, item.node)).collect())
    }

    /// Where the pods of a set are bound.
    ///
    /// # Errors
    /// They cannot be listed.
    pub async fn places(&self, set: &str) -> Result<BTreeMap<String, Option<String>>> {
        let members = ListParams::default().labels(&format!("{LABEL_POD_SET}={set}"));
        let pods = self.api::<Pod>().list(&members).await?;
        Ok(pods.into_iter().map(|pod| (pod.name_any(), node_of(&pod).map(str::to_owned))).collect())
    }

    /// Whether all pods of a set, and there are some, are bound where its plan says, and nobody else stands in it.
    ///
    /// # Errors
    /// They are not.
    pub async fn runs_as_planned(&self, set: &str) -> Result {
        let (plan, places) = (self.plan(set).await?, self.places(set).await?);
        let planned = plan.into_iter().map(|(pod, node)| (pod, Some(node))).collect::<BTreeMap<_, _>>();
        ensure!(!places.is_empty() && planned == places, "planned: {planned:#?}\nbound: {places:#?}");
        Ok(())
    }

    /// Waits until an event about a pod has these words.
    ///
    /// # Errors
    /// None has in time.
    pub async fn until_told(&self, pod: &str, words: &str) -> Result {
        eventually(&format!("an event on {pod} that says {words:?}"), PATIENCE, async || {
            let about = format!("regarding.name={pod}");
            let events = self.api::<Event>().list(&ListParams::default().fields(&about)).await?;
            let told =
                events.iter().any(|event| event.note.as_ref().is_some_and(|note| note.contains(words)));
            Ok(told.then_some(()))
        })
        .await
    }

    /// What `podset-planner verify` prints for the namespace, run in the planner's own pod.
    ///
    /// # Errors
    /// It finds a mismatch, or cannot run.
    pub async fn verify(&self, flags: &[&str]) -> Result<String> {
        let (namespace, deployment) = (controllers::namespace_of(controllers::PLANNER), controllers::PLANNER);
        let deployment = format!("deployment/{deployment}");
        let exec = ["--namespace", namespace, "exec", &deployment, "--", "/app", "verify"];
        kubectl::kubectl(&[&exec[..], &["--namespace", &self.namespace], flags].concat()).await
    }
}

/// Whether a node can be used: it was initialised, and nobody keeps pods away because it was not.
fn is_ready(node: &Node) -> bool {
    let conditions = node.status.iter().flat_map(|status| &status.conditions).flatten();
    let taints = node.spec.iter().flat_map(|spec| &spec.taints).flatten();
    conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
        && taints.into_iter().all(|taint| taint.key != "node.kubernetes.io/not-ready")
}

/// Whether a count of a status is this number.
fn is(count: i32, number: usize) -> bool {
    usize::try_from(count) == Ok(number)
}

/// How often the planner's Deployment is to run.
///
/// # Errors
/// The API server does not answer, or not so many run in time.
pub async fn scale_planner(sets: &PodSets, replicas: u32) -> Result {
    use k8s_openapi::api::apps::v1::Deployment;
    let namespace = controllers::namespace_of(controllers::PLANNER);
    let deployments: Api<Deployment> = Api::namespaced(sets.client.clone(), namespace);
    let patch = json!({"spec": {"replicas": replicas}});
    deployments.patch(controllers::PLANNER, &Default::default(), &Patch::Merge(patch)).await?;
    eventually(&format!("{replicas} planners run"), PATIENCE, async || {
        let deployment = deployments.get(controllers::PLANNER).await?;
        let ready = deployment.status.as_ref().and_then(|status| status.ready_replicas).unwrap_or_default();
        let selector =
            ListParams::default().labels(&format!("app.kubernetes.io/name={}", controllers::PLANNER));
        let pods = Api::<Pod>::namespaced(sets.client.clone(), namespace).list(&selector).await?;
        let wanted = usize::try_from(replicas).context("few replicas")?;
        Ok((is(ready, wanted) && pods.items.len() == wanted).then_some(()))
    })
    .await
}

/// Runs a phase of a test without a planner, which is back afterwards, whatever comes of it.
///
/// # Errors
/// The phase's, or that the planner cannot be stopped or started.
pub async fn without_planner(sets: &PodSets, phase: impl Future<Output = Result>) -> Result {
    scale_planner(sets, 0).await?;
    let outcome = Box::pin(phase).await;
    scale_planner(sets, 1).await?;
    outcome
}
