//! The Workload as a whole.

use std::collections::BTreeMap;

use api_types::{Workload, WorkloadSpec};
use serde_json::{Map, Value};

use super::{Errors, ValidResource, ValidWorkload, before, container, resources, service};
use crate::{
    names::{ResourceKey, WorkloadName},
    path::FieldPath,
    placeholder::Scope,
};

/// Checks everything; there is a value whenever no error was recorded.
pub(super) fn valid(workload: &Workload, errors: &mut Errors) -> Option<ValidWorkload> {
    let object = Object::valid(workload, errors);
    let (spec, path) = (&workload.spec, FieldPath::root("spec"));
    check_profile(spec, &path, errors);
    let metadata = placeholder_metadata(workload, &path, errors);
    let scope = Scope::new(&metadata, spec.resources.keys().map(String::as_str));
    let containers = container::valid_all(&spec.containers, &scope, &path.field("containers"), errors);
    before::check(&spec.containers, &path.field("containers"), errors);
    let ports = service::valid_ports(spec.service.as_ref(), &path.field("service"), errors);
    let (resources, resource_order) =
        resources::valid_all(&spec.resources, &scope, &path.field("resources"), errors);
    let Object { name, namespace, uid, generation } = object?;
    let profile = spec.profile.clone();
    Some(ValidWorkload {
        name,
        namespace,
        uid,
        generation,
        profile,
        containers,
        ports,
        resources,
        resource_order,
    })
}

/// The resources that are valid, whatever else of the Workload is not.
pub(super) fn valid_resources(workload: &Workload) -> BTreeMap<ResourceKey, ValidResource> {
    let (spec, path) = (&workload.spec, FieldPath::root("spec"));
    let metadata = placeholder_metadata(workload, &path, &mut Errors::default());
    let scope = Scope::new(&metadata, spec.resources.keys().map(String::as_str));
    resources::valid_each(&spec.resources, &scope, &path.field("resources"))
}

/// What the API server knows about the object.
struct Object {
    name: WorkloadName,
    namespace: String,
    uid: String,
    generation: i64,
}

impl Object {
    fn valid(workload: &Workload, errors: &mut Errors) -> Option<Self> {
        let (metadata, path) = (&workload.metadata, FieldPath::root("metadata"));
        let name = metadata.name.as_deref().unwrap_or_default();
        let name = errors.keep(name.parse(), &path.field("name"));
        let namespace = present(metadata.namespace.as_ref(), &path.field("namespace"), errors);
        let uid = present(metadata.uid.as_ref(), &path.field("uid"), errors);
        let generation = metadata.generation.filter(|&generation| generation > 0);
        let generation =
            errors.keep(generation.ok_or("is missing: apply the Workload first"), &path.field("generation"));
        Some(Self { name: name?, namespace: namespace?, uid: uid?, generation: generation? })
    }
}

fn present(text: Option<&String>, path: &FieldPath, errors: &mut Errors) -> Option<String> {
    let text = text.filter(|text| !text.is_empty()).cloned();
    errors.keep(text.ok_or("is missing: apply the Workload first"), path)
}

fn check_profile(spec: &WorkloadSpec, path: &FieldPath, errors: &mut Errors) {
    let is_valid = spec.profile.as_ref().is_none_or(|profile| (1..=63).contains(&profile.chars().count()));
    errors.require(
        is_valid,
        &path.field("profile"),
        "must be 1 to 63 characters: name a profile, or remove it",
    );
}

/// What `${metadata.…}` can refer to: the keys of `spec.metadata`, and the object's own name and annotations.
fn placeholder_metadata(workload: &Workload, path: &FieldPath, errors: &mut Errors) -> Map<String, Value> {
    let mut metadata = workload.spec.metadata.0.clone();
    let own = [
        ("name", Value::from(workload.metadata.name.clone().unwrap_or_default())),
        ("annotations", annotations(workload.metadata.annotations.as_ref())),
    ];
    for (key, value) in own {
        let path = path.field("metadata").field(key);
        let message =
            format!("is taken from metadata.{key} of the Workload: set it there, and remove it here");
        errors.require(metadata.insert(key.to_owned(), value).is_none(), &path, message);
    }
    metadata
}

fn annotations(annotations: Option<&BTreeMap<String, String>>) -> Value {
    let entries = annotations.into_iter().flatten();
    Value::Object(entries.map(|(key, value)| (key.clone(), Value::from(value.as_str()))).collect())
}
