//! What the API server checks before it stores an object: the schema of its kind, unknown fields (as `kubectl` has them
//! checked), and the kind's CEL rules.
//!
//! Not checked here: the general rules for `metadata` (the syntax of labels and annotations), duplicates in lists that
//! are maps by a key, limits of size, and what admission policies and webhooks of the cluster say.

use std::sync::Arc;

use jsonschema::{ValidationError, Validator, error::ValidationErrorKind};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube_cel::{RootContext, Validator as CelValidator};
use platform::schema::path_of;
use score_spec::{path::FieldPath, validate::FieldError};
use serde_json::{Map, Value, json};

/// The rules of a kind.
#[derive(Clone)]
pub struct Admission {
    /// As the CRD has it, with the CEL rules.
    schema: Value,
    /// The same, as a JSON schema.
    validator: Arc<Validator>,
    context: Arc<RootContext>,
}

/// The schema of the kind cannot be used, which a test rules out.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// It has none.
    #[error("the kind has no schema")]
    Missing,
    /// It is no JSON schema.
    #[error("the schema of the kind is not valid: {0}")]
    Invalid(String),
}

impl Admission {
    /// The rules of a kind.
    ///
    /// # Errors
    /// Its schema cannot be used.
    pub fn of(crd: &CustomResourceDefinition) -> Result<Self, Unusable> {
        let version = crd.spec.versions.first().ok_or(Unusable::Missing)?;
        let schema = version.schema.as_ref().and_then(|schema| schema.open_api_v3_schema.as_ref());
        let schema = serde_json::to_value(schema.ok_or(Unusable::Missing)?)
            .map_err(|error| Unusable::Invalid(error.to_string()))?;
        let mut strict = schema.clone();
        for name in ["apiVersion", "kind", "metadata"] {
            strict["properties"][name] = json!({});
        }
        close(&mut strict);
        let validator =
            jsonschema::validator_for(&strict).map_err(|error| Unusable::Invalid(error.to_string()))?;
        let context = RootContext {
            api_version: format!("{}/{}", crd.spec.group, version.name),
            api_group: crd.spec.group.clone(),
            kind: crd.spec.names.kind.clone(),
        };
        Ok(Self { schema, validator: Arc::new(validator), context: Arc::new(context) })
    }

    /// Everything that the API server would refuse an object for; the rules are looked at only if the schema is kept.
    pub fn errors(&self, object: &Value) -> Vec<FieldError> {
        let broken: Vec<_> =
            self.validator.iter_errors(object).flat_map(|error| told(object, &error)).collect();
        if !broken.is_empty() {
            return broken;
        }
        let rules =
            CelValidator::new().validate_with_context(&self.schema, object, None, Some(&self.context));
        let errors = rules.err().into_iter().flatten();
        errors
            .map(|error| FieldError { path: path_in(object, &error.field_path), message: error.message })
            .collect()
    }
}

/// One error for each field that it is about.
fn told(object: &Value, error: &ValidationError<'_>) -> Vec<FieldError> {
    let at = |name: &str| {
        let pointer = format!("{}/{}", error.instance_path(), name.replace('~', "~0").replace('/', "~1"));
        path_of("", object, &pointer)
    };
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => unexpected
            .iter()
            .map(|name| FieldError {
                path: at(name),
                message: "unknown field: remove it, or correct its name".to_owned(),
            })
            .collect(),
        ValidationErrorKind::Required { property } => vec![FieldError {
            path: at(property.as_str().unwrap_or_default()),
            message: "is missing: add it".to_owned(),
        }],
        _ => vec![FieldError {
            path: path_of("", object, error.instance_path().as_str()),
            message: format!("{error}: correct it"),
        }],
    }
}

/// The path of a field that a rule is about, of which only the keys joined by dots are known.
fn path_in(object: &Value, joined: &str) -> String {
    let (mut path, mut value, mut rest) = (None::<FieldPath>, object, joined);
    while !rest.is_empty() {
        let begins = |key: &&String| {
            let after = rest.strip_prefix(key.as_str());
            after.is_some_and(|after| after.is_empty() || after.starts_with(['.', '[']))
        };
        // Keys may hold dots themselves, so the longest that fits is meant.
        let key = value.as_object().and_then(|map| map.keys().filter(begins).max_by_key(|key| key.len()));
        let Some(key) = key else { return joined.to_owned() };
        path = Some(path.map_or_else(|| FieldPath::root(key), |path| path.key(key)));
        (value, rest) = (&value[key.as_str()], rest[key.len()..].trim_start_matches('.'));
    }
    path.map_or_else(|| "metadata".to_owned(), |path| path.to_string())
}

/// Makes a structural schema say in JSON schema what the API server takes it to say.
fn close(schema: &mut Value) {
    let Value::Object(schema) = schema else { return };
    for part in ["items", "additionalProperties"] {
        if let Some(part) = schema.get_mut(part) {
            close(part);
        }
    }
    let open = schema.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(true));
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.values_mut().for_each(close);
        if !open {
            schema.entry("additionalProperties").or_insert(Value::Bool(false));
        }
    }
    if schema.get("format") == Some(&json!("int32")) {
        schema.entry("minimum").or_insert(i32::MIN.into());
        schema.entry("maximum").or_insert(i32::MAX.into());
    }
    if schema.get("nullable") == Some(&Value::Bool(true)) {
        allow_null(schema);
    }
}

fn allow_null(schema: &mut Map<String, Value>) {
    if let Some(Value::String(type_)) = schema.get("type").cloned() {
        schema.insert("type".to_owned(), json!([type_, "null"]));
    }
    if let Some(Value::Array(values)) = schema.get_mut("enum") {
        values.push(Value::Null);
    }
}
