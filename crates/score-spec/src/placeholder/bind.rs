//! Checking references against what the Workload declares.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use thiserror::Error;

use super::{Part, Reference, Template};
use crate::names::ResourceKey;

/// What the references of a Workload may name.
#[derive(Clone, Debug)]
pub struct Scope<'a> {
    metadata: &'a Map<String, Value>,
    resources: BTreeSet<&'a str>,
}

/// A [`Template`] all references of which are valid; metadata is text in it already.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BoundTemplate {
    parts: Vec<BoundPart>,
}

/// A part of a [`BoundTemplate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BoundPart {
    /// Text.
    Literal(String),
    /// A value that a resource gives.
    Output(OutputReference),
}

/// A reference to an output of a resource of the Workload.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OutputReference {
    /// As it was written between `${` and `}`.
    pub raw: String,
    /// The resource.
    pub resource: ResourceKey,
    /// The output.
    pub output: String,
    /// The keys that lead further into the output; none for the output itself.
    pub path: Vec<String>,
}

/// A reference that no output can make valid.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("invalid ref '{reference}': {problem}")]
pub struct InvalidReference {
    /// As it was written between `${` and `}`.
    pub reference: String,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a reference.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Problem {
    /// Neither `metadata` nor `resources`.
    #[error("unknown reference root, use $$ to escape the substitution")]
    UnknownRoot,
    /// `${metadata}`.
    #[error("requires at least a metadata key to lookup")]
    NoMetadataKey,
    /// `${resources}`.
    #[error("requires at least a resource name to lookup")]
    NoResourceName,
    /// `${resources.db}`, where a text is needed.
    #[error("at least one lookup key is required")]
    NoLookupKey,
    /// A resource that the Workload does not declare.
    #[error("no known resource '{0}'")]
    UnknownResource(String),
    /// A resource that the Workload declares under a name that is not valid.
    #[error("the name of resource '{0}' is not valid")]
    InvalidResourceName(String),
    /// Metadata that is not there.
    #[error("key '{0}' not found")]
    KeyNotFound(String),
    /// A key into something that has no keys.
    #[error("cannot lookup key '{0}', context is not a map")]
    NotAMap(String),
}

impl Problem {
    /// What to do next, as the end of a sentence.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::UnknownRoot => {
                "write ${metadata.<key>} or ${resources.<name>.<output>} to refer to a value"
            }
            Self::NoMetadataKey => "write ${metadata.<key>}",
            Self::NoResourceName | Self::NoLookupKey => "write ${resources.<name>.<output>}",
            Self::UnknownResource(_) => "declare it in spec.resources, or correct the name",
            Self::InvalidResourceName(_) => "rename it in spec.resources and here",
            Self::KeyNotFound(_) => {
                "set it in spec.metadata (annotations: in metadata.annotations), or correct the key"
            }
            Self::NotAMap(_) => "end the reference before this key",
        }
    }
}

impl<'a> Scope<'a> {
    /// Metadata (with `name` and `annotations`), and the names of the resources.
    pub fn new(metadata: &'a Map<String, Value>, resources: impl IntoIterator<Item = &'a str>) -> Self {
        Self { metadata, resources: resources.into_iter().collect() }
    }
}

impl Template {
    /// Checks every reference, and puts metadata in.
    ///
    /// # Errors
    /// Every reference that is not valid.
    pub fn bind(&self, scope: &Scope<'_>) -> Result<BoundTemplate, Vec<InvalidReference>> {
        let (mut bound, mut invalid) = (BoundTemplate::default(), Vec::new());
        for part in self.parts() {
            match part {
                Part::Literal(text) => bound.push(BoundPart::Literal(text.clone())),
                Part::Reference(reference) => match reference.bind(scope) {
                    Ok(part) => bound.push(part),
                    Err(problem) => {
                        invalid.push(InvalidReference { reference: reference.raw.clone(), problem })
                    }
                },
            }
        }
        if invalid.is_empty() { Ok(bound) } else { Err(invalid) }
    }

    /// The resource, if the text is nothing but a reference to a resource as a whole: `${resources.data}`. That is how
    /// a volume names its source; elsewhere such a reference is not valid.
    ///
    /// # Errors
    /// The reference is of that form, but not valid.
    pub fn bind_resource(&self, scope: &Scope<'_>) -> Result<Option<ResourceKey>, InvalidReference> {
        let [Part::Reference(reference)] = self.parts() else { return Ok(None) };
        let [root, name] = reference.keys.as_slice() else { return Ok(None) };
        if root != "resources" {
            return Ok(None);
        }
        let invalid = |problem| InvalidReference { reference: reference.raw.clone(), problem };
        scope.resource(name).map(Some).map_err(invalid)
    }
}

impl Reference {
    fn bind(&self, scope: &Scope<'_>) -> Result<BoundPart, Problem> {
        let keys: Vec<&str> = self.keys.iter().map(String::as_str).collect();
        match keys.as_slice() {
            ["metadata"] => Err(Problem::NoMetadataKey),
            ["metadata", first, path @ ..] => scope.metadata(first, path).map(BoundPart::Literal),
            ["resources"] => Err(Problem::NoResourceName),
            ["resources", name] => scope.resource(name).and(Err(Problem::NoLookupKey)),
            ["resources", name, output, path @ ..] => Ok(BoundPart::Output(OutputReference {
                raw: self.raw.clone(),
                resource: scope.resource(name)?,
                output: (*output).to_owned(),
                path: path.iter().map(|&key| key.to_owned()).collect(),
            })),
            _ => Err(Problem::UnknownRoot),
        }
    }
}

impl Scope<'_> {
    fn metadata(&self, first: &str, path: &[&str]) -> Result<String, Problem> {
        let value = self.metadata.get(first).ok_or_else(|| Problem::KeyNotFound(first.to_owned()))?;
        Ok(text_of(lookup(value, path)?))
    }

    fn resource(&self, name: &str) -> Result<ResourceKey, Problem> {
        if !self.resources.contains(name) {
            return Err(Problem::UnknownResource(name.to_owned()));
        }
        name.parse().map_err(|_| Problem::InvalidResourceName(name.to_owned()))
    }
}

/// Follows the keys into a value. Only maps have keys.
pub(super) fn lookup<'v>(value: &'v Value, path: &[impl AsRef<str>]) -> Result<&'v Value, LookupError> {
    path.iter().map(AsRef::as_ref).try_fold(value, |value, key| match value {
        Value::Object(map) => map.get(key).ok_or_else(|| LookupError::KeyNotFound(key.to_owned())),
        _ => Err(LookupError::NotAMap(key.to_owned())),
    })
}

/// Why keys lead nowhere.
pub(super) enum LookupError {
    KeyNotFound(String),
    NotAMap(String),
}

impl From<LookupError> for Problem {
    fn from(error: LookupError) -> Self {
        match error {
            LookupError::KeyNotFound(key) => Self::KeyNotFound(key),
            LookupError::NotAMap(key) => Self::NotAMap(key),
        }
    }
}

/// A string as it is, anything else as JSON.
pub(super) fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

impl BoundTemplate {
    /// The parts in order. No two literals are neighbours.
    pub fn parts(&self) -> &[BoundPart] {
        &self.parts
    }

    /// The references to outputs, in order.
    pub fn outputs(&self) -> impl Iterator<Item = &OutputReference> {
        self.parts.iter().filter_map(|part| match part {
            BoundPart::Output(reference) => Some(reference),
            BoundPart::Literal(_) => None,
        })
    }

    fn push(&mut self, part: BoundPart) {
        match (self.parts.last_mut(), part) {
            (_, BoundPart::Literal(text)) if text.is_empty() => {}
            (Some(BoundPart::Literal(literal)), BoundPart::Literal(text)) => literal.push_str(&text),
            (_, part) => self.parts.push(part),
        }
    }
}
