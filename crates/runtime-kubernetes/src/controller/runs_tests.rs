//! Runs: each happens once, and again only when something else is to run.

use k8s_openapi::{
    api::{
        apps::v1::StatefulSet,
        batch::v1::{CronJob, Job},
        core::v1::{Event, Pod},
    },
    apimachinery::pkg::apis::meta::v1::OwnerReference,
};

use super::{
    kinds_tests::valued,
    tests::{Cluster, about, requeue_after},
    *,
};
use crate::{build::PodSecurity, fixtures::parse, messages::COMPLETED};

#[tokio::test]
async fn a_run_that_completed_runs_again_only_for_something_else() {
    let cluster = valued("{kind: Job}");
    cluster.settle().await;
    let first = cluster.job().unwrap().metadata.uid;
    cluster.want("{kind: Job, backoffLimit: 1, parallelism: 1, activeDeadlineSeconds: 9}");
    cluster.change(|plan| plan.spec.service = None);
    cluster.settle().await;
    assert_eq!(cluster.job().unwrap().metadata.uid, first);
    cluster.want_image("web:2");
    cluster.settle().await;
    assert_ne!(cluster.job().unwrap().metadata.uid, first);
    assert_eq!(cluster.image().as_deref(), Some("web:2"));
    assert_eq!(cluster.said().unwrap().0, "Succeeded");
}

#[tokio::test]
async fn the_next_run_starts_only_when_all_of_the_last_has_stopped() {
    let cluster = valued("{kind: Job}");
    cluster.pass().await.unwrap();
    cluster.want_image("web:2");
    cluster.pass().await.unwrap();
    assert_eq!(cluster.image().as_deref(), Some("web:1"), "it is being stopped");
    assert_eq!(cluster.writes_of_a_pass().await, 0);
    cluster.server.collect_garbage();
    cluster.pass().await.unwrap();
    assert_eq!(cluster.image().as_deref(), Some("web:2"));
}

#[tokio::test]
async fn what_completed_does_not_run_again_because_somebody_removed_it() {
    let cluster = valued("{kind: Job}");
    cluster.settle().await;
    cluster.server.remove::<Job>("team-a", "hello");
    assert_eq!(cluster.writes_of_a_pass().await, 0);
    assert_eq!(cluster.server.requests(), []);
    cluster.change(|plan| plan.spec.observed_workload_generation += 1);
    cluster.pass().await.unwrap();
    assert!(!cluster.has::<Job>());
    let exposure: WorkloadExposure = cluster.server.get("team-a", "hello").unwrap();
    assert_eq!(exposure.status.unwrap().observed_plan_generation, cluster.plan().metadata.generation);
    assert_eq!(cluster.said(), Some(("Succeeded".into(), COMPLETED.into())));
}

#[tokio::test]
async fn what_completed_is_forgotten_when_something_else_is_wanted_in_between() {
    for other in ["{kind: Job, completions: 2}", "{kind: Deployment}"] {
        let cluster = valued("{kind: Job}");
        cluster.settle().await;
        let first = cluster.job().unwrap().metadata.uid;
        cluster.want(other);
        cluster.pass().await.unwrap();
        assert_eq!(cluster.completed_run(), None, "{other}");
        cluster.settle().await;
        cluster.want("{kind: Job}");
        cluster.settle().await;
        assert_ne!(cluster.job().unwrap().metadata.uid, first, "{other}");
        assert!(cluster.completed_run().is_some());
    }
}

#[tokio::test]
async fn what_failed_runs_again_when_it_may_try_more_often_or_for_longer() {
    let cluster = valued("{kind: Job, backoffLimit: 0}");
    cluster.pass().await.unwrap();
    cluster.end("Failed");
    let first = cluster.job().unwrap().metadata.uid;
    cluster.pass().await.unwrap();
    assert_eq!(cluster.said().unwrap().0, "RuntimeDegraded");
    assert_eq!(cluster.writes_of_a_pass().await, 0);
    cluster.want("{kind: Job, backoffLimit: 0, parallelism: 2}");
    cluster.pass().await.unwrap();
    assert_eq!(cluster.job().unwrap().metadata.uid, first);
    cluster.want("{kind: Job, backoffLimit: 3}");
    cluster.settle().await;
    assert_ne!(cluster.job().unwrap().metadata.uid, first);
    assert_eq!(cluster.said().unwrap().0, "Succeeded");
}

#[tokio::test]
async fn a_run_is_not_repeated_because_a_newer_runtime_builds_it_in_another_way() {
    let cluster = valued("{kind: Job}");
    cluster.pass().await.unwrap();
    let first = cluster.job().unwrap();
    let mut other = cluster.runtime();
    other.args.pod_security = PodSecurity::Restricted;
    other.reconcile(&cluster.plan()).await.unwrap();
    let live = cluster.job().unwrap();
    assert_eq!(
        (live.metadata.uid, live.spec.unwrap().template),
        (first.metadata.uid, first.spec.unwrap().template)
    );
    cluster.server.clear_requests();
    let mut other = cluster.runtime();
    other.args.pod_security = PodSecurity::Restricted;
    other.reconcile(&cluster.plan()).await.unwrap();
    assert_eq!(cluster.server.writes(), []);
}

#[tokio::test]
async fn what_completed_is_kept_for_as_long_as_the_platform_says_and_remembered_for_ever() {
    let cluster = valued("{kind: Job, ttlSecondsAfterFinished: 3600}");
    cluster.settle().await;
    assert!(cluster.has::<Job>());
    let wait = requeue_after(cluster.pass().await.unwrap()).unwrap();
    assert!(wait <= Duration::from_secs(3600) && wait > Duration::from_secs(3000), "{wait:?}");
    cluster.want("{kind: Job, ttlSecondsAfterFinished: 0}");
    cluster.settle().await;
    assert!(!cluster.has::<Job>());
    assert_eq!(cluster.said(), Some(("Succeeded".into(), COMPLETED.into())));
}

#[tokio::test]
async fn what_completed_is_not_removed_before_it_is_remembered() {
    let cluster = valued("{kind: Job, ttlSecondsAfterFinished: 0}");
    cluster.pass().await.unwrap();
    cluster.end("Complete");
    cluster.server.fail_next(about("workloadexposures.score.dev"), 500);
    assert!(cluster.pass().await.is_err());
    assert!(cluster.has::<Job>());
    cluster.pass().await.unwrap();
    assert!(!cluster.has::<Job>() && cluster.completed_run().is_some());
}

/// Lets Kubernetes have said why it cannot create instances for the object of `kind`.
fn refuse_instances(cluster: &Cluster, uid: &str) {
    let event: Event = parse(&format!(
        "metadata: {{name: hello.1, namespace: team-a}}\nreason: FailedCreate\ninvolvedObject: {{uid: {uid}}}\nmessage: \
         'Error creating: pods \"hello-x\" is forbidden: exceeded quota: small, requested: pods=1, used: pods=3, limited: \
         pods=3'\n"
    ));
    cluster.server.insert(event);
}

#[tokio::test]
async fn why_there_is_no_instance_is_asked_for_where_no_status_says_so() {
    for values in ["{kind: Job}", "{kind: StatefulSet}"] {
        let cluster = valued(values);
        let action = cluster.pass().await.unwrap();
        assert!(requeue_after(action).is_some(), "{values}");
        let uids = [
            cluster.job().and_then(|job| job.metadata.uid),
            cluster.server.get::<StatefulSet>("team-a", "hello").and_then(|set| set.metadata.uid),
        ];
        refuse_instances(&cluster, uids.iter().flatten().next().unwrap());
        cluster.pass().await.unwrap();
        assert_eq!(cluster.said().unwrap().0, "QuotaExceeded", "{values}");
        assert_eq!(cluster.writes_of_a_pass().await, 0, "{values}");
    }
}

#[tokio::test]
async fn why_only_some_instances_are_there_is_told_unless_it_is_from_before_the_last_was_made() {
    for (refused, reason) in
        [("'2020-01-01T00:00:59Z'", "RuntimeDegraded"), ("'2020-01-01T00:01:00Z'", "QuotaExceeded")]
    {
        let cluster = valued("{kind: StatefulSet, replicas: 2}");
        cluster.pass().await.unwrap();
        let set: StatefulSet = cluster.server.get("team-a", "hello").unwrap();
        let uid = set.metadata.uid.unwrap();
        let metadata = set.spec.unwrap().template.metadata.unwrap();
        let mut pod = Pod { metadata, ..Pod::default() };
        pod.metadata.name = Some("hello-0".into());
        pod.metadata.namespace = Some("team-a".into());
        pod.metadata.creation_timestamp = Some(parse("'2020-01-01T00:01:00Z'"));
        let owner =
            OwnerReference { kind: "StatefulSet".into(), uid: uid.clone(), ..OwnerReference::default() };
        pod.metadata.owner_references = Some(vec![owner]);
        cluster.server.insert(pod);
        refuse_instances(&cluster, &uid);
        cluster.server.modify("team-a", "hello.1", |event: &mut Event| {
            event.last_timestamp = Some(parse(refused));
        });
        cluster.pass().await.unwrap();
        assert_eq!(cluster.said().unwrap().0, reason, "{refused}");
    }
}

#[tokio::test]
async fn a_run_that_a_schedule_started_and_that_has_no_instance_is_explained_too() {
    let cluster = valued("{kind: CronJob, schedule: '* * * * *'}");
    cluster.pass().await.unwrap();
    let cron_job: CronJob = cluster.server.get("team-a", "hello").unwrap();
    let template = cron_job.spec.job_template;
    let mut run = Job { metadata: template.metadata.unwrap(), spec: template.spec, status: None };
    run.metadata.name = Some("hello-1".into());
    run.metadata.namespace = Some("team-a".into());
    run.metadata.uid = Some("run".into());
    run.metadata.owner_references = Some(vec![OwnerReference {
        kind: "CronJob".into(),
        uid: cron_job.metadata.uid.unwrap(),
        ..OwnerReference::default()
    }]);
    cluster.server.insert(run);
    cluster.pass().await.unwrap();
    assert_eq!(cluster.said().unwrap().0, "Succeeded", "nobody said anything yet");
    refuse_instances(&cluster, "run");
    cluster.pass().await.unwrap();
    assert_eq!(cluster.said().unwrap().0, "QuotaExceeded");
}
