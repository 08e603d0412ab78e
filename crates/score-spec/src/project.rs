//! Putting the outputs of resources into a valid Workload: what its containers and its claims are to be given.

use std::collections::BTreeMap;

use api_types::{OpenObject, Text};
use serde_json::{Value, json};
use thiserror::Error;

use crate::names::{ContainerName, ResourceKey};
use crate::path::FieldPath;
use crate::placeholder::{BoundTemplate, Outputs, UnresolvedReference};
use crate::validate::{JsonTemplate, Params, ValidContainer, ValidResource, ValidWorkload};

/// What outputs make of something with placeholders.
#[derive(Clone, Debug, PartialEq)]
pub enum Resolution<T> {
    /// Every placeholder has its value.
    Resolved(T),
    /// At least one placeholder has none: every one of them.
    Unresolved(Vec<Unresolved>),
}

/// A placeholder without a value.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{path}: {cause}")]
pub struct Unresolved {
    /// The path of the field that holds it, for example `spec.containers.web.variables.DB_HOST`.
    pub path: String,
    /// Which resource and output it names, and why there is no value.
    pub cause: UnresolvedReference,
}

/// A Workload with outputs put in.
#[derive(Clone, Debug, PartialEq)]
pub struct Projection {
    /// The environment of every container.
    pub variables: Resolution<BTreeMap<ContainerName, BTreeMap<String, Text>>>,
    /// The params of every resource, each by itself: one that can be resolved does not wait for the others.
    pub params: BTreeMap<ResourceKey, Resolution<Option<OpenObject>>>,
}

/// Puts outputs into the whole Workload.
pub fn project(workload: &ValidWorkload, outputs: &Outputs) -> Projection {
    let params =
        workload.resources.iter().map(|(key, resource)| (key.clone(), params(key, resource, outputs)));
    Projection { variables: variables(workload, outputs), params: params.collect() }
}

/// Puts outputs into the environment of every container.
pub fn variables(
    workload: &ValidWorkload,
    outputs: &Outputs,
) -> Resolution<BTreeMap<ContainerName, BTreeMap<String, Text>>> {
    let mut projector = Projector::new(outputs);
    let containers = workload.containers.iter();
    let variables =
        containers.map(|(name, container)| (name.clone(), projector.variables(name, container))).collect();
    projector.resolution(variables)
}

/// Puts outputs into the params of one resource. A string that needs a secret output becomes a list of segments.
pub fn params(
    key: &ResourceKey,
    resource: &ValidResource,
    outputs: &Outputs,
) -> Resolution<Option<OpenObject>> {
    let mut projector = Projector::new(outputs);
    let path = FieldPath::root("spec").field("resources").key(key.as_str()).field("params");
    let params = resource.params.as_ref().map(|params| OpenObject(projector.object(params, &path)));
    projector.resolution(params)
}

/// Resolves texts, and remembers what could not be resolved.
struct Projector<'a> {
    outputs: &'a Outputs,
    unresolved: Vec<Unresolved>,
}

impl<'a> Projector<'a> {
    fn new(outputs: &'a Outputs) -> Self {
        Self { outputs, unresolved: Vec::new() }
    }

    fn resolution<T>(self, value: T) -> Resolution<T> {
        if self.unresolved.is_empty() {
            Resolution::Resolved(value)
        } else {
            Resolution::Unresolved(self.unresolved)
        }
    }

    fn variables(&mut self, name: &ContainerName, container: &ValidContainer) -> BTreeMap<String, Text> {
        let path = FieldPath::root("spec").field("containers").key(name.as_str()).field("variables");
        let variables = container.variables.iter();
        let resolved =
            variables.map(|(name, value)| (name.to_string(), self.text(value, &path.key(name.as_str()))));
        resolved.filter_map(|(name, text)| Some((name, text?))).collect()
    }

    fn text(&mut self, template: &BoundTemplate, path: &FieldPath) -> Option<Text> {
        let located = |cause| Unresolved { path: path.to_string(), cause };
        template
            .resolve(self.outputs)
            .map_err(|unresolved| self.unresolved.extend(unresolved.into_iter().map(located)))
            .ok()
    }

    fn object(&mut self, params: &Params, path: &FieldPath) -> serde_json::Map<String, Value> {
        params.iter().map(|(key, value)| (key.clone(), self.value(value, &path.key(key)))).collect()
    }

    /// The value with its texts resolved; null in place of one that cannot be.
    fn value(&mut self, template: &JsonTemplate, path: &FieldPath) -> Value {
        match template {
            JsonTemplate::Text(template) => self.text(template, path).map_or(Value::Null, |text| json!(text)),
            JsonTemplate::Object(object) => Value::Object(self.object(object, path)),
            JsonTemplate::List(list) => {
                list.iter().enumerate().map(|(index, item)| self.value(item, &path.index(index))).collect()
            }
            JsonTemplate::Scalar(value) => value.clone(),
        }
    }
}
