//! Putting the outputs of resources in.

use std::{collections::BTreeMap, fmt};

use api_types::{OpenObject, Output, Segment, Text};
use serde_json::{Map, Value};
use thiserror::Error;

use super::bind::{LookupError, lookup, text_of};
use super::{BoundPart, BoundTemplate, OutputReference};
use crate::names::ResourceKey;

/// The outputs of which a resource must give at least one, readable by anyone, to be mounted as a volume.
pub const VOLUME_OUTPUTS: [&str; 2] = ["source", "claimSpec"];

/// The outputs by the name of the resource. A resource that is not in it has none yet.
pub type Outputs = BTreeMap<ResourceKey, BTreeMap<String, Output>>;

/// A valid reference whose value is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnresolvedReference {
    /// As it was written between `${` and `}`.
    pub reference: String,
    /// The resource that it names.
    pub resource: ResourceKey,
    /// Why there is no value.
    pub why: Why,
}

/// Why a reference has no value.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Why {
    /// The resource has no outputs yet: wait.
    #[error("it has no outputs yet")]
    Pending,
    /// The resource has outputs, and this is none of them.
    #[error("key '{key}' not found; it has {}", listed(.available))]
    NoSuchOutput {
        /// The output that the reference names.
        key: String,
        /// The names of the outputs that there are.
        available: Vec<String>,
    },
    /// The output has no such key inside.
    #[error("key '{0}' not found in the output")]
    NoSuchKey(String),
    /// The output has no keys inside.
    #[error("cannot lookup key '{0}', context is not a map")]
    NotAMap(String),
    /// The output is secret: it can only be used as a whole.
    #[error("cannot lookup key '{0}', the output is secret and can only be used as a whole")]
    InsideSecret(String),
    /// The resource cannot be mounted: it has none of [`VOLUME_OUTPUTS`], or only secret ones.
    #[error(
        "it is no volume, which has an output source or claimSpec that is not secret; it has {}: refer to a resource \
         that is a volume",
        listed(.available)
    )]
    NoVolume {
        /// The names of the outputs that there are.
        available: Vec<String>,
    },
}

impl fmt::Display for UnresolvedReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { reference, resource, why } = self;
        match why {
            Why::Pending => write!(f, "ref '{reference}' waits for resource '{resource}': {why}"),
            _ => write!(f, "invalid ref '{reference}' to resource '{resource}': {why}"),
        }
    }
}

impl std::error::Error for UnresolvedReference {}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "no outputs".to_owned() } else { format!("the outputs {}", names.join(", ")) }
}

impl BoundTemplate {
    /// The text with every output in place: plain, or segments where an output is secret.
    ///
    /// # Errors
    /// Every reference that has no value.
    pub fn resolve(&self, outputs: &Outputs) -> Result<Text, Vec<UnresolvedReference>> {
        let (mut segments, mut unresolved) = (Vec::new(), Vec::new());
        for part in self.parts() {
            match part {
                BoundPart::Literal(text) => segments.push(Segment::Value(text.clone())),
                BoundPart::Output(reference) => match reference.resolve(outputs) {
                    Ok(segment) => segments.push(segment),
                    Err(why) => unresolved.push(UnresolvedReference {
                        reference: reference.raw.clone(),
                        resource: reference.resource.clone(),
                        why,
                    }),
                },
            }
        }
        if unresolved.is_empty() { Ok(joined(segments)) } else { Err(unresolved) }
    }
}

/// The outputs of a resource that is to be mounted: those that anyone may read.
///
/// # Errors
/// It has no outputs yet, or it cannot be mounted.
pub fn volume_outputs(resource: &ResourceKey, outputs: &Outputs) -> Result<OpenObject, UnresolvedReference> {
    let unresolved = |why| UnresolvedReference {
        reference: format!("resources.{resource}"),
        resource: resource.clone(),
        why,
    };
    let outputs = outputs.get(resource).ok_or_else(|| unresolved(Why::Pending))?;
    let public = outputs.iter().filter(|(_, output)| output.secret_key_ref.is_none());
    let public: Map<String, Value> =
        public.filter_map(|(name, output)| Some((name.clone(), output.value.clone()?))).collect();
    if VOLUME_OUTPUTS.iter().any(|name| public.contains_key(*name)) {
        Ok(OpenObject(public))
    } else {
        Err(unresolved(Why::NoVolume { available: outputs.keys().cloned().collect() }))
    }
}

impl OutputReference {
    fn resolve(&self, outputs: &Outputs) -> Result<Segment, Why> {
        let outputs = outputs.get(&self.resource).ok_or(Why::Pending)?;
        match outputs.get(&self.output) {
            Some(Output { secret_key_ref: Some(secret), .. }) => match self.path.first() {
                None => Ok(Segment::SecretKeyRef(secret.clone())),
                Some(key) => Err(Why::InsideSecret(key.clone())),
            },
            Some(Output { value: Some(value), .. }) => {
                Ok(Segment::Value(text_of(lookup(value, &self.path)?)))
            }
            // An output that is neither is no output.
            _ => Err(Why::NoSuchOutput {
                key: self.output.clone(),
                available: outputs.keys().cloned().collect(),
            }),
        }
    }
}

impl From<LookupError> for Why {
    fn from(error: LookupError) -> Self {
        match error {
            LookupError::KeyNotFound(key) => Self::NoSuchKey(key),
            LookupError::NotAMap(key) => Self::NotAMap(key),
        }
    }
}

/// Plain text if nothing is secret; else segments, no two texts of which are neighbours, and none empty.
fn joined(segments: Vec<Segment>) -> Text {
    let mut merged: Vec<Segment> = Vec::with_capacity(segments.len());
    for segment in segments {
        match (merged.last_mut(), segment) {
            (_, Segment::Value(text)) if text.is_empty() => {}
            (Some(Segment::Value(last)), Segment::Value(text)) => last.push_str(&text),
            (_, segment) => merged.push(segment),
        }
    }
    match merged.as_slice() {
        [] => Text::Plain(String::new()),
        [Segment::Value(text)] => Text::Plain(text.clone()),
        _ => Text::Segments(merged),
    }
}
