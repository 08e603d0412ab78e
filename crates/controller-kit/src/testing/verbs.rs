//! What each verb does to the store.

use std::collections::HashMap;

use json_patch::{Patch, PatchOperation};
use serde_json::{Value, json};

use super::{
    answer::{Answer, Outcome},
    merge, names,
    selector::Selector,
    store::{Change, Key, Store},
};
use crate::path::ApiPath;

/// A request, taken apart.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) method: String,
    pub(super) path: ApiPath,
    pub(super) query: HashMap<String, String>,
    pub(super) content_type: String,
    pub(super) body: Value,
}

impl Call {
    fn key(&self, name: &str) -> Key {
        Key {
            resource: self.path.resource(),
            namespace: self.path.namespace.clone().unwrap_or_default(),
            name: name.to_owned(),
        }
    }

    fn is_status(&self) -> bool {
        self.path.subresource.as_deref() == Some("status")
    }

    pub(super) fn selector(&self) -> Selector {
        let parameter = |name: &str| self.query.get(name).cloned();
        Selector::new(parameter("labelSelector"), parameter("fieldSelector"))
    }

    fn api_version(&self) -> String {
        format!("{}/{}", self.path.group, self.path.version).trim_start_matches('/').to_owned()
    }
}

/// Does what `call` asks for. Watches are not for here: they wait.
pub(super) fn perform(store: &mut Store, call: &Call) -> Outcome {
    match (call.method.as_str(), call.path.name.as_deref()) {
        ("GET", None) => Ok(list(store, call)),
        ("GET", Some(name)) => existing(store, &call.key(name)).map(|object| Answer::ok(&object)),
        ("POST", None) => create(store, call),
        ("PUT", Some(name)) => replace(store, call, &call.key(name)),
        ("PATCH", Some(name)) => patch(store, call, &call.key(name)),
        ("DELETE", Some(name)) => delete(store, call, &call.key(name)),
        (method, _) => {
            Err(Answer::failure(405, "MethodNotAllowed", format!("{method} is not supported here")))
        }
    }
}

fn existing(store: &Store, key: &Key) -> Result<Value, Answer> {
    store.get(key).cloned().ok_or_else(|| Answer::not_found(&format!("{} {:?}", key.resource, key.name)))
}

fn list(store: &Store, call: &Call) -> Answer {
    let (resource, selector) = (call.path.resource(), call.selector());
    let objects = store.list(&resource, call.path.namespace.as_deref());
    let items: Vec<_> = objects.filter(|object| selector.matches(object)).collect();
    let kind = items.first().and_then(|item| item["kind"].as_str()).unwrap_or("Object");
    Answer::ok(&json!({
        "apiVersion": call.api_version(), "kind": format!("{kind}List"),
        "metadata": {"resourceVersion": store.version().to_string()}, "items": items,
    }))
}

fn create(store: &mut Store, call: &Call) -> Outcome {
    let metadata = &call.body["metadata"];
    let generated = || Some(format!("{}{:05}", metadata["generateName"].as_str()?, store.version() + 1));
    let name = metadata["name"].as_str().map(str::to_owned).or_else(generated);
    let key = call.key(&name.ok_or_else(|| Answer::invalid("metadata.name: Required value"))?);
    if store.get(&key).is_some() {
        return Err(Answer::failure(
            409,
            "AlreadyExists",
            format!("{} {:?} already exists", key.resource, key.name),
        ));
    }
    admit(&key, &call.body)?;
    Ok(Answer::of(201, &store.save(&key, without_status(call.body.clone()))))
}

fn replace(store: &mut Store, call: &Call, key: &Key) -> Outcome {
    let old = existing(store, key)?;
    unchanged_since(&old, &call.body)?;
    admit(key, &call.body)?;
    Ok(Answer::ok(&store.save(key, routed(call, &old, call.body.clone()))))
}

fn patch(store: &mut Store, call: &Call, key: &Key) -> Outcome {
    if call.content_type.starts_with("application/apply-patch") {
        return apply(store, call, key);
    }
    let old = existing(store, key)?;
    let mut new = old.clone();
    if call.content_type.starts_with("application/json-patch") {
        json_patch(&mut new, &call.body)?;
    } else {
        unchanged_since(&old, &call.body)?;
        json_patch::merge(&mut new, &call.body);
    }
    admit(key, &new)?;
    Ok(Answer::ok(&store.save(key, routed(call, &old, new))))
}

/// As the real one does, a test for null succeeds where there is nothing.
fn json_patch(object: &mut Value, body: &Value) -> Result<(), Answer> {
    let mut patch: Patch =
        serde_json::from_value(body.clone()).map_err(|error| bad_request(error.to_string()))?;
    patch.0.retain(|operation| match operation {
        PatchOperation::Test(test) => !test.value.is_null() || object.pointer(test.path.as_str()).is_some(),
        _ => true,
    });
    json_patch::patch(object, &patch).map_err(|error| Answer::invalid(error.to_string()))
}

/// Server-side apply creates what does not exist, unless it knows a uid or is about the status.
fn apply(store: &mut Store, call: &Call, key: &Key) -> Outcome {
    let manager = call
        .query
        .get("fieldManager")
        .ok_or_else(|| bad_request("fieldManager is required for apply patch"))?;
    if call.body["apiVersion"] != call.api_version() || !call.body["kind"].is_string() {
        return Err(bad_request("apiVersion and kind must be those of the path"));
    }
    let old = store.get(key).cloned();
    if old.is_none() && call.is_status() {
        return existing(store, key).map(|object| Answer::ok(&object));
    }
    let base = old.clone().unwrap_or_else(|| json!({}));
    match &old {
        Some(old) => unchanged_since(old, &call.body)?,
        None => meant_for_none(&call.body)?,
    }
    admit(key, &call.body)?;
    let (manager, document) =
        (format!("{manager}/{}", call.path.subresource.as_deref().unwrap_or_default()), document(call));
    let mut new = base.clone();
    merge::apply(&mut new, &store.applied(key, &manager), &document);
    // What one manager gives up stays as long as another wants it.
    store.applied_by_others(key, &manager).for_each(|theirs| merge::fill(&mut new, theirs));
    let saved = store.save(key, routed(call, &base, new));
    store.set_applied(key, &manager, document);
    Ok(Answer::of(if old.is_some() { 200 } else { 201 }, &saved))
}

/// What of an apply counts: not what only identifies the object, and the status only where it belongs.
fn document(call: &Call) -> Value {
    let mut document = if call.is_status() { call.body.clone() } else { without_status(call.body.clone()) };
    if let Some(metadata) = document["metadata"].as_object_mut() {
        metadata.retain(|field, _| !["uid", "resourceVersion"].contains(&field.as_str()));
    }
    document
}

fn delete(store: &mut Store, call: &Call, key: &Key) -> Outcome {
    let old = existing(store, key)?;
    unchanged_since(&old, &json!({"metadata": call.body["preconditions"]}))?;
    if call.body["propagationPolicy"] == "Foreground" {
        store.await_dependents(key);
    }
    let object = store.delete(key).ok_or_else(|| Answer::not_found(&key.name))?;
    Ok(Answer::ok(&object))
}

/// Refuses what was meant for another object or another version of it.
fn unchanged_since(old: &Value, new: &Value) -> Result<(), Answer> {
    for field in ["uid", "resourceVersion"] {
        let (now, meant) = (&old["metadata"][field], &new["metadata"][field]);
        if !meant.is_null() && now != meant {
            return Err(Answer::conflict(format!(
                "Precondition failed: {field}: {meant} was meant, but it is {now}"
            )));
        }
    }
    Ok(())
}

/// Refuses to create what was meant for an object that exists. A resourceVersion alone, as in the real one, says
/// nothing where there is no object.
fn meant_for_none(new: &Value) -> Result<(), Answer> {
    unchanged_since(&Value::Null, &json!({"metadata": {"uid": new["metadata"]["uid"]}}))
}

/// `new`, as far as its path may change it: only the status, or all but the status.
fn routed(call: &Call, old: &Value, new: Value) -> Value {
    let (mut target, source) = if call.is_status() { (old.clone(), &new) } else { (new.clone(), old) };
    match source.get("status") {
        Some(status) => target["status"] = status.clone(),
        None => target = without_status(target),
    }
    target
}

fn without_status(mut object: Value) -> Value {
    if let Value::Object(fields) = &mut object {
        fields.remove("status");
    }
    object
}

fn admit(key: &Key, object: &Value) -> Result<(), Answer> {
    let plural = key.resource.split('.').next().unwrap_or_default();
    names::check(plural, &key.name).map_err(Answer::invalid)?;
    if object["metadata"]["name"].as_str().is_some_and(|name| name != key.name) {
        return Err(bad_request("the name of the object is not that of the path"));
    }
    let labels = object["metadata"]["labels"].as_object();
    labels.into_iter().flatten().try_for_each(|(key, value)| {
        names::check_label(key, value.as_str().unwrap_or_default()).map_err(Answer::invalid)
    })
}

fn bad_request(message: impl Into<String>) -> Answer {
    Answer::failure(400, "BadRequest", message)
}

/// The answer to a watch so far; None if there is nothing to tell yet.
pub(super) fn watch(store: &Store, call: &Call) -> Option<Answer> {
    let (resource, selector) = (call.path.resource(), call.selector());
    let since =
        call.query.get("resourceVersion").and_then(|version| version.parse().ok()).unwrap_or_default();
    if since < store.compacted() {
        return Some(expired());
    }
    let changes = store.changes(&resource, call.path.namespace.as_deref(), since);
    // The type first, as the real one has it: a client must not have to keep the object until it knows the type.
    let event = |change: &Change| format!("{{\"type\":\"{}\",\"object\":{}}}\n", change.event, change.object);
    let lines: String = changes.filter(|change| selector.matches(&change.object)).map(event).collect();
    (!lines.is_empty()).then(|| Answer { code: 200, body: lines.into_bytes() })
}

/// What a watch answers whose version the server has forgotten.
pub(super) fn expired() -> Answer {
    let status = json!({
        "apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure",
        "code": 410, "reason": "Expired", "message": "too old resource version",
    });
    Answer { code: 200, body: (json!({"type": "ERROR", "object": status}).to_string() + "\n").into_bytes() }
}
