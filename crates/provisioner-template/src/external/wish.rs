//! What a claim asks for by now of what can be changed once it is made. Pure.

use std::collections::BTreeMap;

use api_types::SecretKeyRef;
use k8s_openapi::ByteString;
use resource_template::Request;
use serde_json::Value;

use super::state::{Shape, short_digest};

/// What is asked for, in digests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Of the request to change the resource, and of the secrets of other resources in it.
    pub digest: String,
    /// Of each value that no request changes, by the name that templates have for it.
    pub lasting: BTreeMap<String, String>,
}

impl Wish {
    /// What `update` asks for, with these secrets of other resources, and of what these are the `lasting` values. Credentials
    /// of the platform do not count: another one makes no other resource.
    pub fn of(
        update: &Request,
        copied: &BTreeMap<SecretKeyRef, ByteString>,
        lasting: &BTreeMap<String, Value>,
    ) -> Self {
        let request = serde_json::to_vec(&(&update.asked, &update.headers)).unwrap_or_default();
        let secrets = copied.iter().flat_map(|(reference, value)| {
            [reference.name.as_bytes(), reference.key.as_bytes(), value.0.as_slice()]
        });
        let digest_of = |value: &Value| short_digest([value.to_string().as_bytes()]);
        Self {
            digest: short_digest([request.as_slice()].into_iter().chain(secrets)),
            lasting: lasting.iter().map(|(name, value)| (name.clone(), digest_of(value))).collect(),
        }
    }

    /// How a resource is that is as it is asked for.
    pub fn shape(&self) -> Shape {
        Shape { current: self.digest.clone(), lasting: self.lasting.clone(), change: None }
    }
}
