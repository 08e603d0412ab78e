//! Reads and writes the Secrets: the platform's, by the names in the class, and the claim's own.

use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{
    Api, Client,
    api::{Patch, PatchParams, PostParams},
};
use provisioner_kit::{Marks, guarded};
use serde_json::{Map, Value, json};

use super::{record::Record, settings::ServerSettings};
use crate::{NAME, names::Names};

/// The API server did not answer as it should.
#[derive(Debug, thiserror::Error)]
#[error("failed to {verb} the {what} of the claim")]
pub struct Error {
    verb: &'static str,
    what: &'static str,
    source: kube::Error,
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

/// The platform's Secret `name` in `namespace`.
///
/// # Errors
/// If the API server does not answer as it should.
pub async fn given(client: &Client, namespace: &str, name: &str) -> Result<Given, Error> {
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    match api.get_opt(name).await {
        Ok(Some(secret)) => Ok(Given::Secret(Box::new(secret))),
        Ok(None) => Ok(Given::Missing),
        Err(kube::Error::Api(status)) if status.is_forbidden() => Ok(Given::Forbidden),
        Err(source) => Err(Error { verb: "read", what: "server's credentials", source }),
    }
}

/// The claim's own Secret.
///
/// # Errors
/// If the API server does not answer as it should.
pub async fn own(client: &Client, names: &Names) -> Result<Option<Secret>, Error> {
    let api: Api<Secret> = Api::namespaced(client.clone(), &names.namespace);
    api.get_opt(&names.secret).await.map_err(|source| Error { verb: "read", what: "credentials", source })
}

/// The text in `key` of `secret`, if there is any. What surrounds it by accident, such as the end of a line, is no part.
pub fn text(secret: &Secret, key: &str) -> Option<String> {
    let ByteString(value) = secret.data.as_ref()?.get(key)?;
    let text = std::str::from_utf8(value).ok()?.trim_end_matches(['\r', '\n']);
    (!text.is_empty()).then(|| text.to_owned())
}

/// The claim's Secret with `record`, to be created.
pub fn build(names: &Names, marks: &Marks, record: &Record, settings: &ServerSettings) -> Secret {
    let mut metadata = marks.metadata(&names.namespace, &names.secret);
    metadata.annotations.get_or_insert_default().extend(record.annotations());
    Secret {
        metadata,
        type_: Some("Opaque".to_owned()),
        data: Some(record.data(settings)),
        ..Secret::default()
    }
}

/// What `live` lacks of `marks` and `record`, as a merge patch for the version that was read.
pub fn missing(
    live: &Secret,
    marks: &Marks,
    record: &Record,
    settings: &ServerSettings,
) -> Option<Map<String, Value>> {
    let mut metadata = marks.missing_on(&live.metadata).unwrap_or_default();
    let present = live.metadata.annotations.as_ref();
    let lacking = record.annotations().into_iter();
    let lacking: Map<String, Value> = lacking
        .filter(|(key, value)| present.and_then(|present| present.get(key)) != Some(value))
        .map(|(key, value)| (key, value.into()))
        .collect();
    if !lacking.is_empty() {
        let annotations = metadata.entry("annotations").or_insert_with(|| json!({}));
        annotations.as_object_mut().into_iter().for_each(|annotations| annotations.extend(lacking.clone()));
    }
    let held = |key: &str| live.data.as_ref().and_then(|data| data.get(key));
    let wanted = record.data(settings).into_iter().filter(|(key, value)| held(key) != Some(value));
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

/// Creates the claim's Secret. One that has the name by then is left as it is.
///
/// # Errors
/// If the API server does not answer as it should.
pub async fn create(client: &Client, secret: &Secret) -> Result<Written, Error> {
    let api = api(client, secret);
    let params = PostParams { field_manager: Some(NAME.to_owned()), ..PostParams::default() };
    written(api.create(&params, secret).await)
}

/// Writes `patch` to the claim's Secret.
///
/// # Errors
/// If the API server does not answer as it should.
pub async fn patch(client: &Client, live: &Secret, patch: Map<String, Value>) -> Result<Written, Error> {
    let name = live.metadata.name.as_deref().unwrap_or_default();
    let params = PatchParams { field_manager: Some(NAME.to_owned()), ..PatchParams::default() };
    written(api(client, live).patch(name, &params, &Patch::Merge(patch)).await)
}

fn api(client: &Client, secret: &Secret) -> Api<Secret> {
    Api::namespaced(client.clone(), secret.metadata.namespace.as_deref().unwrap_or_default())
}

fn written(result: Result<Secret, kube::Error>) -> Result<Written, Error> {
    match result {
        Ok(secret) => Ok(Written::Secret(Box::new(secret))),
        Err(kube::Error::Api(status)) if status.is_forbidden() || status.is_invalid() => {
            Ok(Written::Refused(status.message.clone()))
        }
        Err(kube::Error::Api(status)) if status.code == 409 || status.is_not_found() => Ok(Written::Outdated),
        Err(source) => Err(Error { verb: "write", what: "credentials", source }),
    }
}
