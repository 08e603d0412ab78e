//! Resources whose params refer to each other without a cycle, some of them declared twice.

use std::collections::BTreeMap;

use api_types::{OpenObject, Resource};
use rand::{RngExt as _, rngs::StdRng};
use serde_json::Value;

use crate::consistent::with_references;
use crate::{Settings, outputs, texts};

/// Makes the resources of a Workload valid. Their params may refer to `metadata`.
pub(crate) fn make(
    resources: &mut BTreeMap<String, Resource>,
    settings: &Settings,
    metadata: &[String],
    rng: &mut StdRng,
) {
    while resources.len() > settings.resources {
        resources.pop_last();
    }
    let mut references = metadata.to_vec();
    for (key, resource) in resources.iter_mut() {
        if let Some(type_) = &settings.resource_type {
            type_.clone_into(&mut resource.type_);
            (resource.class, resource.id) = (None, None);
        }
        if rng.random_ratio(1, 4) {
            let annotations = Value::Object(texts::annotations(rng));
            resource.metadata.0.insert("annotations".to_owned(), annotations);
        }
        for value in resource.params.iter_mut().flat_map(|OpenObject(params)| params.values_mut()) {
            refer(value, &references, rng);
        }
        // Only to what comes before: no cycle.
        references.extend(outputs::references(key));
    }
    declare_again(resources, settings, rng);
}

/// Puts placeholders into some texts of a value.
fn refer(value: &mut Value, references: &[String], rng: &mut StdRng) {
    match value {
        Value::String(text) if rng.random() => *text = with_references(references, rng),
        Value::Array(list) => list.iter_mut().for_each(|value| refer(value, references, rng)),
        Value::Object(map) => map.values_mut().for_each(|value| refer(value, references, rng)),
        _ => {}
    }
}

/// Equal type, class and id mean one resource: it may be declared again, in the same words or without params.
fn declare_again(resources: &mut BTreeMap<String, Resource>, settings: &Settings, rng: &mut StdRng) {
    let shared = resources.values().find(|resource| resource.id.is_some()).cloned();
    let Some(mut again) = shared.filter(|_| resources.len() < settings.resources) else { return };
    if rng.random() {
        again.params = None;
    }
    resources.entry(texts::name(rng)).or_insert(again);
}
