//! What the API server found wrong with an object, as the fields of the Workload that it came from.

use k8s_openapi::api::{apps::v1::Deployment, core::v1::Container};
use kube::core::Status;

use super::plain;

/// Everything that was found wrong, each with the user's own field as far as there is one. `built` is the Deployment
/// whose containers the paths count.
pub fn invalid(status: &Status, built: &Deployment) -> String {
    let containers = containers(built);
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let found: Vec<_> =
        causes.map(|cause| sentence(&field(&cause.field, containers), &cause.message)).collect();
    if found.is_empty() {
        let why = status.message.split_once("is invalid: ").map_or(status.message.as_str(), |(_, why)| why);
        return sentence("The platform cannot take the workload", why);
    }
    found.join(" ")
}

fn sentence(subject: &str, why: &str) -> String {
    format!("{subject}: {}.", plain(why).trim_end_matches(['.', ' ']))
}

fn containers(built: &Deployment) -> &[Container] {
    built.spec.as_ref().and_then(|spec| spec.template.spec.as_ref()).map_or(&[], |spec| &spec.containers)
}

fn field(path: &str, containers: &[Container]) -> String {
    if let Some(rest) = path.strip_prefix("spec.template.spec.containers[") {
        return container_field(rest, containers).unwrap_or_else(|| "spec.containers".into());
    }
    match path.strip_prefix("spec.ports") {
        Some(rest) => format!("spec.service.ports{rest}"),
        None if path.starts_with("spec.") => "The platform cannot take the workload".into(),
        None => path.to_owned(),
    }
}

/// `rest` begins with the position of the container: `0].env[2].name`.
fn container_field(rest: &str, containers: &[Container]) -> Option<String> {
    let (container, rest) = item(rest, containers)?;
    let path = format!("spec.containers.{}", container.name);
    let Some(rest) = rest.strip_prefix(".env[") else { return Some(path + rest) };
    let (variable, _) = item(rest, container.env.as_deref()?)?;
    Some(format!("{path}.variables.{}", variable.name))
}

/// The item at the position that `rest` begins with, and what follows.
fn item<'a, 'b, T>(rest: &'a str, items: &'b [T]) -> Option<(&'b T, &'a str)> {
    let (position, rest) = rest.split_once(']')?;
    Some((items.get(position.parse::<usize>().ok()?)?, rest))
}
