//! What a resource gives to the Workload.

use std::collections::BTreeMap;

use api_types::SecretKeyRef;
use object_template::ObjectName;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    declaration::{Declaration, Problem, expression, keep},
    expression::{Expression, Unresolved},
    scope::Scope,
};

/// Where an output comes from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum OutputSource {
    /// A value that is no secret.
    Value(ValueTemplate),
    /// A key of a Secret.
    Secret(KeyTemplate),
    /// A key of a ConfigMap, whose value is no secret.
    ConfigMap(KeyTemplate),
    /// A secret in the answers of an API.
    Answered {
        /// Its place in an answer (JSON pointer).
        pointer: String,
        /// Whether the first is kept, whatever later answers have in that place.
        first: bool,
    },
}

/// A value whose strings are expressions.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ValueTemplate(Node);

#[derive(Clone, Debug, PartialEq)]
enum Node {
    Scalar(Value),
    Expression(Box<Expression>),
    List(Vec<Node>),
    Map(BTreeMap<String, Node>),
}

/// The name of an object, which is an expression, and a key in it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct KeyTemplate {
    name: Box<Expression>,
    key: String,
}

/// The outputs, as far as they are known without looking into Secrets and ConfigMaps.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outputs {
    /// Values by output.
    pub values: BTreeMap<String, Value>,
    /// Keys of Secrets by output.
    pub secrets: BTreeMap<String, SecretKeyRef>,
    /// Keys of ConfigMaps by output.
    pub config_maps: BTreeMap<String, SecretKeyRef>,
}

/// The most bytes of JSON that the values may have.
const MOST_BYTES: usize = 64 * 1024;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Document {
    // `null` is a value, too.
    #[serde(default, deserialize_with = "present")]
    value: Option<Value>,
    secret_key_ref: Option<KeyDocument>,
    config_map_key_ref: Option<KeyDocument>,
    secret: Option<String>,
    from: Option<TakenFrom>,
}

/// The answer that a secret is taken from, if not the latest.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum TakenFrom {
    /// That to the request that makes the resource.
    Create,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyDocument {
    name: Value,
    key: String,
}

fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl OutputSource {
    pub(crate) fn read_all(
        outputs: &BTreeMap<String, Value>,
        problems: &mut Vec<Problem>,
    ) -> BTreeMap<String, Self> {
        let mut valid = BTreeMap::new();
        for (name, value) in outputs {
            let path = format!("outputs.{name}");
            keep(valid_name(name), &path, problems);
            valid.extend(Self::read(value, &path, problems).map(|source| (name.clone(), source)));
        }
        valid
    }

    fn read(value: &Value, path: &str, problems: &mut Vec<Problem>) -> Option<Self> {
        let document = keep(Document::deserialize(value), path, problems)?;
        let first = matches!(document.from, Some(TakenFrom::Create));
        if first && document.secret.is_none() {
            problems.push(Problem::new(format_args!("{path}.from"), "goes with `secret` only: remove it"));
        }
        match (document.value, document.secret_key_ref, document.config_map_key_ref, document.secret) {
            (Some(value), None, None, None) => {
                Some(Self::Value(ValueTemplate(node(&value, &format!("{path}.value"), problems)?)))
            }
            (None, Some(key), None, None) => {
                key_template(key, &format!("{path}.secretKeyRef"), problems).map(Self::Secret)
            }
            (None, None, Some(key), None) => {
                key_template(key, &format!("{path}.configMapKeyRef"), problems).map(Self::ConfigMap)
            }
            (None, None, None, Some(pointer)) => {
                keep(valid_pointer(&pointer), format_args!("{path}.secret"), problems)?;
                Some(Self::Answered { pointer, first })
            }
            _ => {
                problems.push(Problem::new(
                    path,
                    "must have one of `value`, `secretKeyRef`, `configMapKeyRef` and `secret`",
                ));
                None
            }
        }
    }

    /// Whether it lies in an object of the namespace.
    pub(crate) fn is_of_objects(&self) -> bool {
        matches!(self, Self::Secret(_) | Self::ConfigMap(_))
    }
}

/// A JSON pointer (RFC 6901) to a part.
fn valid_pointer(pointer: &str) -> Result<(), &'static str> {
    let escapes = pointer.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    if pointer.starts_with('/') && pointer.len() <= 256 && escapes {
        Ok(())
    } else {
        Err("must be a JSON pointer into the answer, as `/credentials/password`")
    }
}

/// Placeholders separate names by dots.
fn valid_name(name: &str) -> Result<(), &'static str> {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let valid = !name.is_empty() && name.len() <= 63 && name.bytes().all(word);
    if valid {
        Ok(())
    } else {
        Err("the name of an output is 1 to 63 letters, digits, `-` and `_`: rename it")
    }
}

fn key_template(document: KeyDocument, path: &str, problems: &mut Vec<Problem>) -> Option<KeyTemplate> {
    keep(valid_key(&document.key), format_args!("{path}.key"), problems)?;
    let name = expression(&document.name, format_args!("{path}.name"), problems)?;
    Some(KeyTemplate { name: Box::new(name), key: document.key })
}

pub(crate) fn valid_key(key: &str) -> Result<(), &'static str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let valid = !key.is_empty() && key.len() <= 253 && key.bytes().all(plain);
    if valid {
        Ok(())
    } else {
        Err("must be a key as it stands in the object: letters, digits, `-`, `_` and `.`")
    }
}

fn node(value: &Value, path: &str, problems: &mut Vec<Problem>) -> Option<Node> {
    Some(match value {
        Value::String(_) => Node::Expression(Box::new(expression(value, path, problems)?)),
        Value::Array(items) => {
            let items = items.iter().enumerate();
            let nodes = items.filter_map(|(at, item)| node(item, &format!("{path}[{at}]"), problems));
            Node::List(nodes.collect())
        }
        Value::Object(fields) => {
            let mut nodes = BTreeMap::new();
            for (key, field) in fields {
                let read = node(field, &format!("{path}.{key}"), problems);
                nodes.extend(read.map(|read| (key.clone(), read)));
            }
            Node::Map(nodes)
        }
        scalar => Node::Scalar(scalar.clone()),
    })
}

impl Node {
    fn value(&self, scope: &Scope) -> Result<Value, Unresolved> {
        Ok(match self {
            Self::Scalar(value) => value.clone(),
            Self::Expression(expression) => expression.value(scope)?,
            Self::List(items) => items.iter().map(|item| item.value(scope)).collect::<Result<_, _>>()?,
            Self::Map(fields) => {
                let fields = fields.iter().map(|(key, field)| Ok((key.clone(), field.value(scope)?)));
                Value::Object(fields.collect::<Result<Map<_, _>, _>>()?)
            }
        })
    }
}

impl KeyTemplate {
    fn reference(&self, scope: &Scope) -> Result<SecretKeyRef, Unresolved> {
        let broken = |message: String| Unresolved { message, yet: false };
        let name = self.name.value(scope)?;
        let name = name.as_str().ok_or_else(|| broken("the name is not a text".into()))?;
        let name: ObjectName = name.parse().map_err(broken)?;
        Ok(SecretKeyRef { name: name.to_string(), key: self.key.clone() })
    }
}

impl Declaration {
    /// The outputs, given what there is in `scope`.
    ///
    /// # Errors
    /// The first output that has no value.
    pub fn outputs(&self, scope: &Scope) -> Result<Outputs, Unresolved> {
        let mut outputs = Outputs::default();
        for (name, source) in &self.outputs {
            let located =
                |why: Unresolved| Unresolved { message: format!("outputs.{name}: {}", why.message), ..why };
            match source {
                OutputSource::Value(template) => {
                    let value = template.0.value(scope).map_err(located)?;
                    if holds_reference(&value) {
                        let message = "holds a reference to a secret: give it as `secretKeyRef`".to_owned();
                        return Err(located(Unresolved { message, yet: false }));
                    }
                    outputs.values.insert(name.clone(), value);
                }
                OutputSource::Secret(template) => {
                    outputs.secrets.insert(name.clone(), template.reference(scope).map_err(located)?);
                }
                OutputSource::ConfigMap(template) => {
                    outputs.config_maps.insert(name.clone(), template.reference(scope).map_err(located)?);
                }
                // Expressions have no part in it.
                OutputSource::Answered { .. } => {}
            }
        }
        let size: usize = outputs.values.values().map(|value| value.to_string().len()).sum();
        if size > MOST_BYTES {
            let message = format!("the outputs are too large: {MOST_BYTES} bytes at most");
            return Err(Unresolved { message, yet: false });
        }
        Ok(outputs)
    }

    /// Whether any of the outputs lies in a Secret or a ConfigMap, which an operator may have made.
    pub fn has_references(&self) -> bool {
        self.outputs.values().any(OutputSource::is_of_objects)
    }

    /// The names of all outputs.
    pub fn output_names(&self) -> impl Iterator<Item = &str> {
        self.outputs.keys().map(String::as_str)
    }
}

/// Whoever reads an output could take it for the secret itself.
fn holds_reference(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(holds_reference),
        Value::Object(fields) => fields.contains_key("secretKeyRef") || fields.values().any(holds_reference),
        _ => false,
    }
}
