//! Volumes: one of the pod's for each resource, whoever mounts it.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::{PersistentVolumeClaim, Volume, VolumeMount},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use sha2::{Digest as _, Sha256};

use crate::validate::{Origin, ValidContainer, ValidPlan, ValidVolume, hex};

/// The volumes that all instances share.
pub(super) fn shared(plan: &ValidPlan) -> Vec<Volume> {
    let shared = all(plan).filter_map(|volume| match &volume.origin {
        Origin::Shared(source) => Some((name(volume), source)),
        Origin::PerInstance(_) => None,
    });
    let by_name: BTreeMap<_, _> = shared.collect();
    by_name.into_iter().map(|(name, source)| Volume { name, ..Volume::clone(source) }).collect()
}

/// The claims of which each instance has its own, for what can keep them apart: a StatefulSet.
pub fn claim_templates(plan: &ValidPlan) -> Vec<PersistentVolumeClaim> {
    let own = all(plan).filter_map(|volume| match &volume.origin {
        Origin::PerInstance(spec) => Some((name(volume), spec)),
        Origin::Shared(_) => None,
    });
    let by_name: BTreeMap<_, _> = own.collect();
    by_name
        .into_iter()
        .map(|(name, spec)| PersistentVolumeClaim {
            metadata: ObjectMeta { name: Some(name), ..ObjectMeta::default() },
            spec: Some((**spec).clone()),
            status: None,
        })
        .collect()
}

/// One mount for each volume of `container`.
pub(super) fn mounts(container: &ValidContainer) -> impl Iterator<Item = VolumeMount> {
    container.volumes.iter().map(|volume| VolumeMount {
        name: name(volume),
        mount_path: volume.target.as_str().to_owned(),
        sub_path: volume.path.clone(),
        read_only: volume.read_only.then_some(true),
        ..VolumeMount::default()
    })
}

fn all(plan: &ValidPlan) -> impl Iterator<Item = &ValidVolume> {
    plan.containers.iter().flat_map(|container| &container.volumes)
}

fn name(volume: &ValidVolume) -> String {
    volume_name("volume", &volume.claim)
}

/// A name for a volume of a pod, which may be shorter than what it is called after.
pub(super) fn volume_name(kind: &str, called: &str) -> String {
    const MAX: usize = 63;
    let name = format!("{kind}-{called}");
    if name.len() <= MAX { name } else { format!("{kind}-{}", hex(&Sha256::digest(called))) }
}
