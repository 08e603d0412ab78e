//! Step 1: everything that a plan's reconcile looks at, from caches alone.

use std::sync::Arc;

use api_types::{
    WorkloadExposure,
    metadata::{ANNOTATION_APPLIED, LABEL_WORKLOAD},
};
use controller_kit::{Cache, CacheClosed};
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{ConfigMap, Pod, Service},
};
use kube::{Resource, core::PartialObjectMeta};

use crate::{build::ANNOTATION_TEMPLATE, validate::Identity};

/// What this controller knows of the cluster, kept by its watches.
#[derive(Clone, Debug)]
pub struct Caches {
    /// The Deployments that it made.
    pub deployments: Cache<Deployment>,
    /// The Services that it made.
    pub services: Cache<Service>,
    /// The pods of its Deployments, without their specs.
    pub pods: Cache<Pod>,
    /// The ConfigMaps that it made, without their content.
    pub config_maps: Cache<PartialObjectMeta<ConfigMap>>,
    /// The exposures of its runtime class.
    pub exposures: Cache<WorkloadExposure>,
}

/// What stands under the plan's name.
#[derive(Clone, Debug, Default)]
pub struct Dereferenced {
    /// The Deployment, whoever it was made for.
    pub deployment: Option<Arc<Deployment>>,
    /// The Service, whoever it was made for.
    pub service: Option<Arc<Service>>,
    /// The instances, by name.
    pub pods: Vec<Arc<Pod>>,
    /// The ConfigMaps of this plan's files, current ones and earlier ones.
    pub config_maps: Vec<Arc<PartialObjectMeta<ConfigMap>>>,
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
    caches.deployments.ready().await?;
    caches.services.ready().await?;
    caches.pods.ready().await?;
    caches.config_maps.ready().await?;
    caches.exposures.ready().await?;
    let asked = |exposure: &Arc<WorkloadExposure>| exposure.spec.workload_ref.uid == identity.workload_uid;
    Ok(Dereferenced {
        deployment: caches.deployments.get(namespace, name),
        service: caches.services.get(namespace, name),
        pods: caches.pods.list(namespace, |pod| workload_of(pod) == Some(name)),
        config_maps: caches
            .config_maps
            .list(namespace, |it| workload_of(it) == Some(name) && identity.owns(it)),
        exposure: caches.exposures.get(namespace, name).filter(asked),
    })
}

/// The Workload that an object is a part of, by name.
pub fn workload_of<K: Resource>(object: &K) -> Option<&str> {
    object.meta().labels.as_ref()?.get(LABEL_WORKLOAD).map(String::as_str)
}

/// Drops what nobody reads of a pod: its spec alone is most of it.
pub fn trim_pod(pod: &mut Pod) {
    pod.spec = None;
    if let Some(annotations) = &mut pod.metadata.annotations {
        annotations.retain(|key, _| key == ANNOTATION_TEMPLATE);
    }
    if let Some(status) = &mut pod.status {
        status.ephemeral_container_statuses = None;
        status
            .conditions
            .iter_mut()
            .for_each(|them| them.retain(|condition| condition.type_ == "PodScheduled"));
    }
}

/// Drops the annotations of an exposure that nobody reads, such as what it was applied as by its writer.
pub fn trim_exposure(exposure: &mut WorkloadExposure) {
    if let Some(annotations) = &mut exposure.metadata.annotations {
        annotations.remove(ANNOTATION_APPLIED);
    }
}
