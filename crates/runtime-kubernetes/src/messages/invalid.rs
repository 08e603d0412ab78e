//! What the API server found wrong with an object, as the fields of the Workload that it came from.

use k8s_openapi::api::core::v1::{Container, PodSpec};
use kube::core::Status;

use super::plain;
use crate::{main_object::Main, values};

/// What the API server says of a change to a StatefulSet that it cannot make.
const FIXED: &str = "updates to statefulset spec";

/// What was chosen for good when the instances got their names and volumes.
const CANNOT_CHANGE: &str = "spec.containers.*.volumes: what holds the data of the workload's instances cannot be \
                             changed while they exist: undo the change, or make a workload of another name and move \
                             the data.";

/// The fields of the objects that the values become, and the value.
const VALUES: &[(&str, &str)] = &[
    ("spec.schedule", "schedule"),
    ("spec.timeZone", "timeZone"),
    ("spec.replicas", "replicas"),
    ("spec.maxReplicas", "autoscaling"),
    ("spec.minReplicas", "autoscaling"),
    ("spec.backoffLimit", "backoffLimit"),
    ("spec.completions", "completions"),
    ("spec.parallelism", "parallelism"),
    ("spec.activeDeadlineSeconds", "activeDeadlineSeconds"),
];

/// Everything that was found wrong, each with the user's own field as far as there is one. `built` is the object
/// whose containers the paths count.
pub fn invalid(status: &Status, built: &Main) -> String {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let found: Vec<_> = causes.map(|cause| cause_sentence(&cause.field, &cause.message, built)).collect();
    if found.is_empty() {
        let why = status.message.split_once("is invalid: ").map_or(status.message.as_str(), |(_, why)| why);
        return sentence("The platform cannot take the workload", why);
    }
    found.join(" ")
}

fn cause_sentence(path: &str, why: &str, built: &Main) -> String {
    if why.contains(FIXED) {
        return CANNOT_CHANGE.into();
    }
    let value =
        VALUES.iter().find(|(field, _)| path.ends_with(field)).and_then(|(_, key)| values::annotation(key));
    match value {
        Some(annotation) => sentence(&format!("`{annotation}`"), why),
        None => sentence(&field(path, built), why),
    }
}

fn sentence(subject: &str, why: &str) -> String {
    format!("{subject}: {}.", plain(why).trim_end_matches(['.', ' ']))
}

fn pod(built: &Main) -> Option<&PodSpec> {
    built.template()?.spec.as_ref()
}

fn field(path: &str, built: &Main) -> String {
    let within = path.strip_prefix(built.template_path()).and_then(|path| path.strip_prefix("spec."));
    if let Some(field) = within.and_then(|path| pod_field(path, pod(built))) {
        return field;
    }
    match path.strip_prefix("spec.ports") {
        Some(rest) => format!("spec.service.ports{rest}"),
        None if path.starts_with("spec.") => "The platform cannot take the workload".into(),
        None => path.to_owned(),
    }
}

fn pod_field(path: &str, pod: Option<&PodSpec>) -> Option<String> {
    let lists = [
        ("containers[", pod.map(|pod| pod.containers.as_slice())),
        ("initContainers[", pod.and_then(|pod| pod.init_containers.as_deref())),
    ];
    for (list, containers) in lists {
        if let Some(rest) = path.strip_prefix(list) {
            let field = containers.and_then(|containers| container_field(rest, containers));
            return Some(field.unwrap_or_else(|| "spec.containers".into()));
        }
    }
    let (volume, _) = item(path.strip_prefix("volumes[")?, pod?.volumes.as_deref()?)?;
    let resource = volume.name.strip_prefix("volume-")?;
    Some(format!("spec.resources.{resource}"))
}

/// `rest` begins with the position of the container: `0].env[2].name`.
fn container_field(rest: &str, containers: &[Container]) -> Option<String> {
    let (container, rest) = item(rest, containers)?;
    let path = format!("spec.containers.{}", container.name);
    if let Some(rest) = rest.strip_prefix(".env[") {
        let (variable, _) = item(rest, container.env.as_deref()?)?;
        return Some(format!("{path}.variables.{}", variable.name));
    }
    if let Some(rest) = rest.strip_prefix(".volumeMounts[") {
        let (mount, _) = item(rest, container.volume_mounts.as_deref()?)?;
        let field = if mount.name.starts_with("volume-") { "volumes" } else { "files" };
        return Some(format!("{path}.{field}[{:?}]", mount.mount_path));
    }
    Some(path + rest)
}

/// The item at the position that `rest` begins with, and what follows.
fn item<'a, 'b, T>(rest: &'a str, items: &'b [T]) -> Option<(&'b T, &'a str)> {
    let (position, rest) = rest.split_once(']')?;
    Some((items.get(position.parse::<usize>().ok()?)?, rest))
}
