//! Volumes: what the resource gives must be something that every instance may mount.

use api_types::{PlanContainer, PlanVolume};
use k8s_openapi::api::core::v1::{PersistentVolumeClaimSpec, Volume};
use score_spec::names::MountPath;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value as Json, json};

use super::{ValidContainer, files::keep};

/// The sources that the level `restricted` of Pod Security lets a pod mount. Whatever else is to be mounted can be by
/// a claim to a persistent volume, which the platform controls.
const SOURCES: [&str; 8] = [
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
];

/// A volume that can be built.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidVolume {
    /// Where it appears in the container.
    pub target: MountPath,
    /// The name under which the Workload declares the resource.
    pub claim: String,
    /// What is mounted.
    pub origin: Origin,
    /// A relative path inside of it; the whole of it where there is none.
    pub path: Option<String>,
    /// Whether the container may not write.
    pub read_only: bool,
}

/// What is mounted for a volume.
#[derive(Clone, Debug, PartialEq)]
pub enum Origin {
    /// The same for all instances. It has the name that the resource has in the Workload.
    Shared(Box<Volume>),
    /// One for each instance, which it keeps.
    PerInstance(Box<PersistentVolumeClaimSpec>),
}

/// The volumes of a container, by path.
pub(super) fn valid(path: &str, container: &PlanContainer, problems: &mut Vec<String>) -> Vec<ValidVolume> {
    let mut volumes: Vec<_> = container
        .volumes
        .iter()
        .filter_map(|(target, volume)| {
            keep(valid_volume(&format!("{path}.volumes[{target:?}]"), target, volume), problems)
        })
        .collect();
    volumes.sort_by(|one, other| one.target.cmp(&other.target));
    volumes
}

/// Volumes of which each instance has its own need instances that are told apart: `stateful` is whether they are.
pub(super) fn check_stateful(containers: &[ValidContainer], stateful: bool, problems: &mut Vec<String>) {
    for (container, volume) in
        containers.iter().flat_map(|it| it.volumes.iter().map(move |volume| (it, volume)))
    {
        if !stateful && matches!(volume.origin, Origin::PerInstance(_)) {
            problems.push(format!(
                "spec.containers.{}.volumes[{:?}].source: the resource {} gives each instance a volume of its own, which \
                 only a workload of the kind `StatefulSet` has: set the annotation `score.dev/kind` to it, or ask your \
                 platform team for another class of the resource.",
                container.name,
                volume.target.as_str(),
                volume.claim
            ));
        }
    }
}

fn valid_volume(field: &str, target: &str, volume: &PlanVolume) -> Result<ValidVolume, String> {
    let target = target.parse::<MountPath>().map_err(|error| format!("{field}: {error}."))?;
    let path = volume.path.clone().filter(|path| !path.is_empty());
    if path.as_deref().is_some_and(|path| path.starts_with('/') || path.split('/').any(|part| part == "..")) {
        return Err(format!(
            "{field}.path: must be a path inside the volume, without a / at its beginning or .. in it: correct it."
        ));
    }
    Ok(ValidVolume {
        target,
        claim: volume.claim.clone(),
        origin: origin(field, volume)?,
        path,
        read_only: volume.read_only,
    })
}

fn origin(field: &str, volume: &PlanVolume) -> Result<Origin, String> {
    let ask = "ask your platform team for a resource that is a volume";
    let resource = format!("the resource {}", volume.claim);
    match (volume.outputs.0.get("source"), volume.outputs.0.get("claimSpec")) {
        (Some(source), None) => shared(&volume.claim, source)
            .map(|volume| Origin::Shared(Box::new(volume)))
            .map_err(|why| format!("{field}.source: {resource} {why}: {ask}.")),
        (None, Some(spec)) => exactly(spec.clone())
            .map(|spec| Origin::PerInstance(Box::new(spec)))
            .map_err(|why| format!("{field}.source: {resource} has an output claimSpec that {why}: {ask}.")),
        (None, None) => Err(format!(
            "{field}.source: {resource} has neither an output source nor an output claimSpec, so it cannot be \
             mounted: {ask}."
        )),
        (Some(_), Some(_)) => Err(format!(
            "{field}.source: {resource} has both an output source and an output claimSpec: {ask}."
        )),
    }
}

fn shared(claim: &str, source: &Json) -> Result<Volume, String> {
    let Json::Object(fields) = source else {
        return Err("has an output source that is not an object".into());
    };
    match fields.keys().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [kind] if SOURCES.contains(kind) => {}
        [kind] => return Err(format!("is a volume of the kind `{kind}`, which workloads may not mount")),
        _ => return Err("has an output source that does not name one kind of volume".into()),
    }
    let mut volume = json!({ "name": claim });
    if let Json::Object(volume) = &mut volume {
        volume.extend(fields.clone());
    }
    exactly(volume).map_err(|why| format!("has an output source that {why}"))
}

/// `value` as a `T`, if that is all of it: Kubernetes would drop without a word what it does not know.
fn exactly<T: Serialize + DeserializeOwned>(value: Json) -> Result<T, String> {
    let parsed: T =
        serde_json::from_value(value.clone()).map_err(|error| format!("does not parse ({error})"))?;
    let understood = serde_json::to_value(&parsed).ok();
    match understood.filter(|understood| *understood == without_nulls(value)) {
        Some(_) => Ok(parsed),
        None => Err("is not understood in full".into()),
    }
}

/// To Kubernetes a null is as good as nothing.
fn without_nulls(value: Json) -> Json {
    match value {
        Json::Object(fields) => fields
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name, without_nulls(value)))
            .collect(),
        Json::Array(items) => items.into_iter().map(without_nulls).collect(),
        scalar => scalar,
    }
}

#[cfg(test)]
mod tests;
