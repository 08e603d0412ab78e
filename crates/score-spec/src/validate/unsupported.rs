//! What is valid Score and not carried out yet. It is refused, since nothing may be accepted and then ignored.

use api_types::{Container, Workload};

use super::FieldError;
use crate::path::FieldPath;

/// The fields of a Workload that this version of the orchestrator does not carry out; none if it can run.
pub fn unsupported(workload: &Workload) -> Vec<FieldError> {
    let spec = FieldPath::root("spec");
    let containers = workload
        .spec
        .containers
        .iter()
        .flat_map(|(name, container)| in_container(container, spec.field("containers").key(name)));
    let shared = workload.spec.resources.iter().filter(|(_, resource)| resource.id.is_some());
    let ids = shared.map(|(key, _)| {
        let message = "sharing a resource by id is not supported yet: remove id, and each Workload gets a resource of its own";
        FieldError::new(&spec.field("resources").key(key).field("id"), message)
    });
    containers.chain(ids).collect()
}

fn in_container(container: &Container, path: FieldPath) -> impl Iterator<Item = FieldError> {
    let files = "files are not supported yet: remove them, or put them into the image or into variables";
    let volumes =
        "volumes are not supported yet: remove them, or keep the data in a resource such as postgres";
    let before = "an order of containers is not supported yet: remove it, or let the containers wait for each other themselves";
    [
        ("files", container.files.is_empty(), files),
        ("volumes", container.volumes.is_empty(), volumes),
        ("before", container.before.is_empty(), before),
    ]
    .into_iter()
    .filter(|(_, is_empty, _)| !is_empty)
    .map(move |(field, _, message)| FieldError::new(&path.field(field), message))
}
