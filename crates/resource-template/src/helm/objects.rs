//! The objects in what Helm has made of a chart.

use std::collections::{BTreeMap, BTreeSet};

use object_template::{ObjectKind, ObjectKindError, shortened};
use serde_json::{Map, Value};
use serde_saphyr::{DuplicateKeyPolicy, Options, options};

use super::{PATH, named};
use crate::{declaration::valid_id, inputs::Inputs, manifest::Manifest, manifests::Misfit};

const HOOK: &str = "helm.sh/hook";
const KEEP: &str = "helm.sh/resource-policy";

/// The objects in `text`, in its order.
///
/// # Errors
/// The first that cannot be, and what to do.
pub(super) fn read(text: &str, release: &str, inputs: &Inputs) -> Result<Vec<Manifest>, Misfit> {
    let objects = documents(text).map_err(|message| misfit(None, message))?;
    let mut read = Vec::new();
    for object in objects {
        let name = in_words(&object);
        read.push(manifest(object, inputs).map_err(|message| misfit(Some(&name), message))?);
    }
    name_all(&mut read, release)?;
    Ok(read)
}

fn misfit(object: Option<&str>, message: String) -> Misfit {
    let part = object.map_or_else(|| PATH.to_owned(), |object| format!("{PATH}: {}", shortened(object)));
    Misfit { part, message }
}

/// As Helm and the API server read YAML: whoever wrote the chart meant it so.
fn as_helm_reads() -> Options {
    options! {
        legacy_octal_numbers: true,
        strict_booleans: false,
        duplicate_keys: DuplicateKeyPolicy::LastWins,
        with_snippet: false,
    }
}

fn documents(text: &str) -> Result<Vec<Map<String, Value>>, String> {
    let documents: Vec<Value> =
        serde_saphyr::from_multiple_with_options(text, as_helm_reads()).map_err(|error| {
            let line = error.location().map_or(0, |location| location.line());
            format!("its output is not YAML, line {line}: {error}")
        })?;
    let mut objects = Vec::new();
    for document in documents {
        match document {
            Value::Null => {}
            Value::Object(fields) if fields.is_empty() => {}
            Value::Object(fields) => objects.push(without_nulls(fields)),
            _ => {
                return Err("its output holds what is not an object: correct the chart, or its values".into());
            }
        }
    }
    Ok(objects)
}

/// Charts write a field and nothing after it where there is nothing to say; the API server leaves it out.
fn without_nulls(fields: Map<String, Value>) -> Map<String, Value> {
    let kept = fields.into_iter().filter(|(_, field)| !field.is_null());
    kept.map(|(key, field)| (key, without_nulls_in(field))).collect()
}

fn without_nulls_in(value: Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(without_nulls(fields)),
        Value::Array(items) => items.into_iter().map(without_nulls_in).collect(),
        scalar => scalar,
    }
}

fn in_words(object: &Map<String, Value>) -> String {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or("?").to_owned();
    let name = object.get("metadata").and_then(|metadata| metadata.get("name"));
    format!("{}/{}", text(object.get("kind")), text(name))
}

fn manifest(object: Map<String, Value>, inputs: &Inputs) -> Result<Manifest, String> {
    let text = |field: &str| {
        object.get(field).and_then(Value::as_str).ok_or_else(|| format!("it needs {field}, a text"))
    };
    let kind: ObjectKind = format!("{}/{}", text("apiVersion")?, text("kind")?)
        .parse()
        .map_err(|error: ObjectKindError| error.to_string())?;
    let annotations = object.get("metadata").and_then(|metadata| metadata.get("annotations"));
    let annotation = |key: &str| annotations.and_then(|annotations| annotations.get(key)?.as_str());
    if let Some(hook) = annotation(HOOK) {
        return Err(format!(
            "it is a hook (`{}`), and hooks are not run, since nobody would see what becomes of them: switch it off by the \
             chart's values, or declare what it does under `manifests`",
            shortened(hook)
        ));
    }
    if annotation(KEEP).is_some() {
        return Err(format!(
            "`{KEEP}` cannot be set: what stays is what `deprovisionPolicy: Retain` says; switch it off by the chart's values"
        ));
    }
    Manifest::read("", &kind, Value::Object(object), inputs)
}

/// Gives every object what expressions call it: its kind in small letters, and if there are more of that kind, what
/// its name has beyond that of the release.
fn name_all(manifests: &mut [Manifest], release: &str) -> Result<(), Misfit> {
    let mut of_kind = BTreeMap::new();
    for manifest in manifests.iter() {
        *of_kind.entry(manifest.place.kind.kind().to_lowercase()).or_insert(0) += 1;
    }
    let mut ids = BTreeSet::new();
    for manifest in manifests {
        let kind = manifest.place.kind.kind().to_lowercase();
        manifest.id = if of_kind.get(&kind) == Some(&1) {
            kind
        } else {
            id(&kind, manifest.place.name.as_str(), release)
        };
        let name = named(manifest);
        valid_id(&manifest.id).map_err(|why| misfit(Some(&name), format!("`{}`: {why}", manifest.id)))?;
        if !ids.insert(manifest.id.clone()) {
            let message = format!(
                "is the second that expressions would call `{}`: rename one by the chart's values",
                manifest.id
            );
            return Err(misfit(Some(&name), message));
        }
    }
    Ok(())
}

fn id(kind: &str, name: &str, release: &str) -> String {
    let beyond = name.strip_prefix(release).unwrap_or(name).trim_start_matches(['-', '.']);
    if beyond.is_empty() {
        return kind.to_owned();
    }
    format!("{kind}_{}", beyond.replace(['-', '.'], "_"))
}
