//! The Secret with the credentials.

use k8s_openapi::{ByteString, api::core::v1::Secret};
use provisioner_kit::guarded;
use serde_json::{Map, Value, json};

use super::Kept;
use crate::{
    credentials::{Credentials, KEY_PASSWORD},
    validate::Database,
};

pub(super) fn build(database: &Database, live: Option<&Secret>) -> Kept<Secret> {
    match (live, &database.credentials) {
        (Some(live), Some(credentials)) => keep(database, live, credentials),
        _ => Kept::Create(new(database)),
    }
}

fn new(database: &Database) -> Secret {
    Secret {
        metadata: database.marks.metadata(&database.names.namespace, &database.names.secret),
        type_: Some("Opaque".to_owned()),
        ..Secret::default()
    }
}

fn keep(database: &Database, live: &Secret, credentials: &Credentials) -> Kept<Secret> {
    let marks = database.marks.missing_on(&live.metadata);
    let data = missing_data(credentials, live);
    if marks.is_none() && data.is_empty() {
        return Kept::Unchanged(live.clone());
    }
    let mut patch = guarded(marks.unwrap_or_default(), &live.metadata);
    if !data.is_empty() {
        patch.insert("data".to_owned(), Value::Object(data));
    }
    Kept::Patch(live.clone(), patch)
}

/// What follows from the password but does not stand in the Secret: the password itself is never written again.
fn missing_data(credentials: &Credentials, live: &Secret) -> Map<String, Value> {
    let live_value = |key: &str| live.data.as_ref().and_then(|data| data.get(key));
    let wanted = credentials.data().into_iter().filter(|(key, _)| key != KEY_PASSWORD);
    let missing = wanted.filter(|(key, value): &(String, ByteString)| live_value(key) != Some(value));
    missing.map(|(key, value)| (key, json!(value))).collect()
}
