//! What is written down of a resource behind an API, in the Secret of its claim: what is asked for before it is asked,
//! what was made once that is known, how it is by now, and the secrets of its answers. Pure.
//!
//! A request that was written down is sent again as it was, with the same key, until there is an answer to it: whatever
//! the claim says by then. So there is never more than one resource of which nobody knows whether it is there, and no
//! change comes after a later one.

use std::collections::BTreeMap;

use k8s_openapi::{ByteString, api::core::v1::Secret};
use provisioner_kit::{Claim, Marks};
use resource_template::{Asked, generated_name};
use serde::{Deserialize, Serialize};

use super::wish::Wish;
use crate::{digest::digest, record};

/// The key by which the API knows a repetition of the last question that it has answered, or of the first. A Secret that
/// has it is one of a resource behind an API.
pub const ANNOTATION_KEY: &str = "score.dev/idempotency-key";
/// What the API calls the resource; on the Secret, and on a claim that is to remove it.
pub const ANNOTATION_ID: &str = "score.dev/remote-id";
/// The address of the API that is asked for it; on the Secret, and on a claim that is to remove it. Elsewhere the id says
/// nothing, or means what is somebody else's.
pub const ANNOTATION_API: &str = "score.dev/remote-api";
/// Set once the resource was seen: from then on it is never made again by itself.
pub const ANNOTATION_PROVISIONED: &str = "score.dev/provisioned";

/// The key of the Secret with what is asked for.
const REQUEST: &str = "request.json";
/// The key of the Secret with the [`Shape`].
const SHAPE: &str = "update.json";
/// What the keys of the Secret with secret outputs begin with; generated values have no dot here.
const OUTPUT: &str = "output.";

/// What is written down.
#[derive(Clone, PartialEq)]
pub struct State {
    /// The key of the last question that was answered, or of the first.
    pub key: String,
    /// The address of the API that is asked; none if that was not written down.
    pub api: Option<String>,
    /// What is asked for; once it is made, what would have to be asked for to make it as it is.
    pub asked: Asked,
    /// How it is, if it can be changed.
    pub shape: Option<Shape>,
    /// What the API calls what it made.
    pub id: Option<String>,
    /// Whether that was ever seen.
    pub provisioned: bool,
    /// The secret outputs.
    pub outputs: BTreeMap<String, ByteString>,
}

/// How a resource is, in digests, and what is being changed of it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shape {
    /// Of what would have to be asked for to change it to what it is; empty if nobody knows that.
    pub current: String,
    /// Of each value that it keeps.
    pub lasting: BTreeMap<String, String>,
    /// The change that was not answered yet.
    pub change: Option<Change>,
}

/// What is asked for to change a resource.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// The question.
    pub asked: Asked,
    /// Of the question, and of the secrets that it had then.
    pub digest: String,
    /// What would have to be asked for to make it as it is afterwards.
    pub creates: Asked,
}

/// What stands there cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damaged;

/// The key of the Secret with the secret output `name`.
pub fn output_key(name: &str) -> String {
    format!("{OUTPUT}{name}")
}

/// Whether `secret` is one of a resource behind an API.
pub fn is_of_api(secret: &Secret) -> bool {
    annotation(secret, ANNOTATION_KEY).is_some()
}

/// 32 digits of the digest of `parts`: enough to tell them from all others.
pub fn short_digest<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut digits = digest(parts);
    digits.truncate(32);
    digits
}

fn annotation<'a>(secret: &'a Secret, key: &str) -> Option<&'a str> {
    secret.metadata.annotations.as_ref()?.get(key).map(String::as_str)
}

impl State {
    /// Nothing but the intention: what the claim with `uid` asks for. The key is the same for the same question of the
    /// same claim, also when what was written down is lost.
    pub fn intended(uid: &str, asked: Asked, wish: Option<&Wish>) -> Self {
        let key = short_digest([uid.as_bytes(), &serde_json::to_vec(&asked).unwrap_or_default()]);
        let shape = wish.map(Wish::shape);
        Self { key, api: None, asked, shape, id: None, provisioned: false, outputs: BTreeMap::new() }
    }

    /// The same, of the API at `address`.
    #[must_use]
    pub fn at(self, address: &str) -> Self {
        Self { api: Some(address.to_owned()), ..self }
    }

    /// The same, with what has become changeable since it was written down. What was asked for is known to be as the
    /// claim says if that would ask for the same, which is `creates`.
    #[must_use]
    pub fn changeable(mut self, creates: &Asked, wish: Option<&Wish>) -> Self {
        let Some(wish) = wish else { return self };
        match &mut self.shape {
            Some(shape) => {
                for (name, value) in &wish.lasting {
                    shape.lasting.entry(name.clone()).or_insert_with(|| value.clone());
                }
            }
            None => {
                let shape = wish.shape();
                let known = self.asked == *creates;
                self.shape =
                    Some(Shape { current: if known { shape.current } else { String::new() }, ..shape });
            }
        }
        self
    }

    /// What is to be changed for `wish`: what was asked for and not answered yet, or else what `asked` then asks for.
    pub fn change(&self, wish: &Wish, asked: Asked, creates: &Asked) -> Option<Change> {
        let shape = self.shape.as_ref()?;
        if shape.change.is_none() && shape.current == wish.digest {
            return None;
        }
        let wished = || Change { asked, digest: wish.digest.clone(), creates: creates.clone() };
        Some(shape.change.clone().unwrap_or_else(wished))
    }

    /// The key of `change`. That of the question before is in it: what is asked for again after something else was is
    /// no repetition.
    pub fn key_of(&self, change: &Change) -> String {
        short_digest([self.key.as_bytes(), change.digest.as_bytes()])
    }

    /// The same, with the intention of `change`, or none.
    #[must_use]
    pub fn intending(mut self, change: Option<Change>) -> Self {
        self.shape = self.shape.map(|shape| Shape { change, ..shape });
        self
    }

    /// The same, after `change` was made.
    #[must_use]
    pub fn changed(self, change: Change) -> Self {
        let key = self.key_of(&change);
        let shape = self.shape.map(|shape| Shape { current: change.digest, change: None, ..shape });
        Self { key, shape, asked: change.creates, ..self }
    }

    /// Whether there is something that the claim asks for and the resource is not going to be.
    pub fn differs(&self, creates: &Asked, wish: Option<&Wish>) -> bool {
        match (&self.shape, wish) {
            (Some(shape), Some(wish)) => {
                wish.lasting.iter().any(|(name, value)| shape.lasting.get(name) != Some(value))
            }
            _ => self.asked != *creates,
        }
    }

    /// What `secret` says; none if it is of no resource behind an API.
    ///
    /// # Errors
    /// If somebody has changed it so that it says nothing any more.
    pub fn read(secret: &Secret) -> Result<Option<Self>, Damaged> {
        let Some(key) = annotation(secret, ANNOTATION_KEY) else { return Ok(None) };
        let data = secret.data.clone().unwrap_or_default();
        let asked = data.get(REQUEST).and_then(|asked| serde_json::from_slice(&asked.0).ok());
        let shape = data.get(SHAPE).map(|shape| serde_json::from_slice(&shape.0)).transpose();
        let outputs =
            data.into_iter().filter_map(|(key, value)| Some((key.strip_prefix(OUTPUT)?.to_owned(), value)));
        Ok(Some(Self {
            key: key.to_owned(),
            api: annotation(secret, ANNOTATION_API).map(str::to_owned),
            asked: asked.ok_or(Damaged)?,
            shape: shape.map_err(|_| Damaged)?,
            id: annotation(secret, ANNOTATION_ID).filter(|id| !id.is_empty()).map(str::to_owned),
            provisioned: annotation(secret, ANNOTATION_PROVISIONED) == Some("true"),
            outputs: outputs.collect(),
        }))
    }

    /// The annotations that hold what is no secret.
    pub fn annotations(&self) -> BTreeMap<String, String> {
        let annotations = [
            (ANNOTATION_KEY, Some(self.key.clone())),
            (ANNOTATION_API, self.api.clone()),
            (ANNOTATION_ID, self.id.clone()),
            (ANNOTATION_PROVISIONED, self.provisioned.then(|| "true".to_owned())),
        ];
        annotations.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
    }

    /// Everything else.
    pub fn data(&self) -> BTreeMap<String, ByteString> {
        let asked = ByteString(serde_json::to_vec(&self.asked).unwrap_or_default());
        let shape = self.shape.as_ref().map(|shape| serde_json::to_vec(shape).unwrap_or_default());
        let outputs = self.outputs.iter().map(|(name, value)| (output_key(name), value.clone()));
        let shape = shape.map(|shape| (SHAPE.to_owned(), ByteString(shape)));
        outputs.chain([(REQUEST.to_owned(), asked)]).chain(shape).collect()
    }

    /// The Secret of `claim` with all this and the `generated` values, to be created.
    pub fn secret(&self, claim: &Claim, marks: &Marks, generated: BTreeMap<String, ByteString>) -> Secret {
        let mut metadata = marks.metadata(&claim.namespace, &generated_name(&claim.name));
        let annotations = metadata.annotations.get_or_insert_default();
        annotations.extend(self.annotations().into_iter().chain(record::names(generated.keys())));
        Secret {
            metadata,
            type_: Some("Opaque".to_owned()),
            data: Some(self.data().into_iter().chain(generated).collect()),
            ..Secret::default()
        }
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
