//! The kinds of work: what becomes of the object of one kind when another is wanted, and of a run when another is.

use k8s_openapi::{
    api::{
        apps::v1::{Deployment, StatefulSet, StatefulSetStatus},
        autoscaling::v2::HorizontalPodAutoscaler,
        batch::v1::{CronJob, Job, JobCondition, JobStatus},
        core::v1::Service,
    },
    apimachinery::pkg::apis::meta::v1::Time,
};
use serde_json::Value as Json;

use super::{
    tests::{Cluster, requeue_after},
    *,
};
use crate::{
    fixtures::parse,
    messages::{COMPLETED, NOT_RUN_YET, PREDECESSOR, RUNNING},
};

const CRON_JOB: &str = "{kind: CronJob, schedule: '* * * * *'}";

/// A cluster whose plan has `values`.
pub(super) fn valued(values: &str) -> Cluster {
    let cluster = Cluster::new();
    cluster.want(values);
    cluster
}

impl Cluster {
    pub(super) fn want(&self, values: &str) {
        self.change(|plan| plan.spec.template.values = parse(values));
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut WorkloadPlan)) {
        self.server.modify("team-a", "hello", change);
    }

    /// Something else is to run.
    pub(super) fn want_image(&self, image: &str) {
        self.change(|plan| plan.spec.containers.get_mut("web").unwrap().image = image.into());
    }

    pub(super) fn job(&self) -> Option<Job> {
        self.server.get("team-a", "hello")
    }

    pub(super) fn image(&self) -> Option<String> {
        self.job()?.spec?.template.spec?.containers.first()?.image.clone()
    }

    pub(super) fn has<K>(&self) -> bool
    where
        K: Resource<DynamicType = ()> + serde::de::DeserializeOwned,
    {
        self.server.get::<K>("team-a", "hello").is_some()
    }

    /// What Kubernetes says when all named instances run.
    fn roll_out_stateful_set(&self) {
        self.server.modify("team-a", "hello", |set: &mut StatefulSet| {
            set.status = Some(StatefulSetStatus {
                observed_generation: set.metadata.generation,
                replicas: 1,
                updated_replicas: Some(1),
                available_replicas: Some(1),
                ..StatefulSetStatus::default()
            });
        });
    }

    /// What Kubernetes says when a run is over.
    pub(super) fn end(&self, outcome: &str) {
        self.server.modify("team-a", "hello", |job: &mut Job| {
            let now = Some(Time(Timestamp::now()));
            let condition = JobCondition {
                type_: outcome.into(),
                status: "True".into(),
                reason: (outcome == "Failed").then(|| "BackoffLimitExceeded".into()),
                last_transition_time: now.clone(),
                ..JobCondition::default()
            };
            let completion_time = now.filter(|_| outcome == "Complete");
            job.status = Some(JobStatus {
                conditions: Some(vec![condition]),
                completion_time,
                ..JobStatus::default()
            });
        });
    }

    /// Passes, and everything that Kubernetes does in between, until nothing is left to do.
    pub(super) async fn settle(&self) {
        for _ in 0..6 {
            // What becomes of these passes does not matter: some of them are made to die.
            let _ = self.pass().await;
            self.server.collect_garbage();
            self.roll_out();
            self.roll_out_stateful_set();
            if self.has::<Job>() {
                self.end("Complete");
            }
        }
    }

    pub(super) fn completed_run(&self) -> Option<String> {
        self.server.get::<WorkloadExposure>("team-a", "hello")?.status?.completed_run
    }

    /// Which kinds there are.
    fn kinds(&self) -> Vec<&'static str> {
        let all = [
            ("Deployment", self.has::<Deployment>()),
            ("StatefulSet", self.has::<StatefulSet>()),
            ("Job", self.has::<Job>()),
            ("CronJob", self.has::<CronJob>()),
        ];
        all.into_iter().filter(|(_, there)| *there).map(|(kind, _)| kind).collect()
    }
}

#[tokio::test]
async fn each_kind_of_work_becomes_quiet() {
    for (values, message) in [
        ("{kind: Deployment, replicas: 1}", RUNNING),
        ("{kind: StatefulSet}", RUNNING),
        ("{kind: Deployment, autoscaling: {maxReplicas: 3}}", RUNNING),
        ("{kind: Job}", COMPLETED),
        ("{kind: Job, ttlSecondsAfterFinished: 0}", COMPLETED),
        (CRON_JOB, NOT_RUN_YET),
    ] {
        let cluster = valued(values);
        cluster.settle().await;
        assert_eq!(cluster.said(), Some(("Succeeded".into(), message.into())), "{values}");
        assert_eq!(cluster.writes_of_a_pass().await, 0, "{values}");
        assert_eq!(cluster.server.requests(), [], "{values}: quiet means no reads either");
    }
}

#[tokio::test]
async fn what_serves_goes_on_until_another_kind_that_serves_has_taken_its_place() {
    let cluster = Cluster::new();
    cluster.settle().await;
    cluster.want("{kind: StatefulSet}");
    cluster.pass().await.unwrap();
    assert_eq!(cluster.kinds(), ["Deployment", "StatefulSet"]);
    assert!(cluster.server.get::<Service>("team-a", "hello-headless").is_some());
    cluster.pass().await.unwrap();
    assert_eq!(cluster.kinds(), ["Deployment", "StatefulSet"], "not before the new one runs");
    cluster.roll_out_stateful_set();
    cluster.pass().await.unwrap();
    assert_eq!(cluster.kinds(), ["StatefulSet"]);
    assert_eq!(cluster.said().unwrap().0, "Succeeded");
    assert_eq!(cluster.writes_of_a_pass().await, 0);

    cluster.want("{kind: Deployment}");
    cluster.pass().await.unwrap();
    let names = || cluster.server.get::<Service>("team-a", "hello-headless").is_some();
    assert!(names(), "as long as there are instances that have names");
    cluster.roll_out();
    cluster.pass().await.unwrap();
    cluster.pass().await.unwrap();
    assert_eq!((cluster.kinds(), names()), (vec!["Deployment"], false));
    assert_eq!(cluster.writes_of_a_pass().await, 0);
}

#[tokio::test]
async fn another_kind_that_serves_starts_with_as_many_instances_and_is_then_left_to_whoever_scales() {
    let cluster = Cluster::new();
    cluster.settle().await;
    scale(&cluster, 5);
    cluster.want("{kind: StatefulSet}");
    let replicas = || cluster.server.get::<StatefulSet>("team-a", "hello").unwrap().spec.unwrap().replicas;
    cluster.pass().await.unwrap();
    assert_eq!(replicas(), Some(5));
    cluster.pass().await.unwrap();
    assert_eq!(replicas(), Some(5));
    cluster.server.modify("team-a", "hello", |set: &mut StatefulSet| {
        set.spec.as_mut().unwrap().replicas = Some(4);
    });
    assert_eq!(cluster.writes_of_a_pass().await, 0);
    assert_eq!(replicas(), Some(4));
}

#[tokio::test]
async fn what_is_scaled_to_nothing_takes_over_at_once() {
    let cluster = Cluster::new();
    cluster.settle().await;
    cluster.want("{kind: StatefulSet, replicas: 0}");
    cluster.pass().await.unwrap();
    assert_eq!(cluster.kinds(), ["StatefulSet"]);
}

#[tokio::test]
async fn what_cannot_run_side_by_side_is_gone_with_all_its_instances_before_the_next_starts() {
    for (from, to) in [
        ("{kind: Deployment}", "{kind: Job}"),
        ("{kind: Job}", "{kind: Deployment}"),
        ("{kind: Job}", CRON_JOB),
        (CRON_JOB, "{kind: StatefulSet}"),
    ] {
        let cluster = valued(from);
        cluster.settle().await;
        let before = cluster.kinds();
        cluster.want(to);
        for _ in 0..2 {
            cluster.pass().await.unwrap();
            assert_eq!(cluster.kinds(), before, "{from} {to}");
        }
        cluster.server.collect_garbage();
        assert_eq!(cluster.kinds(), [""; 0], "{from} {to}");
        cluster.settle().await;
        assert_eq!(cluster.kinds().len(), 1, "{from} {to}");
        assert_ne!(cluster.kinds(), before);
        assert_eq!(cluster.said().unwrap().0, "Succeeded", "{from} {to}");
        assert_eq!(cluster.writes_of_a_pass().await, 0, "{from} {to}");
    }
}

#[tokio::test]
async fn waiting_for_a_predecessor_costs_no_writes() {
    let cluster = valued("{kind: Job}");
    cluster.settle().await;
    cluster.want("{kind: Deployment}");
    cluster.pass().await.unwrap();
    let action = {
        cluster.server.clear_requests();
        cluster.pass().await.unwrap()
    };
    assert_eq!(cluster.server.writes(), []);
    assert!(requeue_after(action).is_some(), "to say what it waits for: {PREDECESSOR}");
}

#[tokio::test]
async fn wherever_the_process_dies_a_change_of_kind_or_run_ends_in_the_same_state() {
    let job = "{kind: Job}";
    for (from, to) in [
        (job, "{kind: StatefulSet}"),
        (job, "{kind: Job, completions: 2}"),
        ("{kind: Deployment}", "{kind: StatefulSet}"),
        ("{kind: StatefulSet, replicas: 1}", job),
        (job, CRON_JOB),
    ] {
        let ends = async |writes: usize| {
            let cluster = valued(from);
            cluster.settle().await;
            cluster.want(to);
            cluster.server.fail_after(writes);
            let _ = cluster.pass().await;
            cluster.server.collect_garbage();
            let _ = cluster.pass().await;
            cluster.server.heal();
            cluster.settle().await;
            assert_eq!(cluster.writes_of_a_pass().await, 0, "{from} {to} after {writes} writes");
            let specs: Vec<Json> = cluster.specs();
            (cluster.kinds(), specs, cluster.said(), cluster.completed_run())
        };
        let undisturbed = ends(100).await;
        for writes in 0..6 {
            assert_eq!(ends(writes).await, undisturbed, "{from} {to} after {writes} writes");
        }
    }
}

impl Cluster {
    /// What every object of the plan is to be.
    fn specs(&self) -> Vec<Json> {
        fn of<K>(cluster: &Cluster) -> Vec<Json>
        where
            K: Resource<DynamicType = ()> + serde::Serialize + serde::de::DeserializeOwned,
        {
            let all = cluster.server.list::<K>().into_iter();
            all.map(|object| serde_json::to_value(object).unwrap()["spec"].clone()).collect()
        }
        [of::<Deployment>, of::<StatefulSet>, of::<Job>, of::<CronJob>, of::<Service>]
            .into_iter()
            .flat_map(|specs| specs(self))
            .collect()
    }
}

#[tokio::test]
async fn what_others_made_under_the_name_is_left_alone_whatever_its_kind() {
    let cluster = valued("{kind: Job}");
    let foreign: Job = parse("metadata: {name: hello, namespace: team-a}\nspec: {template: {}}");
    cluster.server.insert(foreign);
    cluster.pass().await.unwrap();
    assert_eq!(cluster.said().unwrap().0, "PermissionDenied");
    assert_eq!(cluster.job().unwrap().metadata.owner_references, None);
    let cluster = Cluster::new();
    let foreign: Job = parse("metadata: {name: hello, namespace: team-a}\nspec: {template: {}}");
    cluster.server.insert(foreign);
    cluster.settle().await;
    assert_eq!(cluster.kinds(), ["Deployment", "Job"], "another kind is no concern of the plan");
    assert_eq!(cluster.said().unwrap().0, "Succeeded");
}

fn replicas(cluster: &Cluster) -> Option<i32> {
    cluster.server.get::<Deployment>("team-a", "hello")?.spec?.replicas
}

#[tokio::test]
async fn a_number_of_instances_that_was_asked_for_is_held() {
    let cluster = valued("{replicas: 3}");
    cluster.pass().await.unwrap();
    scale(&cluster, 7);
    assert_eq!(cluster.writes_of_a_pass().await, 1);
    assert_eq!(replicas(&cluster), Some(3));
}

#[tokio::test]
async fn an_autoscaler_is_not_fought_and_starts_from_as_many_instances_as_there_are() {
    let cluster = valued("{replicas: 3}");
    cluster.pass().await.unwrap();
    cluster.want("{autoscaling: {minReplicas: 2, maxReplicas: 9}}");
    cluster.pass().await.unwrap();
    assert_eq!(replicas(&cluster), Some(3), "nobody has scaled yet");
    let autoscaler: HorizontalPodAutoscaler = cluster.server.get("team-a", "hello").unwrap();
    assert_eq!(autoscaler.spec.max_replicas, 9);
    scale(&cluster, 7);
    assert_eq!(cluster.writes_of_a_pass().await, 0);
    assert_eq!(replicas(&cluster), Some(7));
    cluster.want("{replicas: 4}");
    cluster.pass().await.unwrap();
    assert_eq!((replicas(&cluster), cluster.has::<HorizontalPodAutoscaler>()), (Some(4), false));
}

fn scale(cluster: &Cluster, replicas: i32) {
    cluster.server.modify("team-a", "hello", |deployment: &mut Deployment| {
        deployment.spec.as_mut().unwrap().replicas = Some(replicas);
    });
}
