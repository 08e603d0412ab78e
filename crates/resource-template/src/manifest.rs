//! One object of a template, filled in for one claim.

use std::collections::BTreeMap;

use object_template::{ObjectKind, ObjectName, Place, shortened};
use serde_json::{Map, Value};

use crate::{
    hidden::{Marks, Part},
    inputs::{Inputs, generated_name},
};

/// An object that a claim should have.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// What expressions call it.
    pub id: String,
    /// Where it lies.
    pub place: Place,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// Everything else but apiVersion, kind and metadata; of a Secret without what stands in `secret`.
    pub fields: Map<String, Value>,
    /// Of a Secret: the texts that it holds by key, with their secret parts still to be put in.
    pub secret: BTreeMap<String, Vec<Part>>,
}

/// What of `metadata` a template may set.
const METADATA: [&str; 4] = ["annotations", "labels", "name", "namespace"];

impl Manifest {
    /// The object in `manifest`, which was filled in.
    ///
    /// # Errors
    /// What of it cannot be.
    pub(crate) fn read(
        id: &str,
        kind: &ObjectKind,
        manifest: Value,
        inputs: &Inputs,
    ) -> Result<Self, String> {
        let Value::Object(mut fields) = manifest else { return Err("it is not an object".into()) };
        let Some(Value::Object(mut metadata)) = fields.remove("metadata") else {
            return Err("it needs metadata.name".into());
        };
        if let Some(field) = metadata.keys().find(|field| !METADATA.contains(&field.as_str())) {
            return Err(format!("metadata.{field} cannot be set"));
        }
        if fields.contains_key("status") {
            return Err("status cannot be set: it is what becomes of the object".into());
        }
        let name = metadata.get("name").and_then(Value::as_str).ok_or("it needs metadata.name, a text")?;
        let name: ObjectName = name.parse().map_err(|why| format!("metadata.name: {why}"))?;
        if metadata.get("namespace").is_some_and(|namespace| *namespace != *inputs.namespace) {
            return Err("metadata.namespace can only be that of the claim: leave it out".into());
        }
        if kind.is_secret() && name.as_str() == generated_name(&inputs.claim) {
            return Err(format!("the name `{name}` is kept for generated values: choose another"));
        }
        fields.retain(|field, _| !["apiVersion", "kind"].contains(&field.as_str()));
        let secret =
            if kind.is_secret() { secret_texts(&mut fields, &inputs.marks)? } else { BTreeMap::new() };
        let manifest = Self {
            id: id.to_owned(),
            place: Place { kind: kind.clone(), name },
            labels: texts(metadata.remove("labels"), "labels")?,
            annotations: texts(metadata.remove("annotations"), "annotations")?,
            fields,
            secret,
        };
        manifest.hold_no_mark(&inputs.marks)?;
        Ok(manifest)
    }

    /// Whether there are volumes of it that Kubernetes keeps when it is deleted: those that a StatefulSet makes, unless it
    /// says otherwise.
    pub fn leaves_volumes(&self) -> bool {
        let kind = &self.place.kind;
        if (kind.group(), kind.kind()) != ("apps", "StatefulSet") {
            return false;
        }
        let Some(spec) = self.fields.get("spec") else { return false };
        let volumes = spec.get("volumeClaimTemplates").and_then(Value::as_array);
        let deleted = spec.pointer("/persistentVolumeClaimRetentionPolicy/whenDeleted");
        volumes.is_some_and(|volumes| !volumes.is_empty())
            && deleted.and_then(Value::as_str) != Some("Delete")
    }

    fn hold_no_mark(&self, marks: &Marks) -> Result<(), String> {
        let metadata = self.labels.iter().chain(&self.annotations);
        let mut metadata = metadata.flat_map(|(key, value)| [key, value]);
        if metadata.any(|text| marks.are_in(text)) || marks.are_in(self.place.name.as_str()) {
            return Err(misplaced("metadata"));
        }
        self.fields.iter().try_for_each(|(field, value)| no_mark(field, value, marks))
    }
}

fn misplaced(path: &str) -> String {
    format!(
        "{path} holds a secret in a text: secrets can only stand in stringData of a Secret; refer to that where it is used"
    )
}

/// Whether no secret stands in `value`, which is at `path`.
///
/// # Errors
/// Where one does.
pub(crate) fn no_mark(path: &str, value: &Value, marks: &Marks) -> Result<(), String> {
    match value {
        Value::String(text) if marks.are_in(text) => Err(misplaced(path)),
        Value::Array(items) => {
            items.iter().enumerate().try_for_each(|(at, item)| no_mark(&format!("{path}[{at}]"), item, marks))
        }
        Value::Object(fields) => fields.iter().try_for_each(|(key, field)| {
            if marks.are_in(key) {
                return Err(misplaced(path));
            }
            no_mark(&format!("{path}.{key}"), field, marks)
        }),
        _ => Ok(()),
    }
}

/// Takes `stringData` out of a Secret.
fn secret_texts(
    fields: &mut Map<String, Value>,
    marks: &Marks,
) -> Result<BTreeMap<String, Vec<Part>>, String> {
    let texts = match fields.remove("stringData") {
        None => return Ok(BTreeMap::new()),
        Some(Value::Object(texts)) => texts,
        Some(_) => return Err("stringData must be a map of texts".into()),
    };
    if fields.get("data").is_some_and(|data| !data.is_object()) {
        return Err("data must be a map of texts in base64".into());
    }
    let data = fields.get("data").and_then(Value::as_object);
    if let Some(key) = texts.keys().find(|key| data.is_some_and(|data| data.contains_key(*key))) {
        return Err(format!("`{}` is both in data and in stringData", shortened(key)));
    }
    texts.into_iter().map(|(key, value)| secret_text(key, &value, marks)).collect()
}

fn secret_text(key: String, value: &Value, marks: &Marks) -> Result<(String, Vec<Part>), String> {
    let path = format!("stringData.{}", shortened(&key));
    let parts = match value {
        Value::String(text) => marks.parts(text).ok_or_else(|| {
            format!("{path} changes a secret after it was put in, which cannot be: use it as it is")
        })?,
        Value::Number(number) => vec![Part::Text(number.to_string())],
        Value::Bool(flag) => vec![Part::Text(flag.to_string())],
        other => vec![Part::Copied(
            marks
                .references()
                .into_iter()
                .find(|reference| crate::hidden::reference_value(reference) == *other)
                .ok_or_else(|| format!("{path} must be a text"))?,
        )],
    };
    Ok((key, parts))
}

fn texts(value: Option<Value>, field: &str) -> Result<BTreeMap<String, String>, String> {
    let texts: BTreeMap<String, String> = match value {
        None => return Ok(BTreeMap::new()),
        Some(value) => serde_json::from_value(value)
            .map_err(|_| format!("metadata.{field} must be a map of texts: put values in quotes"))?,
    };
    if let Some(key) = texts.keys().find(|key| is_reserved(key)) {
        return Err(format!("metadata.{field}: `{}` cannot be set", shortened(key)));
    }
    Ok(texts)
}

/// Whether others rely on what stands there.
fn is_reserved(key: &str) -> bool {
    key.split_once('/').is_some_and(|(prefix, _)| prefix == "score.dev" || prefix.ends_with(".score.dev"))
}
