//! Reads and writes single Secrets by their names: those that the platform gives, and the one that belongs to a claim.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{
    Api, Client,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::{Map, Value, json};

use crate::marks::{Marks, guarded};

/// The API server did not answer as it should.
#[derive(Debug, thiserror::Error)]
#[error("failed to {verb} {what}")]
pub struct SecretError {
    verb: &'static str,
    what: &'static str,
    source: kube::Error,
}

/// The platform's Secrets that may be read. The rights of the process reach further: it writes Secrets wherever claims are,
/// so they do not keep it from those that nobody meant for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedSecrets {
    /// Where they lie.
    pub namespace: String,
    /// Which they are.
    pub names: BTreeSet<String>,
}

impl AllowedSecrets {
    /// Those of `names` in the namespace that was `given`, or in the process's `own` if none was. Charts set empty variables
    /// for what is not wanted, so an empty one is none.
    pub fn new(given: Option<&str>, own: &str, names: &[String]) -> Self {
        let namespace = given.filter(|namespace| !namespace.is_empty()).unwrap_or(own);
        Self { namespace: namespace.to_owned(), names: names.iter().cloned().collect() }
    }
}

/// What became of a read of the platform's.
#[derive(Clone, Debug)]
pub enum Given {
    /// It is there.
    Secret(Box<Secret>),
    /// There is none of the name.
    Missing,
    /// The provisioner may not read it.
    Forbidden,
}

/// What became of a write.
#[derive(Clone, Debug)]
pub enum Written {
    /// The Secret as it is now.
    Secret(Box<Secret>),
    /// The API server does not allow it; in its own words.
    Refused(String),
    /// It has changed since it was read: look again.
    Outdated,
}

/// Reads and writes as one field manager.
#[derive(Clone)]
pub struct Secrets {
    client: Client,
    manager: &'static str,
}

const OWN: &str = "the secret of the claim";

impl Secrets {
    /// Writes as `manager`.
    pub fn new(client: Client, manager: &'static str) -> Self {
        Self { client, manager }
    }

    /// The platform's Secret `name`. Nobody is asked for one that is not `allowed`.
    ///
    /// # Errors
    /// If the API server does not answer as it should.
    pub async fn given(&self, allowed: &AllowedSecrets, name: &str) -> Result<Given, SecretError> {
        if !allowed.names.contains(name) {
            return Ok(Given::Forbidden);
        }
        match self.api(Some(&allowed.namespace)).get_opt(name).await {
            Ok(Some(secret)) => Ok(Given::Secret(Box::new(secret))),
            Ok(None) => Ok(Given::Missing),
            Err(kube::Error::Api(status)) if status.is_forbidden() => Ok(Given::Forbidden),
            Err(source) => Err(SecretError { verb: "read", what: "a secret of the platform", source }),
        }
    }

    /// The Secret of a claim.
    ///
    /// # Errors
    /// If the API server does not answer as it should.
    pub async fn own(&self, namespace: &str, name: &str) -> Result<Option<Secret>, SecretError> {
        let found = self.api(Some(namespace)).get_opt(name).await;
        found.map_err(|source| SecretError { verb: "read", what: OWN, source })
    }

    /// Creates a claim's Secret. One that has the name by then is left as it is.
    ///
    /// # Errors
    /// If the API server does not answer as it should.
    pub async fn create(&self, secret: &Secret) -> Result<Written, SecretError> {
        let params = PostParams { field_manager: Some(self.manager.to_owned()), ..PostParams::default() };
        written(self.api(secret.metadata.namespace.as_deref()).create(&params, secret).await)
    }

    /// Writes `patch`, a merge patch, to a claim's Secret.
    ///
    /// # Errors
    /// If the API server does not answer as it should.
    pub async fn patch(&self, live: &Secret, patch: Map<String, Value>) -> Result<Written, SecretError> {
        let name = live.metadata.name.as_deref().unwrap_or_default();
        let params = PatchParams { field_manager: Some(self.manager.to_owned()), ..PatchParams::default() };
        let api = self.api(live.metadata.namespace.as_deref());
        written(api.patch(name, &params, &Patch::Merge(patch)).await)
    }

    fn api(&self, namespace: Option<&str>) -> Api<Secret> {
        Api::namespaced(self.client.clone(), namespace.unwrap_or_default())
    }
}

fn written(result: Result<Secret, kube::Error>) -> Result<Written, SecretError> {
    match result {
        Ok(secret) => Ok(Written::Secret(Box::new(secret))),
        Err(kube::Error::Api(status)) if status.is_forbidden() || status.is_invalid() => {
            Ok(Written::Refused(status.message.clone()))
        }
        Err(kube::Error::Api(status)) if status.code == 409 || status.is_not_found() => Ok(Written::Outdated),
        Err(source) => Err(SecretError { verb: "write", what: OWN, source }),
    }
}

/// What `live` lacks of `marks`, `annotations` and `data`, as a merge patch for the version that was read.
pub fn lacking(
    live: &Secret,
    marks: &Marks,
    annotations: BTreeMap<String, String>,
    data: BTreeMap<String, ByteString>,
) -> Option<Map<String, Value>> {
    let mut metadata = marks.missing_on(&live.metadata).unwrap_or_default();
    let present = live.metadata.annotations.as_ref();
    let lacking: Map<String, Value> = annotations
        .into_iter()
        .filter(|(key, value)| present.and_then(|present| present.get(key)) != Some(value))
        .map(|(key, value)| (key, value.into()))
        .collect();
    if !lacking.is_empty() {
        let annotations = metadata.entry("annotations").or_insert_with(|| json!({}));
        annotations.as_object_mut().into_iter().for_each(|annotations| annotations.extend(lacking.clone()));
    }
    let held = |key: &str| live.data.as_ref().and_then(|data| data.get(key));
    let wanted = data.into_iter().filter(|(key, value)| held(key) != Some(value));
    let data: Map<String, Value> = wanted.map(|(key, value)| (key, json!(value))).collect();
    if metadata.is_empty() && data.is_empty() {
        return None;
    }
    let mut patch = guarded(metadata, &live.metadata);
    if !data.is_empty() {
        patch.insert("data".to_owned(), Value::Object(data));
    }
    Some(patch)
}

/// The text in `key` of `secret`, if there is any. What surrounds it by accident, such as the end of a line, is no part.
pub fn text(secret: &Secret, key: &str) -> Option<String> {
    let ByteString(value) = secret.data.as_ref()?.get(key)?;
    let text = std::str::from_utf8(value).ok()?.trim_end_matches(['\r', '\n']);
    (!text.is_empty()).then(|| text.to_owned())
}
