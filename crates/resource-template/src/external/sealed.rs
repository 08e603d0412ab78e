//! JSON with secrets that are still to be put in.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::hidden::{Marks, Part, reference_value};

/// A JSON value whose texts are taken apart at their secrets. It holds none of these, so it can be kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Sealed {
    /// Null, a boolean or a number.
    Scalar(Value),
    /// A text.
    Text(Vec<Part>),
    /// An array.
    List(Vec<Self>),
    /// An object.
    Map(BTreeMap<String, Self>),
}

impl Sealed {
    /// The value in `value`, which was filled in.
    ///
    /// # Errors
    /// The place of what cannot be, and why.
    pub(crate) fn of(value: Value, marks: &Marks) -> Result<Self, String> {
        Ok(match value {
            Value::String(text) => Self::Text(parts(&text, marks).map_err(|why| format!(": {why}"))?),
            Value::Array(items) => {
                let items = items.into_iter().enumerate();
                let items =
                    items.map(|(at, item)| Self::of(item, marks).map_err(|why| format!("/{at}{why}")));
                Self::List(items.collect::<Result<_, _>>()?)
            }
            Value::Object(fields) => Self::object(fields, marks)?,
            scalar => Self::Scalar(scalar),
        })
    }

    fn object(fields: Map<String, Value>, marks: &Marks) -> Result<Self, String> {
        let object = Value::Object(fields);
        // A secret param that stands alone is its reference.
        let mut references = marks.references().into_iter();
        if let Some(reference) = references.find(|reference| reference_value(reference) == object) {
            return Ok(Self::Text(vec![Part::Copied(reference)]));
        }
        let Value::Object(fields) = object else { return Ok(Self::Scalar(object)) };
        if fields.keys().any(|key| marks.are_in(key)) {
            return Err(": a secret cannot be the name of a field".into());
        }
        let fields = fields.into_iter().map(|(key, field)| {
            let sealed = Self::of(field, marks).map_err(|why| format!("/{key}{why}"))?;
            Ok((key, sealed))
        });
        Ok(Self::Map(fields.collect::<Result<_, String>>()?))
    }

    /// All parts of all texts.
    pub fn parts(&self) -> Vec<&Part> {
        match self {
            Self::Scalar(_) => Vec::new(),
            Self::Text(parts) => parts.iter().collect(),
            Self::List(items) => items.iter().flat_map(Self::parts).collect(),
            Self::Map(fields) => fields.values().flat_map(Self::parts).collect(),
        }
    }

    /// The value, with what `join` makes of the parts of each text. None if that is none for one of them.
    pub fn open(&self, join: &impl Fn(&[Part]) -> Option<String>) -> Option<Value> {
        Some(match self {
            Self::Scalar(value) => value.clone(),
            Self::Text(parts) => Value::String(join(parts)?),
            Self::List(items) => items.iter().map(|item| item.open(join)).collect::<Option<Vec<_>>>()?.into(),
            Self::Map(fields) => {
                let fields = fields.iter().map(|(key, field)| Some((key.clone(), field.open(join)?)));
                Value::Object(fields.collect::<Option<Map<_, _>>>()?)
            }
        })
    }
}

/// The parts of one text.
pub(crate) fn parts(text: &str, marks: &Marks) -> Result<Vec<Part>, &'static str> {
    marks.parts(text).ok_or("changes a secret after it was put in, which cannot be: use it as it is")
}
