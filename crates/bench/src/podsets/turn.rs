//! One turn: pods that are made and held, and then let go.

use std::collections::BTreeMap;
use std::future::ready as now;
use std::time::{Duration, Instant};

use futures::{Stream, StreamExt, TryStreamExt, stream};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::runtime::watcher;
use kube::{Api, Client, ResourceExt};
use podset_types::{LABEL_POD_SET, ScheduleTrigger};
use serde::Serialize;
use serde_json::{Value, from_value, json};
use tokio::time::{interval_at, sleep_until};

use crate::cleanup::wait_until_none;
use crate::error::BenchError;
use crate::kinds::dynamic;
use crate::progress::{INTERVAL, say};
use crate::ready;
use crate::tracker::Times;

/// The Deployment whose pods are measured.
const DEPLOYMENT: &str = include_str!("../../pod-set.yaml");
/// The name of that Deployment, of the set and of its trigger. It stands in the file above, too.
const NAME: &str = "score-bench-pods";
/// What holds pods that are of no set.
const GATE: &str = "bench.score.dev/held";

/// Who lets the pods go.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    /// This program, which knows nothing of nodes. Where they go is the scheduler's business alone.
    Scheduler,
    /// The pod-set planner.
    Planner,
}

impl Kind {
    /// Both, in the order of a round.
    pub(super) const ALL: [Self; 2] = [Self::Scheduler, Self::Planner];

    /// The name for people.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Scheduler => "scheduler alone",
            Self::Planner => "pod-set planner",
        }
    }
}

/// So many pods in a namespace.
pub(super) struct Turn {
    kind: Kind,
    client: Client,
    namespace: String,
    pods: u32,
    timeout: Duration,
    deployment: DynamicObject,
}

impl Turn {
    /// A turn in which nothing was done yet.
    pub(super) fn new(
        kind: Kind,
        client: Client,
        namespace: &str,
        pods: u32,
        timeout: Duration,
    ) -> Result<Self, BenchError> {
        let deployment = deployment(kind, pods)?;
        Ok(Self { kind, client, namespace: namespace.to_owned(), pods, timeout, deployment })
    }

    /// Makes the pods, and gives their names once all are held.
    pub(super) async fn hold(&self) -> Result<Vec<String>, BenchError> {
        if self.kind == Kind::Planner {
            let created = self.api::<ScheduleTrigger>().create(&PostParams::default(), &trigger()?).await;
            created.map_err(BenchError::api("create a trigger"))?;
        }
        let deployments = dynamic::<Deployment>(&self.client, &self.namespace);
        let created = deployments.create(&PostParams::default(), &self.deployment).await;
        created.map_err(BenchError::api("create the Deployment of the pods"))?;
        wait_until_none(&format!("that {} pods are held", self.pods), || self.not_held()).await?;
        self.names().await
    }

    /// What is still missing before every pod is held.
    async fn not_held(&self) -> Result<Option<&'static str>, kube::Error> {
        let deployment = self.api::<Deployment>().get(NAME).await?;
        let made = deployment.status.and_then(|status| status.replicas).unwrap_or_default();
        if !self.is_all(made) {
            return Ok(Some("some pods"));
        }
        if self.kind == Kind::Scheduler {
            return Ok(None);
        }
        let members = self.api::<ScheduleTrigger>().get(NAME).await?.status.and_then(|status| status.members);
        let held = members.is_some_and(|members| self.is_all(members.gated) && self.is_all(members.total));
        Ok((!held).then_some("the status of the trigger"))
    }

    fn is_all(&self, count: i32) -> bool {
        u32::try_from(count) == Ok(self.pods)
    }

    /// The names of all pods, each of which a gate holds.
    async fn names(&self) -> Result<Vec<String>, BenchError> {
        let pods = self.api::<Pod>().list(&ListParams::default()).await;
        let pods = pods.map_err(BenchError::api("list the pods"))?.items;
        let free =
            pods.iter().find(|pod| pod.spec.as_ref().is_none_or(|spec| spec.scheduling_gates.is_none()));
        if let Some(free) = free {
            let free = free.name_any();
            return Err(BenchError::Shape(format!(
                "nothing holds the pod {free}: is the admission policy there?"
            )));
        }
        if pods.len() != self.pods as usize {
            return Err(BenchError::Shape(format!("there are {} pods instead of {}", pods.len(), self.pods)));
        }
        Ok(pods.iter().map(ResourceExt::name_any).collect())
    }

    /// Lets the pods go and waits until all are bound. Each time is from the moment in which that began.
    pub(super) async fn release(&self, pods: Vec<String>, at_once: u32) -> Result<Times, BenchError> {
        let which = watcher::Config::default().fields("spec.nodeName!=");
        let bound = ready::watch(self.api(), which, ready::pod);
        let began = Instant::now();
        let released = async {
            match self.kind {
                Kind::Scheduler => self.open_gates(pods, at_once as usize).await,
                Kind::Planner => self.fire().await,
            }
        };
        let ((), times) = tokio::try_join!(released, self.follow(bound, began))?;
        Ok(times)
    }

    async fn open_gates(&self, pods: Vec<String>, at_once: usize) -> Result<(), BenchError> {
        let api = self.api::<Pod>();
        let patch = Patch::Merge(json!({"spec": {"schedulingGates": null}}));
        let open = async |name: String| {
            let opened = api.patch(&name, &PatchParams::default(), &patch).await;
            opened.map(drop).map_err(BenchError::api(format!("let go the pod {name}")))
        };
        stream::iter(pods).map(open).buffer_unordered(at_once).try_for_each(|()| now(Ok(()))).await
    }

    async fn fire(&self) -> Result<(), BenchError> {
        let patch = Patch::Merge(json!({"spec": {"state": "Schedule"}}));
        let fired = self.api::<ScheduleTrigger>().patch(NAME, &PatchParams::default(), &patch).await;
        fired.map(drop).map_err(BenchError::api("set the trigger to Schedule"))
    }

    async fn follow(&self, bound: impl Stream<Item = String>, began: Instant) -> Result<Times, BenchError> {
        tokio::pin!(bound);
        let mut times = BTreeMap::new();
        let mut progress = interval_at((began + INTERVAL).into(), INTERVAL);
        while times.len() < self.pods as usize {
            tokio::select! {
                Some(name) = bound.next() => {
                    times.entry(name).or_insert_with(|| began.elapsed());
                }
                _ = progress.tick() => self.report(times.len(), began),
                () = sleep_until((began + self.timeout).into()) => return Err(self.too_late(times.len())),
            }
        }
        let latencies: Vec<_> = times.into_values().collect();
        let elapsed = latencies.iter().max().copied().unwrap_or_default();
        Ok(Times { latencies, elapsed })
    }

    fn report(&self, bound: usize, began: Instant) {
        let (who, seconds) = (self.kind.name(), began.elapsed().as_secs());
        say(&format!("{who}: {bound} of {} bound after {seconds} s", self.pods));
    }

    fn too_late(&self, bound: usize) -> BenchError {
        BenchError::Timeout {
            what: format!("only {bound} of {} pods were bound ({})", self.pods, self.kind.name()),
            seconds: self.timeout.as_secs(),
            hint: format!("see the pods in namespace {}, or raise --timeout", self.namespace),
        }
    }

    /// Waits until the planner says that all are bound as planned.
    pub(super) async fn check(&self) -> Result<(), BenchError> {
        wait_until_none("that the set is bound as planned", || self.not_ready()).await
    }

    async fn not_ready(&self) -> Result<Option<&'static str>, kube::Error> {
        let trigger = self.api::<ScheduleTrigger>().get(NAME).await?;
        Ok((!is_ready(&trigger)).then_some("the condition Ready of the trigger"))
    }

    fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }
}

fn is_ready(trigger: &ScheduleTrigger) -> bool {
    let Some(status) = &trigger.status else { return false };
    let ready = podset_types::ConditionType::Ready.to_string();
    status.observed_generation == trigger.metadata.generation
        && status.conditions.iter().any(|condition| condition.type_ == ready && condition.status == "True")
}

fn malformed(error: impl std::fmt::Display) -> BenchError {
    BenchError::Shape(format!("pod-set.yaml: {error}"))
}

/// The Deployment of `pods` pods which a gate of this program holds, or which are a pod set.
fn deployment(kind: Kind, pods: u32) -> Result<DynamicObject, BenchError> {
    let mut deployment: Value = serde_yaml_ng::from_str(DEPLOYMENT).map_err(malformed)?;
    deployment["spec"]["replicas"] = pods.into();
    let template = &mut deployment["spec"]["template"];
    match kind {
        Kind::Scheduler => template["spec"]["schedulingGates"] = json!([{"name": GATE}]),
        Kind::Planner => template["metadata"]["labels"][LABEL_POD_SET] = NAME.into(),
    }
    from_value(deployment).map_err(malformed)
}

fn trigger() -> Result<ScheduleTrigger, BenchError> {
    let trigger = json!({
        "apiVersion": "planner.ciena.io/v1alpha1", "kind": "ScheduleTrigger",
        "metadata": {"name": NAME, "labels": {LABEL_POD_SET: NAME}}, "spec": {"state": "Planning"},
    });
    from_value(trigger).map_err(malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(kind: Kind) -> Value {
        let deployment = deployment(kind, 7).unwrap();
        assert_eq!(deployment.name_any(), NAME);
        let deployment = serde_json::to_value(deployment).unwrap();
        from_value::<Deployment>(deployment.clone()).unwrap();
        assert_eq!(deployment["spec"]["replicas"], 7);
        deployment["spec"]["template"].clone()
    }

    #[test]
    fn the_pods_of_both_turns_differ_only_in_what_holds_them() {
        let (mut alone, mut planned) = (template(Kind::Scheduler), template(Kind::Planner));
        assert_eq!(planned["metadata"]["labels"][LABEL_POD_SET], NAME);
        assert_eq!(alone["spec"]["schedulingGates"], json!([{"name": GATE}]));
        alone["spec"].as_object_mut().unwrap().remove("schedulingGates");
        planned["metadata"]["labels"].as_object_mut().unwrap().remove(LABEL_POD_SET);
        assert_eq!(alone, planned);
    }

    #[test]
    fn the_trigger_holds_the_set_until_it_is_told_otherwise() {
        let trigger = trigger().unwrap();
        assert_eq!(trigger.spec.state, podset_types::TriggerState::Planning);
        assert_eq!(trigger.labels()[LABEL_POD_SET], NAME);
        assert!(!is_ready(&trigger));
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_lasts_until_the_last_pod_is_bound() {
        let turn = Turn::new(Kind::Planner, client(), "n", 2, Duration::from_secs(60)).unwrap();
        let seen = stream::iter(["a", "a", "b"].map(str::to_owned));
        let times = turn.follow(seen, Instant::now()).await.unwrap();
        assert_eq!(times.latencies.len(), 2);
        assert!(times.latencies.contains(&times.elapsed));
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_that_takes_too_long_says_how_far_it_came() {
        let turn = Turn::new(Kind::Scheduler, client(), "n", 2, Duration::from_secs(60)).unwrap();
        let seen = stream::iter(["a".to_owned()]).chain(stream::pending());
        let error = turn.follow(seen, Instant::now()).await.unwrap_err().to_string();
        assert!(error.starts_with("only 1 of 2 pods were bound (scheduler alone) in 60 s"), "{error}");
    }

    fn client() -> Client {
        let config = kube::Config::new("http://127.0.0.1:1".parse().unwrap());
        Client::try_from(config).unwrap()
    }
}
