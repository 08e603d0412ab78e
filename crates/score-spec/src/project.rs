//! Putting the outputs of resources into a valid Workload: what its containers and its claims are to be given.

use std::{collections::BTreeMap, fmt::Display};

use api_types::{BeforeCondition, OpenObject, PlanContainer, PlanFile, PlanVolume, Text};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use thiserror::Error;

use crate::names::{ContainerName, ResourceKey};
use crate::path::FieldPath;
use crate::placeholder::{BoundTemplate, Outputs, UnresolvedReference, volume_outputs};
use crate::validate::{
    FileContent, JsonTemplate, Params, ValidContainer, ValidFile, ValidResource, ValidVolume, ValidWorkload,
};

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

/// Containers by name, with every placeholder resolved.
pub type Containers = BTreeMap<String, PlanContainer>;

/// A Workload with outputs put in.
#[derive(Clone, Debug, PartialEq)]
pub struct Projection {
    /// Every container, as a plan names it.
    pub containers: Resolution<Containers>,
    /// The params of every resource, each by itself: one that can be resolved does not wait for the others.
    pub params: BTreeMap<ResourceKey, Resolution<Option<OpenObject>>>,
}

/// Puts outputs into the whole Workload.
pub fn project(workload: &ValidWorkload, outputs: &Outputs) -> Projection {
    let params =
        workload.resources.iter().map(|(key, resource)| (key.clone(), params(key, resource, outputs)));
    Projection { containers: containers(workload, outputs), params: params.collect() }
}

/// Puts outputs into every container: into its environment, its files and its volumes.
pub fn containers(workload: &ValidWorkload, outputs: &Outputs) -> Resolution<Containers> {
    let mut projector = Projector::new(outputs);
    let containers = workload.containers.iter();
    let containers = containers
        .map(|(name, container)| (name.to_string(), projector.container(name, container)))
        .collect();
    projector.resolution(containers)
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

    fn container(&mut self, name: &ContainerName, container: &ValidContainer) -> PlanContainer {
        let path = FieldPath::root("spec").field("containers").key(name.as_str());
        let before = container.before.iter();
        PlanContainer {
            image: container.image.clone(),
            command: container.command.clone(),
            args: container.args.clone(),
            variables: self.entries(&container.variables, &path.field("variables"), Self::text),
            files: self.entries(&container.files, &path.field("files"), Self::file),
            volumes: self.entries(&container.volumes, &path.field("volumes"), Self::volume),
            before: before
                .map(|(later, ready)| (later.to_string(), BeforeCondition { ready: *ready }))
                .collect(),
            resources: container.compute.to_api(),
            liveness_probe: container.liveness_probe.clone(),
            readiness_probe: container.readiness_probe.clone(),
        }
    }

    /// The entries of a map that can be resolved.
    fn entries<K: Display, V, T>(
        &mut self,
        map: &BTreeMap<K, V>,
        path: &FieldPath,
        resolve: fn(&mut Self, &V, &FieldPath) -> Option<T>,
    ) -> BTreeMap<String, T> {
        let entry = |(key, value): (&K, &V)| {
            let key = key.to_string();
            resolve(self, value, &path.key(&key)).map(|resolved| (key, resolved))
        };
        map.iter().filter_map(entry).collect()
    }

    fn file(&mut self, file: &ValidFile, path: &FieldPath) -> Option<PlanFile> {
        let (content, binary_content) = match &file.content {
            FileContent::Template(template) => (Some(self.text(template, &path.field("content"))?), None),
            FileContent::Text(text) => (Some(Text::Plain(text.clone())), None),
            FileContent::Bytes(bytes) => (None, Some(STANDARD.encode(bytes))),
        };
        Some(PlanFile { content, binary_content, mode: file.mode.map(|mode| format!("{mode:04o}")) })
    }

    fn volume(&mut self, volume: &ValidVolume, path: &FieldPath) -> Option<PlanVolume> {
        let located = |cause| Unresolved { path: path.field("source").to_string(), cause };
        let outputs = volume_outputs(&volume.resource, self.outputs)
            .map_err(|unresolved| self.unresolved.push(located(unresolved)))
            .ok()?;
        Some(PlanVolume {
            claim: volume.resource.to_string(),
            outputs,
            path: volume.path.clone(),
            read_only: volume.read_only,
        })
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
