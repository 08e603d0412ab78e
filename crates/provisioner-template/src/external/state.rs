//! What is written down of a resource behind an API, in the Secret of its claim: what is asked for before it is asked,
//! what was made once that is known, and the secrets of its answers. Pure.
//!
//! A request that was written down is sent again as it was, with the same key, until there is an answer to it: whatever
//! the claim says by then. So there is never more than one resource of which nobody knows whether it is there.

use std::collections::BTreeMap;

use k8s_openapi::{ByteString, api::core::v1::Secret};
use provisioner_kit::{Claim, Marks};
use resource_template::{Asked, generated_name};
use sha2::{Digest as _, Sha256};

/// The key by which the API knows a repetition. A Secret that has it is one of a resource behind an API.
pub const ANNOTATION_KEY: &str = "score.dev/idempotency-key";
/// What the API calls the resource; on the Secret, and on a claim that is to remove it.
pub const ANNOTATION_ID: &str = "score.dev/remote-id";
/// Set once the resource was seen: from then on it is never made again by itself.
pub const ANNOTATION_PROVISIONED: &str = "score.dev/provisioned";

/// The key of the Secret with what is asked for.
const REQUEST: &str = "request.json";
/// What the keys of the Secret with secret outputs begin with; generated values have no dot here.
const OUTPUT: &str = "output.";

/// What is written down.
#[derive(Clone, PartialEq)]
pub struct State {
    /// The key of the request.
    pub key: String,
    /// What is asked for.
    pub asked: Asked,
    /// What the API calls what it made.
    pub id: Option<String>,
    /// Whether that was ever seen.
    pub provisioned: bool,
    /// The secret outputs.
    pub outputs: BTreeMap<String, ByteString>,
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

fn annotation<'a>(secret: &'a Secret, key: &str) -> Option<&'a str> {
    secret.metadata.annotations.as_ref()?.get(key).map(String::as_str)
}

impl State {
    /// Nothing but the intention: what the claim with `uid` asks for. The key is the same for the same question of the
    /// same claim, also when what was written down is lost.
    pub fn intended(uid: &str, asked: Asked) -> Self {
        let mut digest = Sha256::new();
        for part in [uid.as_bytes(), &serde_json::to_vec(&asked).unwrap_or_default()] {
            digest.update(part.len().to_be_bytes());
            digest.update(part);
        }
        let key = digest.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        Self { key, asked, id: None, provisioned: false, outputs: BTreeMap::new() }
    }

    /// What `secret` says; none if it is of no resource behind an API.
    ///
    /// # Errors
    /// If somebody has changed it so that it says nothing any more.
    pub fn read(secret: &Secret) -> Result<Option<Self>, Damaged> {
        let Some(key) = annotation(secret, ANNOTATION_KEY) else { return Ok(None) };
        let data = secret.data.clone().unwrap_or_default();
        let asked = data.get(REQUEST).and_then(|asked| serde_json::from_slice(&asked.0).ok());
        let outputs =
            data.into_iter().filter_map(|(key, value)| Some((key.strip_prefix(OUTPUT)?.to_owned(), value)));
        Ok(Some(Self {
            key: key.to_owned(),
            asked: asked.ok_or(Damaged)?,
            id: annotation(secret, ANNOTATION_ID).filter(|id| !id.is_empty()).map(str::to_owned),
            provisioned: annotation(secret, ANNOTATION_PROVISIONED) == Some("true"),
            outputs: outputs.collect(),
        }))
    }

    /// The annotations that hold what is no secret.
    pub fn annotations(&self) -> BTreeMap<String, String> {
        let annotations = [
            (ANNOTATION_KEY, Some(self.key.clone())),
            (ANNOTATION_ID, self.id.clone()),
            (ANNOTATION_PROVISIONED, self.provisioned.then(|| "true".to_owned())),
        ];
        annotations.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
    }

    /// Everything else.
    pub fn data(&self) -> BTreeMap<String, ByteString> {
        let asked = ByteString(serde_json::to_vec(&self.asked).unwrap_or_default());
        let outputs = self.outputs.iter().map(|(name, value)| (output_key(name), value.clone()));
        outputs.chain([(REQUEST.to_owned(), asked)]).collect()
    }

    /// The Secret of `claim` with all this and the `generated` values, to be created.
    pub fn secret(&self, claim: &Claim, marks: &Marks, generated: BTreeMap<String, ByteString>) -> Secret {
        let mut metadata = marks.metadata(&claim.namespace, &generated_name(&claim.name));
        metadata.annotations.get_or_insert_default().extend(self.annotations());
        Secret {
            metadata,
            type_: Some("Opaque".to_owned()),
            data: Some(self.data().into_iter().chain(generated).collect()),
            ..Secret::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn asked(body: &Value) -> Asked {
        let asked = json!({"method": "POST", "url": "https://api.example.com/v1", "body": {"scalar": body}});
        serde_json::from_value(asked).unwrap()
    }

    fn secret(state: &State) -> Secret {
        let mut secret = Secret { data: Some(state.data()), ..Secret::default() };
        secret.metadata.annotations = Some(state.annotations());
        secret
    }

    #[test]
    fn what_is_written_down_is_read_again() {
        let intended = State::intended("uid", asked(&json!(1)));
        let complete = State {
            id: Some("b-1".into()),
            provisioned: true,
            outputs: [("password".to_owned(), ByteString(b"pa55".into()))].into(),
            ..intended.clone()
        };
        for state in [intended, complete] {
            assert!(State::read(&secret(&state)) == Ok(Some(state)));
        }
        assert!(State::read(&Secret::default()) == Ok(None));
    }

    #[test]
    fn what_was_damaged_is_not_taken_for_nothing() {
        for data in [None, Some("{"), Some("{\"method\": \"BREW\"}")] {
            let mut secret = secret(&State::intended("uid", asked(&json!(1))));
            let data = data.map(|text| (REQUEST.to_owned(), ByteString(text.into())));
            secret.data = Some(data.into_iter().collect());
            assert!(State::read(&secret) == Err(Damaged));
        }
    }

    #[test]
    fn the_key_is_that_of_the_claim_and_of_what_it_asks_for() {
        let key = |uid: &str, body: Value| State::intended(uid, asked(&body)).key;
        assert_eq!(key("a", json!(1)), key("a", json!(1)));
        assert_ne!(key("a", json!(1)), key("b", json!(1)));
        assert_ne!(key("a", json!(1)), key("a", json!(2)));
        assert_eq!(key("a", json!(1)).len(), 32);
    }
}
