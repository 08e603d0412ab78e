//! The steps in a row.

use std::{io, path::Path};

use api_types::{GROUP, VERSION, Workload};
use serde_json::{Map as JsonMap, Value, json};

use crate::node::{Map, Node};
use crate::problem::{Problem, Problems};
use crate::schema::{Schema, SchemaError};
use crate::sources::Read;
use crate::workload::{Parts, parts};
use crate::{Image, images, sources, upgrade, yaml};

/// What a Score file does not say of its Workload.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The namespace; the Workload names none where there is none.
    pub namespace: Option<String>,
    /// The platform profile; the platform chooses where there is none.
    pub profile: Option<String>,
    /// The images of containers whose image is `.`.
    pub images: Vec<Image>,
}

/// Turns Score files into Workloads.
#[derive(Debug)]
pub struct Converter {
    settings: Settings,
    schema: Schema,
}

impl Converter {
    /// A converter with these settings.
    ///
    /// # Errors
    /// The schema of the Workload kind uses what is not known here; a test holds that it does not.
    pub fn new(settings: Settings) -> Result<Self, SchemaError> {
        Ok(Self { settings, schema: Schema::of_workload_spec()? })
    }

    /// The Workloads of the documents of a Score file, in their order. `file` is its path, from which that of sources
    /// counts, and `read` reads them.
    ///
    /// # Errors
    /// Every problem of the whole file: nothing is left out silently.
    pub fn convert(
        &self,
        file: &Path,
        text: &str,
        read: impl Fn(&Path) -> io::Result<Vec<u8>>,
    ) -> Result<Vec<Workload>, Vec<Problem>> {
        let mut problems = Problems::of(file);
        let documents = match yaml::documents(text) {
            Ok(documents) => documents,
            Err((line, message)) => {
                problems.add_to_file(line, message);
                Vec::new()
            }
        };
        if documents.is_empty() && problems.is_empty() {
            problems.add_to_file(None, "holds no document: a Score file says apiVersion: score.dev/v1b1");
        }
        let workloads = documents.into_iter().filter_map(|node| self.workload(node, &read, &mut problems));
        let workloads: Vec<Workload> = workloads.collect();
        problems.or_else(workloads)
    }

    fn workload(&self, document: Node, read: Read<'_>, problems: &mut Problems) -> Option<Workload> {
        let place = document.place.clone();
        let Parts { name, annotations, mut spec } = parts(document, problems)?;
        let containers = spec.as_map_mut().and_then(|spec| spec.get_mut("containers"));
        for (container, _, fields) in containers.into_iter().flat_map(Node::maps_mut) {
            upgrade::container(fields, problems);
            sources::inline(fields, read, problems);
            images::fill_in(&name, container, fields, &self.settings.images, problems);
        }
        self.schema.check(&spec, problems);
        let object = json!({
            "apiVersion": format!("{GROUP}/{VERSION}"),
            "kind": "Workload",
            "metadata": self.object_metadata(&name, annotations),
            "spec": self.with_profile(spec.into_json()),
        });
        // What the schema lets through fits the type; what it does not has been told by it.
        match serde_json::from_value(object) {
            Ok(workload) => Some(workload),
            Err(error) => {
                if problems.is_empty() {
                    problems.add(&place, format_args!("is not a Workload: {error}"));
                }
                None
            }
        }
    }

    fn object_metadata(&self, name: &str, annotations: Map) -> Value {
        let mut metadata = JsonMap::from_iter([("name".to_owned(), json!(name))]);
        if let Some(namespace) = &self.settings.namespace {
            metadata.insert("namespace".to_owned(), json!(namespace));
        }
        if !annotations.0.is_empty() {
            metadata.insert("annotations".to_owned(), Value::Object(annotations.into_json()));
        }
        Value::Object(metadata)
    }

    fn with_profile(&self, mut spec: Value) -> Value {
        if let Some(profile) = &self.settings.profile {
            spec["profile"] = json!(profile);
        }
        spec
    }
}
