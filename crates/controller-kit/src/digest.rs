//! The document that an object is applied as, and its digest.

use api_types::metadata::{ANNOTATION_APPLIED, ANNOTATION_TRACEPARENT};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// Removes from `metadata` what only the API server or this crate writes.
pub(crate) fn strip(metadata: &mut ObjectMeta) {
    metadata.managed_fields = None;
    metadata.resource_version = None;
    metadata.generation = None;
    metadata.creation_timestamp = None;
    metadata.uid = None;
    if let Some(annotations) = &mut metadata.annotations {
        annotations.remove(ANNOTATION_APPLIED);
        annotations.remove(ANNOTATION_TRACEPARENT);
    }
    metadata.annotations.take_if(|annotations| annotations.is_empty());
}

/// What is sent for `desired`: with apiVersion and kind, without status.
///
/// # Errors
/// If `desired` cannot be JSON, as with a map whose keys are not text.
pub(crate) fn document<K: Resource + Serialize>(
    kind: &K::DynamicType,
    desired: &K,
) -> Result<Value, serde_json::Error> {
    let mut document = serde_json::to_value(desired)?;
    if let Value::Object(fields) = &mut document {
        fields.insert("apiVersion".into(), K::api_version(kind).into());
        fields.insert("kind".into(), K::kind(kind).into());
        fields.remove("status");
        // To server-side apply a null is a claim to the field, not its absence.
        fields.retain(|_, field| !field.is_null());
    }
    Ok(document)
}

/// SHA-256 of the document, of which 16 hex digits are enough to see a change. Maps of `serde_json` are sorted, so
/// equal documents have equal digests.
pub(crate) fn digest(document: &Value) -> String {
    let hash = Sha256::digest(document.to_string());
    hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use api_types::{Workload, WorkloadSpec};
    use k8s_openapi::api::core::v1::{ConfigMap, Node};
    use serde_json::json;

    use super::*;

    fn digest_of(mut map: ConfigMap) -> String {
        strip(&mut map.metadata);
        digest(&document(&(), &map).unwrap())
    }

    fn map(value: Value) -> ConfigMap {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_digest_is_sixteen_hex_digits_of_sha_256() {
        // printf '{"a":1}' | sha256sum
        assert_eq!(digest(&json!({"a": 1})), "015abd7f5cc57a2d");
    }

    #[test]
    fn a_digest_does_not_depend_on_the_order_of_fields() {
        let one: Value = serde_json::from_str(r#"{"a": 1, "b": {"c": 2, "d": 3}}"#).unwrap();
        let two: Value = serde_json::from_str(r#"{"b": {"d": 3, "c": 2}, "a": 1}"#).unwrap();
        assert_eq!(digest(&one), digest(&two));
    }

    #[test]
    fn a_digest_sees_content_but_not_the_annotations_of_this_crate() {
        let plain = digest_of(map(json!({"metadata": {"name": "a"}, "data": {"k": "v"}})));
        let annotated = digest_of(map(json!({
            "metadata": {"name": "a", "annotations": {ANNOTATION_APPLIED: "x", ANNOTATION_TRACEPARENT: "y"}},
            "data": {"k": "v"},
        })));
        let changed = digest_of(map(json!({"metadata": {"name": "a"}, "data": {"k": "w"}})));
        assert_eq!(plain, annotated);
        assert_ne!(plain, changed);
    }

    #[test]
    fn other_annotations_count() {
        let plain = digest_of(map(json!({"metadata": {"name": "a"}})));
        let annotated = digest_of(map(json!({"metadata": {"name": "a", "annotations": {"team": "x"}}})));
        assert_ne!(plain, annotated);
    }

    #[test]
    fn a_document_names_its_kind_and_holds_no_status() {
        let mut workload = Workload::new("web", WorkloadSpec::default());
        workload.status = Some(Default::default());
        let document = document(&(), &workload).unwrap();
        assert_eq!(document["apiVersion"], "score.dev/v1b1");
        assert_eq!(document["kind"], "Workload");
        assert!(document.get("status").is_none());
        assert!(document["metadata"].get("creationTimestamp").is_none());

        let node = document_of_node();
        assert_eq!((&node["apiVersion"], &node["kind"]), (&json!("v1"), &json!("Node")));
    }

    fn document_of_node() -> Value {
        document(&(), &Node::default()).unwrap()
    }

    #[test]
    fn what_the_api_server_writes_is_not_sent_back() {
        let mut map = map(json!({"metadata": {
            "name": "a", "uid": "u", "resourceVersion": "7", "generation": 2,
            "creationTimestamp": "2026-01-01T00:00:00Z", "managedFields": [{"manager": "m"}],
        }}));
        strip(&mut map.metadata);
        assert_eq!(document(&(), &map).unwrap()["metadata"], json!({"name": "a"}));
    }
}
