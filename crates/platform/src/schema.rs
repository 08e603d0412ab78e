//! JSON schemas that a platform gives for params and outputs.

use std::{fmt, sync::Arc};

use jsonschema::{ValidationError, Validator, error::ValidationErrorKind};
use score_spec::{path::FieldPath, validate::FieldError};
use serde_json::Value;

use crate::{errors::Errors, reader::Node};

/// A JSON schema that was found valid. Two are equal if they are written the same.
#[derive(Clone)]
pub struct Schema {
    document: Value,
    validator: Arc<Validator>,
}

impl Schema {
    /// The schema in a document.
    pub(crate) fn read(node: &Node<'_>, errors: &mut Errors) -> Option<Self> {
        node.object(errors)?;
        let message = |error: ValidationError<'_>| {
            let place = path_of("", node.value, error.instance_path().as_str());
            format!(
                "is not a valid JSON schema: {error} (at {})",
                if place.is_empty() { "its root" } else { &place }
            )
        };
        let validator = errors.keep(jsonschema::validator_for(node.value).map_err(message), &node.path)?;
        Some(Self { document: node.value.clone(), validator: Arc::new(validator) })
    }

    /// What is wrong with `value`, which stands at `path`. What stands in a place of it, given as a JSON pointer, that
    /// `is_open` accepts is not judged: it is not known yet.
    pub(crate) fn errors(
        &self,
        value: &Value,
        path: &FieldPath,
        is_open: impl Fn(&str) -> bool,
    ) -> Vec<FieldError> {
        let found = self.violations(value, path, is_open).into_iter();
        found.map(|error| FieldError { message: format!("{}: correct it", error.message), ..error }).collect()
    }

    /// As [`Self::errors`], for those who can do nothing about it.
    pub(crate) fn violations(
        &self,
        value: &Value,
        path: &FieldPath,
        is_open: impl Fn(&str) -> bool,
    ) -> Vec<FieldError> {
        let found = self.validator.iter_errors(value);
        let judged = found.filter(|error| !is_open(error.instance_path().as_str()));
        let located = judged.map(|error| FieldError {
            path: path_of(&path.to_string(), value, error.instance_path().as_str()),
            message: error.to_string(),
        });
        located.collect()
    }

    /// The places in `value`, as JSON pointers, where something of another type should be.
    pub(crate) fn mistyped(&self, value: &Value) -> Vec<String> {
        let found = self.validator.iter_errors(value);
        let found = found.filter(|error| matches!(error.kind(), ValidationErrorKind::Type { .. }));
        found.map(|error| error.instance_path().as_str().to_owned()).collect()
    }

    /// The names of the properties that the schema lists; none if it lists none.
    pub(crate) fn properties(&self) -> Option<Vec<&str>> {
        let properties = self.document.get("properties")?.as_object()?;
        Some(properties.keys().map(String::as_str).collect())
    }
}

/// The path of what a JSON pointer leads to in `value`, which stands at `root` (empty for a document as a whole).
pub fn path_of(root: &str, value: &Value, pointer: &str) -> String {
    let (mut path, mut value) = ((!root.is_empty()).then(|| FieldPath::root(root)), Some(value));
    for part in pointer.split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        let index = value.and_then(Value::as_array).and_then(|_| part.parse::<usize>().ok());
        path = Some(match (path, index) {
            (Some(path), Some(index)) => path.index(index),
            (None, Some(index)) => FieldPath::root("").index(index),
            (Some(path), None) => path.key(&part),
            (None, None) => FieldPath::root(&part),
        });
        value = value.and_then(|value| index.map_or_else(|| value.get(&part), |index| value.get(index)));
    }
    path.map_or_else(|| root.to_owned(), |path| path.to_string())
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Schema({})", self.document)
    }
}

impl PartialEq for Schema {
    fn eq(&self, other: &Self) -> bool {
        self.document == other.document
    }
}
