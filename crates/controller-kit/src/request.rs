//! Requests about one object, whatever the scope of its kind.

use http::Request as HttpRequest;
use kube::{
    Resource, ResourceExt as _,
    api::{DeleteParams, Patch, PatchParams, Preconditions, PropagationPolicy},
    core::Request,
};
use serde_json::Value;

type Built = Result<HttpRequest<Vec<u8>>, kube::Error>;

/// A forced server-side apply of `body`, which holds apiVersion, kind and name.
pub(crate) fn apply<K: Resource>(kind: &K::DynamicType, object: &K, manager: &str, body: &Value) -> Built {
    let parameters = PatchParams::apply(manager).force();
    paths(kind, object)
        .patch(&object.name_any(), &parameters, &Patch::Apply(body))
        .map(readable_as_yaml)
        .map_err(kube::Error::BuildRequest)
}

/// Likewise, of the status subresource.
pub(crate) fn apply_status<K: Resource<DynamicType = ()>>(object: &K, manager: &str, body: &Value) -> Built {
    let parameters = PatchParams::apply(manager).force();
    paths(&(), object)
        .patch_subresource("status", &object.name_any(), &parameters, &Patch::Apply(body))
        .map(readable_as_yaml)
        .map_err(kube::Error::BuildRequest)
}

/// A merge of `body` into `object`.
pub(crate) fn merge<K: Resource<DynamicType = ()>>(object: &K, manager: &str, body: &Value) -> Built {
    let parameters = PatchParams { field_manager: Some(manager.to_owned()), ..PatchParams::default() };
    paths(&(), object)
        .patch(&object.name_any(), &parameters, &Patch::Merge(body))
        .map_err(kube::Error::BuildRequest)
}

/// A deletion of exactly this object, not of one that has its name by now, along with what it owns, as `policy` says.
/// `version`, if given, is the only one that is deleted.
pub(crate) fn delete<K: Resource>(
    kind: &K::DynamicType,
    object: &K,
    policy: PropagationPolicy,
    version: Option<String>,
) -> Built {
    let parameters = DeleteParams {
        propagation_policy: Some(policy),
        preconditions: Some(Preconditions { uid: object.uid(), resource_version: version }),
        ..DeleteParams::default()
    };
    paths(kind, object).delete(&object.name_any(), &parameters).map_err(kube::Error::BuildRequest)
}

/// The API server reads what is applied as YAML, which is stricter than JSON about the characters that may stand in a
/// string, and takes some for ends of lines. Escaped they are the same to both.
fn readable_as_yaml(request: HttpRequest<Vec<u8>>) -> HttpRequest<Vec<u8>> {
    request.map(|body| match String::from_utf8(body) {
        Ok(json) if json.contains(is_special_in_yaml) => escaped(&json).into_bytes(),
        Ok(json) => json.into_bytes(),
        Err(error) => error.into_bytes(),
    })
}

/// Controls, ends of lines, the byte order mark, and what is no character.
fn is_special_in_yaml(character: char) -> bool {
    matches!(character, '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// The same JSON: outside of strings there are no such characters.
fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        if is_special_in_yaml(character) {
            text.push_str(&format!("\\u{:04x}", u32::from(character)));
        } else {
            text.push(character);
        }
    }
    text
}

fn paths<K: Resource>(kind: &K::DynamicType, object: &K) -> Request {
    Request::new(K::url_path(kind, object.namespace().as_deref()))
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_yaml_cannot_hold_is_escaped_and_means_the_same() {
        let text = "a\u{7f}\u{85}\u{9f}\u{a0}\u{2028}\u{2029}\u{feff}\u{ffff}\u{1f600}é\n";
        let body = json!({"metadata": {"name": "it"}, "data": {"text": text}});
        let object = serde_json::from_value::<ConfigMap>(body.clone()).unwrap();
        let request = apply(&(), &object, "test", &body).unwrap();
        let sent = std::str::from_utf8(request.body()).unwrap();
        assert!(!sent.contains(is_special_in_yaml), "{sent:?}");
        assert_eq!(serde_json::from_str::<Value>(sent).unwrap(), body);
        assert!(sent.contains('\u{1f600}') && sent.contains('\u{a0}'), "{sent:?}");
    }
}
