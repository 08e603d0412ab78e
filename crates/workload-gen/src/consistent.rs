//! What a schema cannot say, made true.

use std::collections::BTreeSet;

use api_types::{OpenObject, Service, Workload};
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, rngs::StdRng};
use serde_json::Value;

use crate::{Settings, containers, outputs, resources, texts};

/// Makes a Workload of the right shape valid.
pub(crate) fn make(workload: &mut Workload, settings: &Settings, rng: &mut StdRng) {
    let spec = &mut workload.spec;
    spec.profile = None;
    if let Some(service) = &mut spec.service {
        make_ports_differ(service);
    }
    let metadata = metadata_references(workload);
    resources::make(&mut workload.spec.resources, settings, &metadata, rng);
    let volumes: Vec<String> = workload.spec.resources.keys().cloned().collect();
    let references = [metadata, output_references(workload)].concat();
    let scope = Scope { references, volumes };
    containers::make(&mut workload.spec.containers, settings, &scope, rng);
}

/// What placeholders can refer to.
pub(crate) struct Scope {
    /// Whole placeholders.
    pub(crate) references: Vec<String>,
    /// The names of resources.
    pub(crate) volumes: Vec<String>,
}

impl Scope {
    /// A text in which placeholders are expanded, with some.
    pub(crate) fn text(&self, rng: &mut StdRng) -> String {
        with_references(&self.references, rng)
    }
}

/// A text in which placeholders are expanded, with some of these.
pub(crate) fn with_references(references: &[String], rng: &mut StdRng) -> String {
    let mut text = texts::without_placeholders(rng);
    for _ in 0..rng.random_range(0..3) {
        if let Some(reference) = references.choose(rng) {
            // In front, where no text before it can escape it or swallow it.
            text = format!("{reference}{text}");
        }
    }
    if rng.random_ratio(1, 5) { references.choose(rng).cloned().unwrap_or(text) } else { text }
}

fn metadata_references(workload: &Workload) -> Vec<String> {
    let mut references = vec!["${metadata.name}".to_owned()];
    let annotations = workload.metadata.annotations.iter().flatten();
    references.extend(annotations.map(|(key, _)| format!("${{metadata.annotations.{}}}", escaped(key))));
    paths_into(&workload.spec.metadata, "metadata", &mut references);
    references
}

fn paths_into(OpenObject(map): &OpenObject, path: &str, references: &mut Vec<String>) {
    for (key, value) in map {
        let path = format!("{path}.{}", escaped(key));
        references.push(format!("${{{path}}}"));
        if let Value::Object(inner) = value {
            paths_into(&OpenObject(inner.clone()), &path, references);
        }
    }
}

/// A dot inside of a key is written `\.`.
fn escaped(key: &str) -> String {
    key.replace('.', r"\.")
}

fn output_references(workload: &Workload) -> Vec<String> {
    workload.spec.resources.keys().flat_map(|resource| outputs::references(resource)).collect()
}

fn make_ports_differ(service: &mut Service) {
    let (mut numbers, mut names) = (BTreeSet::new(), BTreeSet::new());
    service.ports.retain(|port| {
        numbers.insert((port.port, port.protocol.unwrap_or_default()))
            && port.name.as_ref().is_none_or(|name| names.insert(name.clone()))
    });
}
