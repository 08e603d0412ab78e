//! What the API server found wrong with an object, as the fields of the Workload that it came from.

use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{Container, PodSpec},
};
use kube::core::Status;

use super::plain;

/// Everything that was found wrong, each with the user's own field as far as there is one. `built` is the Deployment
/// whose containers the paths count.
pub fn invalid(status: &Status, built: &Deployment) -> String {
    let pod = pod(built);
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let found: Vec<_> = causes.map(|cause| sentence(&field(&cause.field, pod), &cause.message)).collect();
    if found.is_empty() {
        let why = status.message.split_once("is invalid: ").map_or(status.message.as_str(), |(_, why)| why);
        return sentence("The platform cannot take the workload", why);
    }
    found.join(" ")
}

fn sentence(subject: &str, why: &str) -> String {
    format!("{subject}: {}.", plain(why).trim_end_matches(['.', ' ']))
}

fn pod(built: &Deployment) -> Option<&PodSpec> {
    built.spec.as_ref()?.template.spec.as_ref()
}

fn field(path: &str, pod: Option<&PodSpec>) -> String {
    if let Some(rest) = path.strip_prefix("spec.template.spec.")
        && let Some(field) = pod_field(rest, pod)
    {
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
