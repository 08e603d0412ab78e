//! Step 4: the object that is to be written for a manifest. Pure.

use k8s_openapi::{ByteString, api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::core::{DynamicObject, TypeMeta};
use provisioner_kit::Marks;
use resource_template::Manifest;
use serde_json::{Map, Value, json};

use crate::generate::Values;

/// The object of `manifest` with `marks`, and in a Secret with `values`. None if one of these is not there.
pub fn object(manifest: &Manifest, namespace: &str, marks: &Marks, values: &Values) -> Option<DynamicObject> {
    let metadata = ObjectMeta {
        labels: Some(manifest.labels.clone().into_iter().chain(marks.labels.clone()).collect()),
        annotations: Some(
            manifest.annotations.clone().into_iter().chain(marks.annotations.clone()).collect(),
        ),
        ..marks.metadata(namespace, manifest.place.name.as_str())
    };
    let mut fields = manifest.fields.clone();
    for (key, parts) in &manifest.secret {
        let data = fields.entry("data").or_insert_with(|| Map::new().into());
        data[key] = json!(values.join(parts)?);
    }
    let kind = &manifest.place.kind;
    Some(DynamicObject {
        types: Some(TypeMeta { api_version: kind.api_version().to_owned(), kind: kind.kind().to_owned() }),
        metadata,
        data: Value::Object(fields),
    })
}

/// What a Secret holds under `key`.
pub fn held<'a>(secret: &'a Secret, key: &str) -> Option<&'a ByteString> {
    secret.data.as_ref()?.get(key)
}
