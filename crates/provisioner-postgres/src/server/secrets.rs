//! What a claim's Secret should hold, and what it lacks. Pure.

use k8s_openapi::api::core::v1::Secret;
use provisioner_kit::{Marks, lacking};
use serde_json::{Map, Value, json};

use super::{record::Record, settings::ServerSettings};
use crate::names::Names;

/// The claim's Secret with `record`, to be created.
pub fn build(names: &Names, marks: &Marks, record: &Record, settings: &ServerSettings) -> Secret {
    let mut metadata = marks.metadata(&names.namespace, &names.secret);
    metadata.annotations.get_or_insert_default().extend(record.annotations(settings));
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
    lacking(live, marks, record.annotations(settings), record.data(settings))
}

/// As [`missing`], where `record` has the place of another one: what `live` holds of logins that are gone is removed.
/// Those that are `present` may still have clients.
pub fn replacing(
    live: &Secret,
    marks: &Marks,
    record: &Record,
    settings: &ServerSettings,
    present: &[u32],
) -> Option<Map<String, Value>> {
    let mut patch = missing(live, marks, record, settings)?;
    if let Some(data) = patch.entry("data").or_insert_with(|| json!({})).as_object_mut() {
        data.extend(record.stale_keys(live, present).into_iter().map(|key| (key, Value::Null)));
    }
    Some(patch)
}
