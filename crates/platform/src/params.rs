//! What the schemas of a provisioner say of the params of a resource, and of its outputs.

use std::collections::BTreeMap;

use api_types::{OpenObject, Output};
use score_spec::{
    names::ResourceKey,
    path::FieldPath,
    placeholder::{BoundPart, BoundTemplate, Template},
    validate::{FieldError, JsonTemplate, Params},
};
use serde_json::{Value, json};

use crate::{config::Provisioner, schema::Schema, values::merged};

/// What is wrong with the params of `key`: `written` as they stand in the Workload, `known` with what is known of their
/// placeholders put in. A text is judged as it will be used, wherever it comes from. Where a placeholder stood and there
/// is no text, there will be one with an output or a secret: that is not judged.
pub fn errors(
    provisioner: &Provisioner,
    key: &ResourceKey,
    written: Option<&OpenObject>,
    known: Option<OpenObject>,
) -> Vec<FieldError> {
    let Some(schema) = &provisioner.params_schema else { return Vec::new() };
    let mut params = Value::Object(merged(provisioner.default_params.clone(), known.unwrap_or_default()).0);
    let mut placeholders = BTreeMap::new();
    written.iter().flat_map(|params| &params.0).for_each(|(key, value)| {
        collect(value, below("", key), &mut placeholders);
    });
    let is_text = |(place, _): &(String, &Value)| params.pointer(place).is_some_and(Value::is_string);
    let (texts, open): (BTreeMap<_, _>, BTreeMap<_, _>) = placeholders.into_iter().partition(is_text);
    // Each will be a text, which counts for what is judged around it.
    for (place, text) in &open {
        params.pointer_mut(place).into_iter().for_each(|value| value.clone_from(text));
    }
    read_scalars(schema, &texts, &mut params);
    let path = FieldPath::root("spec").field("resources").key(key.as_str()).field("params");
    schema.errors(&params, &path, |place| open.keys().any(|open| is_within(place, open)))
}

/// How `outputs` are not what the provisioner is declared to give. Of one that is secret, only that it is there is judged.
pub fn errors_of_outputs(provisioner: &Provisioner, outputs: &BTreeMap<String, Output>) -> Vec<FieldError> {
    let Some(schema) = &provisioner.outputs_schema else { return Vec::new() };
    let value = |output: &Output| output.value.clone().unwrap_or_default();
    let given = outputs.iter().map(|(name, output)| (name.clone(), value(output))).collect();
    let secret = outputs.iter().filter(|(_, output)| output.secret_key_ref.is_some());
    let secret: Vec<_> = secret.map(|(name, _)| below("", name)).collect();
    let is_secret = |place: &str| secret.iter().any(|secret| secret == place);
    schema.violations(&Value::Object(given), &FieldPath::root("outputs"), is_secret)
}

/// The params as far as they are known before there is any output. What is not is null: no text.
pub(crate) fn before_outputs(params: &Params) -> OpenObject {
    OpenObject(params.iter().map(|(key, value)| (key.clone(), known(value))).collect())
}

fn known(template: &JsonTemplate) -> Value {
    match template {
        JsonTemplate::Text(template) => known_text(template),
        JsonTemplate::List(list) => list.iter().map(known).collect(),
        JsonTemplate::Object(object) => Value::Object(before_outputs(object).0),
        JsonTemplate::Scalar(value) => value.clone(),
    }
}

fn known_text(template: &BoundTemplate) -> Value {
    match template.parts() {
        [] => json!(""),
        [BoundPart::Literal(text)] => json!(text),
        _ => Value::Null,
    }
}

/// The texts with placeholders, by their places as JSON pointers.
fn collect<'a>(value: &'a Value, place: String, found: &mut BTreeMap<String, &'a Value>) {
    match value {
        Value::String(text) if Template::parse(text).references().next().is_some() => {
            found.insert(place, value);
        }
        Value::Array(list) => list.iter().enumerate().for_each(|(index, item)| {
            collect(item, below(&place, &index.to_string()), found);
        }),
        Value::Object(map) => {
            map.iter().for_each(|(key, value)| collect(value, below(&place, key), found));
        }
        _ => {}
    }
}

fn below(place: &str, key: &str) -> String {
    format!("{place}/{}", key.replace('~', "~0").replace('/', "~1"))
}

fn is_within(place: &str, outer: &str) -> bool {
    place.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A placeholder makes a text of whatever it stands for. Where that cannot be one, it is read as the number or boolean
/// that it says.
fn read_scalars(schema: &Schema, texts: &BTreeMap<String, &Value>, params: &mut Value) {
    for place in schema.mistyped(params).iter().filter(|place| texts.contains_key(*place)) {
        let Some(value) = params.pointer_mut(place) else { continue };
        if let Some(scalar) = value.as_str().and_then(scalar) {
            *value = scalar;
        }
    }
}

fn scalar(text: &str) -> Option<Value> {
    let value: Value = serde_json::from_str(text).ok()?;
    let is_scalar = value.is_number() || value.is_boolean();
    (is_scalar && text.trim() == text).then_some(value)
}
