//! Step 1: everything that a plan's reconcile looks at, from caches alone.

use std::sync::Arc;

use api_types::{
    WorkloadExposure,
    metadata::{ANNOTATION_APPLIED, LABEL_WORKLOAD},
};
use controller_kit::{Cache, CacheClosed};
use k8s_openapi::api::{
    apps::v1::{Deployment, StatefulSet},
    autoscaling::v2::{HorizontalPodAutoscaler, HorizontalPodAutoscalerStatus},
    batch::v1::{CronJob, Job},
    core::v1::{ConfigMap, Pod, Service},
};
use kube::{Resource, core::PartialObjectMeta};

use crate::{
    build::{ANNOTATION_TEMPLATE, governing_name},
    main_object::Mains,
    observe::{load, mounts},
    validate::{Identity, ValidPlan},
    values::Kind,
};

/// What this controller knows of the cluster, kept by its watches.
#[derive(Clone, Debug)]
pub struct Caches {
    /// The Deployments that it made.
    pub deployments: Cache<Deployment>,
    /// The StatefulSets that it made.
    pub stateful_sets: Cache<StatefulSet>,
    /// The Jobs that it made, and those that its CronJobs made, the latter without what their pods are made of.
    pub jobs: Cache<Job>,
    /// The CronJobs that it made.
    pub cron_jobs: Cache<CronJob>,
    /// The HorizontalPodAutoscalers that it made.
    pub autoscalers: Cache<HorizontalPodAutoscaler>,
    /// The Services that it made.
    pub services: Cache<Service>,
    /// The pods of all of these, without their specs.
    pub pods: Cache<Pod>,
    /// The ConfigMaps that it made, without their content.
    pub config_maps: Cache<PartialObjectMeta<ConfigMap>>,
    /// The exposures of its runtime class.
    pub exposures: Cache<WorkloadExposure>,
}

/// What stands under the plan's name.
#[derive(Clone, Debug, Default)]
pub struct Dereferenced {
    /// What makes containers run, whoever it was made for.
    pub mains: Mains,
    /// The Service, whoever it was made for.
    pub service: Option<Arc<Service>>,
    /// The Service that gives instances names of their own, whoever it was made for.
    pub governing: Option<Arc<Service>>,
    /// The autoscaler, whoever it was made for.
    pub autoscaler: Option<Arc<HorizontalPodAutoscaler>>,
    /// The instances, by name.
    pub pods: Vec<Arc<Pod>>,
    /// The ConfigMaps of this plan's files, current ones and earlier ones.
    pub config_maps: Vec<Arc<PartialObjectMeta<ConfigMap>>>,
    /// The runs that a schedule has started, by name.
    pub runs: Vec<Arc<Job>>,
    /// The exposure, if it asks for the same Workload as the plan.
    pub exposure: Option<Arc<WorkloadExposure>>,
}

/// Why nothing can be looked at.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The process stops before it knew what there is.
    #[error("stopped before everything was listed")]
    Stopped(#[from] CacheClosed),
}

/// What stands under the name of `identity`, as soon as everything was listed once: to act before would mean to take
/// for missing what is only not known yet.
///
/// # Errors
/// If the process stops.
pub async fn dereference(caches: &Caches, identity: &Identity) -> Result<Dereferenced, Error> {
    let (namespace, name) = (identity.namespace.as_str(), identity.name.as_str());
    caches.ready().await?;
    let asked = |exposure: &Arc<WorkloadExposure>| exposure.spec.workload_ref.uid == identity.workload_uid;
    Ok(Dereferenced {
        mains: Mains {
            deployment: caches.deployments.get(namespace, name),
            stateful_set: caches.stateful_sets.get(namespace, name),
            job: caches.jobs.get(namespace, name),
            cron_job: caches.cron_jobs.get(namespace, name),
        },
        service: caches.services.get(namespace, name),
        governing: caches.services.get(namespace, &governing_name(identity)),
        autoscaler: caches.autoscalers.get(namespace, name),
        pods: caches.pods.list(namespace, |pod| workload_of(pod) == Some(name)),
        config_maps: caches
            .config_maps
            .list(namespace, |it| workload_of(it) == Some(name) && identity.owns(it)),
        runs: caches.jobs.list(namespace, |job| workload_of(job) == Some(name) && is_scheduled(job)),
        exposure: caches.exposures.get(namespace, name).filter(asked),
    })
}

impl Dereferenced {
    /// Whether what `plan` wants to run ran to its end, and is no longer there.
    pub fn has_completed(&self, plan: &ValidPlan) -> bool {
        plan.work.kind() == Kind::Job && self.mains.job.is_none() && self.completed_run() == Some(&plan.run)
    }

    /// What is known to have run to its end.
    pub fn completed_run(&self) -> Option<&String> {
        self.exposure.as_ref()?.status.as_ref()?.completed_run.as_ref()
    }
}

impl Caches {
    /// Waits until everything was listed once.
    async fn ready(&self) -> Result<(), CacheClosed> {
        self.deployments.ready().await?;
        self.stateful_sets.ready().await?;
        self.jobs.ready().await?;
        self.cron_jobs.ready().await?;
        self.autoscalers.ready().await?;
        self.services.ready().await?;
        self.pods.ready().await?;
        self.config_maps.ready().await?;
        self.exposures.ready().await
    }
}

/// The Workload that an object is a part of, by name.
pub fn workload_of<K: Resource>(object: &K) -> Option<&str> {
    object.meta().labels.as_ref()?.get(LABEL_WORKLOAD).map(String::as_str)
}

/// Whether a schedule started it.
fn is_scheduled(job: &Job) -> bool {
    job.metadata.owner_references.iter().flatten().any(|owner| owner.kind == "CronJob")
}

/// Drops what nobody reads of a run that a schedule started: nobody compares it with what it should be.
pub fn trim_job(job: &mut Job) {
    if !is_scheduled(job) {
        return;
    }
    if let Some(spec) = &mut job.spec {
        spec.template.spec = None;
    }
}

/// Drops what nobody reads of a pod: its spec alone is most of it.
pub fn trim_pod(pod: &mut Pod) {
    pod.spec = None;
    if let Some(annotations) = &mut pod.metadata.annotations {
        annotations.retain(|key, _| key == ANNOTATION_TEMPLATE);
    }
    if let Some(status) = &mut pod.status {
        status.ephemeral_container_statuses = None;
        status.conditions.iter_mut().for_each(|them| {
            them.retain(|condition| ["PodScheduled", mounts::CONDITION].contains(&condition.type_.as_str()))
        });
    }
}

/// Drops what an autoscaler measures and makes of it, but not whether it can measure at all.
pub fn trim_autoscaler(autoscaler: &mut HorizontalPodAutoscaler) {
    let conditions = autoscaler.status.take().and_then(|status| status.conditions);
    let mut conditions = conditions.unwrap_or_default();
    conditions.retain(|condition| condition.type_ == load::CONDITION);
    conditions.iter_mut().for_each(|condition| condition.message = None);
    if !conditions.is_empty() {
        let conditions = Some(conditions);
        autoscaler.status = Some(HorizontalPodAutoscalerStatus { conditions, ..Default::default() });
    }
}

/// Drops the annotations of an exposure that nobody reads, such as what it was applied as by its writer.
pub fn trim_exposure(exposure: &mut WorkloadExposure) {
    if let Some(annotations) = &mut exposure.metadata.annotations {
        annotations.remove(ANNOTATION_APPLIED);
    }
}
