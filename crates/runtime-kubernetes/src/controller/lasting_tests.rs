//! What is said of what lasts for longer than the grace.

use k8s_openapi::api::{
    apps::v1::{Deployment, DeploymentStatus},
    autoscaling::v2::HorizontalPodAutoscaler,
    core::v1::Pod,
};

use super::{
    kinds_tests::valued,
    tests::{Cluster, about},
    *,
};
use crate::{
    fixtures::parse,
    messages::{INCOMPLETE, OUT_OF_ORDER, RUNNING, UNMEASURED},
};

/// A runtime that has known for as long as the grace that the plan is under way.
fn waiting(cluster: &Cluster) -> Runtime {
    let runtime = cluster.runtime();
    let identity = Identity::of(&cluster.plan()).unwrap();
    runtime.clock.waited(&identity, Instant::now().checked_sub(GRACE).unwrap());
    runtime
}

/// How many of the writes so far were answers.
fn answers(cluster: &Cluster) -> usize {
    let writes = cluster.server.writes();
    writes.iter().filter(|write| write.is_about("workloadexposures.score.dev")).count()
}

#[tokio::test]
async fn a_fault_that_lasts_is_told_once_and_stays_an_error() {
    let cluster = Cluster::new();
    let runtime = waiting(&cluster);
    for told in [1, 0] {
        cluster.server.clear_requests();
        cluster.server.fail_next(about("deployments.apps"), 500);
        assert!(runtime.reconcile(&cluster.plan()).await.is_err());
        assert_eq!(answers(&cluster), told);
        assert_eq!(cluster.said(), Some(("RuntimeProvisioning".into(), OUT_OF_ORDER.into())));
    }
    cluster.settle().await;
    assert_eq!(cluster.said(), Some(("Succeeded".into(), RUNNING.into())));
}

#[tokio::test]
async fn a_fault_takes_nothing_back_of_what_was_said_of_the_plan() {
    let cluster = Cluster::new();
    cluster.settle().await;
    cluster.server.remove::<Deployment>("team-a", "hello");
    let runtime = waiting(&cluster);
    cluster.server.clear_requests();
    cluster.server.fail_next(about("deployments.apps"), 500);
    assert!(runtime.reconcile(&cluster.plan()).await.is_err());
    assert_eq!(answers(&cluster), 0);
}

#[tokio::test]
async fn what_is_scaled_up_keeps_its_address_while_a_part_of_it_runs() {
    let cluster = Cluster::new();
    cluster.settle().await;
    let scaled = cluster.server.modify("team-a", "hello", |deployment: &mut Deployment| {
        deployment.spec.as_mut().unwrap().replicas = Some(3);
    });
    let scaled = scaled.unwrap();
    cluster.server.modify("team-a", "hello", |deployment: &mut Deployment| {
        deployment.status = Some(DeploymentStatus {
            observed_generation: scaled.metadata.generation,
            replicas: Some(3),
            updated_replicas: Some(3),
            available_replicas: Some(1),
            ..DeploymentStatus::default()
        });
    });
    let status = "{phase: Running, containerStatuses: [{name: web, image: '', imageID: '', ready: true, restartCount: 0, \
                  state: {running: {startedAt: '2020-01-01T00:00:00Z'}}}]}";
    let template = scaled.spec.unwrap().template.metadata.unwrap();
    let mut pod = Pod { metadata: template, status: Some(parse(status)), ..Pod::default() };
    (pod.metadata.name, pod.metadata.namespace) = (Some("hello-1".into()), Some("team-a".into()));
    cluster.server.insert(pod);

    waiting(&cluster).reconcile(&cluster.plan()).await.unwrap();
    assert_eq!(cluster.said(), Some(("RuntimeDegraded".into(), INCOMPLETE.into())));
    let exposure: WorkloadExposure = cluster.server.get("team-a", "hello").unwrap();
    let exposures = exposure.status.unwrap().exposures;
    assert!(!exposures.is_empty() && exposures.iter().all(|it| it.ready), "{exposures:?}");
}

#[tokio::test]
async fn a_workload_that_cannot_be_scaled_by_load_is_ready_and_says_so() {
    let cluster = valued("{autoscaling: {maxReplicas: 3}}");
    cluster.settle().await;
    cluster.server.modify("team-a", "hello", |autoscaler: &mut HorizontalPodAutoscaler| {
        autoscaler.status = Some(parse(
            "{desiredReplicas: 1, conditions: [{type: ScalingActive, status: 'False', reason: FailedGetResourceMetric, \
             lastTransitionTime: '2020-01-01T00:00:00Z'}]}",
        ));
    });
    assert_eq!(cluster.writes_of_a_pass().await, 1);
    assert_eq!(cluster.said(), Some(("Succeeded".into(), UNMEASURED.into())));
    assert_eq!(cluster.writes_of_a_pass().await, 0);
}
