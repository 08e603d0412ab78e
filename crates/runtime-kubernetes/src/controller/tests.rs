use std::time::Duration;

use api_types::{ServicePort, WorkloadExposureSpec, WorkloadRef, metadata::LABEL_WORKLOAD};
use controller_kit::{
    Applier,
    testing::{Fault, Recorded, TestApiServer},
};
use k8s_openapi::{
    api::{
        apps::v1::{Deployment, DeploymentStatus},
        core::v1::Service,
    },
    apimachinery::pkg::apis::meta::v1::OwnerReference,
};
use serde::{Serialize, de::DeserializeOwned};

use super::*;
use crate::{
    answer::GRACE,
    build::PodSecurity,
    fixtures::{PLAN, plan},
    messages::{NAME_TAKEN, RUNNING},
};

mod template;

/// The kinds that templates may add.
const GRANTED: [&str; 5] = [
    "v1/ConfigMap",
    "apps/v1/Deployment",
    "policy/v1/PodDisruptionBudget",
    "networking.k8s.io/v1/Ingress",
    "gateway.networking.k8s.io/v1/HTTPRoute",
];

/// A namespace with one plan, and what a runtime sees and does there.
pub(super) struct Cluster {
    pub(super) server: TestApiServer,
}

impl Cluster {
    /// With the plan `hello`, which serves port 80, and its exposure.
    pub(super) fn new() -> Self {
        let cluster = Self { server: TestApiServer::new() };
        let yaml = format!(
            "{PLAN}  containers: {{web: {{image: 'web:1'}}}}\n  service: {{ports: [{{port: 80}}]}}\n"
        );
        cluster.server.insert(plan(&yaml));
        cluster.server.insert(exposure("workload-uid"));
        cluster
    }

    pub(super) fn plan(&self) -> WorkloadPlan {
        self.server.get("team-a", "hello").unwrap()
    }

    /// A runtime that has just started: its caches hold what its watches would list.
    pub(super) fn runtime(&self) -> Runtime {
        let args = RuntimeArgs {
            runtime_class: "kubernetes".into(),
            cluster_domain: "cluster.local".into(),
            pod_security: PodSecurity::Baseline,
            image: Some("runtime:1".into()),
            allowed_kinds: GRANTED.iter().map(|kind| kind.parse().unwrap()).collect(),
        };
        let caches = Caches {
            deployments: self.ours(),
            stateful_sets: self.ours(),
            jobs: self.ours(),
            cron_jobs: self.ours(),
            autoscalers: self.ours(),
            services: self.ours(),
            pods: self.ours(),
            config_maps: self.ours(),
            exposures: Cache::from_objects(self.server.list()),
        };
        let client = self.server.client();
        Runtime::new(args, caches, Writer { applier: Applier::new(client.clone(), FIELD_MANAGER), client })
    }

    fn ours<K>(&self) -> Cache<K>
    where
        K: Resource<DynamicType = ()> + Clone + DeserializeOwned + 'static,
    {
        let all = self.server.list::<K>().into_iter();
        Cache::from_objects(
            all.filter(|it| it.labels().get(LABEL_MANAGED_BY).is_some_and(|by| by == FIELD_MANAGER)),
        )
    }

    /// One reconcile by a runtime that has just started.
    pub(super) async fn pass(&self) -> Result<Option<Action>, Error> {
        self.runtime().reconcile(&self.plan()).await
    }

    /// How many writes one reconcile makes.
    pub(super) async fn writes_of_a_pass(&self) -> usize {
        self.server.clear_requests();
        self.pass().await.unwrap();
        self.server.writes().len()
    }

    /// The process dies after so many writes, another dies at once, and the third goes on until everything runs.
    pub(super) async fn dies_and_goes_on(&self, writes: usize) {
        self.server.fail_after(writes);
        // What becomes of these passes does not matter: they die.
        let _ = self.pass().await;
        self.roll_out();
        let _ = self.pass().await;
        self.server.heal();
        self.pass().await.unwrap();
        self.roll_out();
        self.pass().await.unwrap();
    }

    /// What Kubernetes does when all instances run.
    pub(super) fn roll_out(&self) {
        self.server.modify("team-a", "hello", |deployment: &mut Deployment| {
            deployment.status = Some(DeploymentStatus {
                observed_generation: deployment.metadata.generation,
                replicas: Some(1),
                updated_replicas: Some(1),
                available_replicas: Some(1),
                ..DeploymentStatus::default()
            });
        });
    }

    /// Reason and message of the answer.
    pub(super) fn said(&self) -> Option<(String, String)> {
        let exposure: WorkloadExposure = self.server.get("team-a", "hello")?;
        let condition = exposure.status?.conditions.into_iter().next()?;
        Some((condition.reason, condition.message))
    }

    fn insert_foreign<K>(&self, yaml: &str) -> K
    where
        K: Resource<DynamicType = ()> + Serialize + DeserializeOwned,
    {
        self.server
            .insert(crate::fixtures::parse(&format!("metadata: {{name: hello, namespace: team-a}}\n{yaml}")))
    }
}

const FOREIGN_DEPLOYMENT: &str =
    "spec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}}}";

fn exposure(workload_uid: &str) -> WorkloadExposure {
    let spec = WorkloadExposureSpec {
        workload_ref: WorkloadRef { name: "hello".into(), uid: workload_uid.into() },
        runtime_class: "kubernetes".into(),
    };
    let mut exposure = WorkloadExposure::new("hello", spec);
    exposure.metadata.namespace = Some("team-a".into());
    exposure
}

pub(super) fn requeue_after(action: Option<Action>) -> Option<Duration> {
    // Action tells nobody how long it waits, save in its Debug form.
    let text = format!("{:?}", action?);
    let seconds = text.split("Some(").nth(1)?.split(['s', ')']).next()?;
    seconds.parse::<f64>().ok().map(Duration::from_secs_f64)
}

pub(super) fn about(resource: &'static str) -> impl Fn(&Recorded) -> bool + Send {
    move |request| request.is_write() && request.is_about(resource)
}

#[tokio::test]
async fn a_smooth_roll_out_costs_three_writes_and_then_none() {
    let cluster = Cluster::new();
    let runtime = cluster.runtime();
    let action = runtime.reconcile(&cluster.plan()).await.unwrap();
    assert!(requeue_after(action).is_some_and(|wait| wait <= GRACE));
    assert_eq!(cluster.server.writes().len(), 2);
    runtime.reconcile(&cluster.plan()).await.unwrap();
    assert_eq!(cluster.server.writes().len(), 2, "before the watch has caught up");
    cluster.roll_out();
    cluster.pass().await.unwrap();
    assert_eq!(cluster.server.writes().len(), 3);
    assert_eq!(cluster.said(), Some(("Succeeded".into(), RUNNING.into())));
    assert_eq!(cluster.writes_of_a_pass().await, 0);
    assert_eq!(cluster.server.requests(), [], "quiet means no reads either");
}

#[tokio::test]
async fn the_answer_names_where_the_workload_is_reached() {
    let cluster = Cluster::new();
    cluster.pass().await.unwrap();
    cluster.roll_out();
    cluster.pass().await.unwrap();
    let exposure: WorkloadExposure = cluster.server.get("team-a", "hello").unwrap();
    let status = exposure.status.unwrap();
    assert_eq!(status.observed_plan_generation, cluster.plan().metadata.generation);
    assert_eq!(status.exposures[0].url, "http://hello.team-a.svc.cluster.local");
    assert!(status.exposures[0].ready);
}

#[tokio::test]
async fn what_others_change_is_put_right() {
    let cluster = Cluster::new();
    cluster.pass().await.unwrap();
    cluster.server.modify("team-a", "hello", |deployment: &mut Deployment| {
        deployment.spec.as_mut().unwrap().template.spec.as_mut().unwrap().containers[0].image =
            Some("evil".into());
    });
    cluster.server.modify("team-a", "hello", |service: &mut Service| {
        let selector = service.spec.as_mut().unwrap().selector.as_mut().unwrap();
        selector.insert(LABEL_WORKLOAD.into(), "other".into());
    });
    assert_eq!(cluster.writes_of_a_pass().await, 2);
    let deployment: Deployment = cluster.server.get("team-a", "hello").unwrap();
    let image = deployment.spec.unwrap().template.spec.unwrap().containers[0].image.clone();
    assert_eq!(image.as_deref(), Some("web:1"));
    assert_eq!(cluster.writes_of_a_pass().await, 0);
}

#[tokio::test]
async fn an_address_that_somebody_narrowed_down_is_put_right() {
    let cluster = Cluster::new();
    cluster.pass().await.unwrap();
    cluster.server.modify("team-a", "hello", |service: &mut Service| {
        let selector = service.spec.as_mut().unwrap().selector.as_mut().unwrap();
        selector.insert("only".into(), "these".into());
    });
    assert_eq!(cluster.writes_of_a_pass().await, 1);
}

#[tokio::test]
async fn whoever_scales_is_not_fought() {
    let cluster = Cluster::new();
    cluster.pass().await.unwrap();
    cluster.server.modify("team-a", "hello", |deployment: &mut Deployment| {
        deployment.spec.as_mut().unwrap().replicas = Some(5);
    });
    assert_eq!(cluster.writes_of_a_pass().await, 0);
}

#[tokio::test]
async fn what_was_not_made_for_the_plan_is_left_alone_and_told() {
    for foreign_service in [false, true] {
        let cluster = Cluster::new();
        if foreign_service {
            cluster.insert_foreign::<Service>("spec: {selector: {a: b}}");
        } else {
            cluster.insert_foreign::<Deployment>(FOREIGN_DEPLOYMENT);
        }
        let action = cluster.pass().await.unwrap();
        assert!(requeue_after(action).is_some_and(|wait| wait >= crate::observe::SLOWLY));
        assert_eq!(cluster.said(), Some(("PermissionDenied".into(), NAME_TAKEN.into())));
        let writes = cluster.server.writes();
        assert!(writes.len() == 1 && writes[0].is_about("workloadexposures.score.dev"), "{writes:?}");
        assert_eq!(cluster.writes_of_a_pass().await, 0);
    }
}

#[tokio::test]
async fn a_name_that_becomes_free_is_taken() {
    let cluster = Cluster::new();
    cluster.insert_foreign::<Deployment>(FOREIGN_DEPLOYMENT);
    cluster.pass().await.unwrap();
    cluster.server.remove::<Deployment>("team-a", "hello");
    assert_eq!(cluster.writes_of_a_pass().await, 2);
}

#[tokio::test]
async fn a_label_that_somebody_removed_is_put_back() {
    let cluster = Cluster::new();
    cluster.pass().await.unwrap();
    cluster.server.modify("team-a", "hello", |deployment: &mut Deployment| {
        deployment.labels_mut().remove(LABEL_MANAGED_BY);
    });
    assert_eq!(cluster.writes_of_a_pass().await, 1);
    assert_eq!(cluster.writes_of_a_pass().await, 0);
}

#[tokio::test]
async fn what_an_earlier_plan_of_the_name_left_is_waited_for() {
    let cluster = Cluster::new();
    let owner = OwnerReference {
        api_version: "score.dev/v1b1".into(),
        kind: "WorkloadPlan".into(),
        name: "hello".into(),
        uid: "earlier".into(),
        ..OwnerReference::default()
    };
    cluster.insert_foreign::<Deployment>(FOREIGN_DEPLOYMENT);
    cluster.server.modify("team-a", "hello", |deployment: &mut Deployment| {
        deployment.metadata.owner_references = Some(vec![owner]);
    });
    assert_eq!(cluster.writes_of_a_pass().await, 0);
    assert_eq!(cluster.said(), None);
    cluster.server.remove::<Deployment>("team-a", "hello");
    assert_eq!(cluster.writes_of_a_pass().await, 2);
}

#[tokio::test]
async fn a_workload_that_no_longer_serves_has_no_address() {
    let cluster = Cluster::new();
    cluster.pass().await.unwrap();
    cluster.server.modify("team-a", "hello", |plan: &mut WorkloadPlan| plan.spec.service = None);
    assert_eq!(cluster.writes_of_a_pass().await, 1);
    assert_eq!(cluster.server.get::<Service>("team-a", "hello"), None);
    assert_eq!(cluster.writes_of_a_pass().await, 0);
}

#[tokio::test]
async fn a_service_of_somebody_elses_does_not_disturb_a_plan_without_ports() {
    let cluster = Cluster::new();
    cluster.server.modify("team-a", "hello", |plan: &mut WorkloadPlan| plan.spec.service = None);
    cluster.insert_foreign::<Service>("spec: {selector: {a: b}}");
    assert_eq!(cluster.writes_of_a_pass().await, 1);
    assert!(cluster.server.get::<Service>("team-a", "hello").is_some());
}

#[tokio::test]
async fn a_new_generation_that_changes_nothing_for_kubernetes_costs_the_answer_alone() {
    let cluster = Cluster::new();
    cluster.pass().await.unwrap();
    cluster.roll_out();
    cluster.pass().await.unwrap();
    cluster
        .server
        .modify("team-a", "hello", |plan: &mut WorkloadPlan| plan.spec.observed_workload_generation += 1);
    assert_eq!(cluster.writes_of_a_pass().await, 1);
    let exposure: WorkloadExposure = cluster.server.get("team-a", "hello").unwrap();
    assert_eq!(exposure.status.unwrap().observed_plan_generation, cluster.plan().metadata.generation);
}

#[tokio::test]
async fn a_new_port_does_not_roll_the_instances() {
    let cluster = Cluster::new();
    cluster.pass().await.unwrap();
    let port = ServicePort { port: 81, ..ServicePort::default() };
    cluster.server.modify("team-a", "hello", |plan: &mut WorkloadPlan| {
        plan.spec.service.as_mut().unwrap().ports.push(port);
    });
    cluster.server.clear_requests();
    cluster.pass().await.unwrap();
    let writes = cluster.server.writes();
    assert!(writes.len() == 1 && writes[0].is_about("services"), "{writes:?}");
}

#[tokio::test]
async fn without_an_exposure_that_asks_nothing_is_answered_and_nothing_is_wrong() {
    let cluster = Cluster::new();
    cluster.server.insert(exposure("another-workload"));
    assert_eq!(cluster.writes_of_a_pass().await, 2);
    assert_eq!(cluster.said(), None);
    cluster.server.remove::<WorkloadExposure>("team-a", "hello");
    assert_eq!(cluster.writes_of_a_pass().await, 0);
}

#[tokio::test]
async fn a_refusal_is_an_answer_and_no_error() {
    for (code, reason) in [(403, "PermissionDenied"), (422, "RuntimeDegraded")] {
        for resource in ["deployments.apps", "services"] {
            let cluster = Cluster::new();
            cluster.server.fail_next(about(resource), code);
            let action = cluster.pass().await.unwrap();
            assert!(
                requeue_after(action).is_some_and(|wait| wait >= crate::observe::SLOWLY),
                "{code} {resource}"
            );
            assert_eq!(cluster.said().unwrap().0, reason, "{code} {resource}");
        }
    }
}

#[tokio::test]
async fn a_fault_of_the_api_server_is_an_error_and_no_answer() {
    let cluster = Cluster::new();
    cluster.server.fail_next(about("deployments.apps"), 500);
    assert!(cluster.pass().await.is_err());
    assert_eq!(cluster.said(), None);
}

#[tokio::test]
async fn a_plan_that_cannot_be_built_is_answered_and_what_runs_goes_on() {
    let cluster = Cluster::new();
    cluster.pass().await.unwrap();
    cluster.server.modify("team-a", "hello", |plan: &mut WorkloadPlan| {
        plan.spec.template.ref_ = Some("oci://example.org/chart".into());
    });
    assert_eq!(cluster.writes_of_a_pass().await, 1);
    assert_eq!(cluster.said().unwrap().0, "ProjectionError");
    assert!(cluster.server.get::<Deployment>("team-a", "hello").is_some());
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_not_repeated() {
    let cluster = Cluster::new();
    cluster.server.inject(about("deployments.apps"), Fault::AnswerLost);
    assert!(cluster.pass().await.is_err());
    assert_eq!(cluster.writes_of_a_pass().await, 0);
}

#[tokio::test]
async fn wherever_the_process_dies_the_next_one_ends_in_the_same_state() {
    let ends = async |writes: usize| {
        let cluster = Cluster::new();
        cluster.dies_and_goes_on(writes).await;
        assert_eq!(cluster.writes_of_a_pass().await, 0, "after {writes} writes");
        let deployment: Deployment = cluster.server.get("team-a", "hello").unwrap();
        let service: Service = cluster.server.get("team-a", "hello").unwrap();
        (deployment.spec, service.spec, cluster.said())
    };
    let undisturbed = ends(100).await;
    for writes in 0..4 {
        assert_eq!(ends(writes).await, undisturbed, "after {writes} writes");
    }
}
