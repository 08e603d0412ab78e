//! How a `merge` patch changes an object: RFC 7386 (a null deletes), with the items of Kubernetes' keyed lists found by
//! their keys instead of lists being replaced. Pure.
//!
//! The types of the Kubernetes client merge as well, but cannot tell a field that is left out from one that has its
//! default: a patch of `httpGet.path` would set `httpGet.port` to zero. So values are merged here, and the types check
//! the result.

use serde_json::{Map, Value};

/// In a keyed list, an item with this key stands for all that are there.
const EVERY: &str = "*";

/// In an item of a keyed list, `$patch: delete` removes the item.
const DIRECTIVE: &str = "$patch";

/// Lists whose items have an identity, and the fields that make it. All other lists are replaced as a whole.
const KEYED: &[(&str, &[&str])] = &[
    ("containers", &["name"]),
    ("env", &["name"]),
    ("ephemeralContainers", &["name"]),
    ("hostAliases", &["ip"]),
    ("imagePullSecrets", &["name"]),
    ("initContainers", &["name"]),
    ("ports", &["containerPort", "protocol"]),
    ("ports", &["port", "protocol"]),
    ("resourceClaims", &["name"]),
    ("topologySpreadConstraints", &["topologyKey", "whenUnsatisfiable"]),
    ("volumeDevices", &["devicePath"]),
    ("volumeMounts", &["mountPath"]),
    ("volumes", &["name"]),
];

/// Changes `object` by `patch`.
///
/// # Errors
/// If an item of a keyed list in `patch` has no key, or asks for what there is not.
pub(super) fn merge(object: &mut Value, patch: &Value) -> Result<(), String> {
    value("", object, patch)
}

/// `field` is the name under which the value stands.
fn value(field: &str, current: &mut Value, patch: &Value) -> Result<(), String> {
    match patch {
        Value::Object(patch) => fields(current, patch),
        Value::Array(patch) => list(field, current, patch),
        scalar => {
            *current = scalar.clone();
            Ok(())
        }
    }
}

fn fields(current: &mut Value, patch: &Map<String, Value>) -> Result<(), String> {
    if !current.is_object() {
        *current = Map::new().into();
    }
    let Value::Object(current) = current else { return Ok(()) };
    for (field, patch) in patch {
        if patch.is_null() {
            current.remove(field);
        } else {
            let slot = current.entry(field).or_insert(Value::Null);
            value(field, slot, patch).map_err(|why| below(field, &why))?;
        }
    }
    Ok(())
}

fn list(field: &str, current: &mut Value, patch: &[Value]) -> Result<(), String> {
    let Some(keys) = keys(field, patch)? else {
        *current = Value::Array(patch.iter().map(without_nulls).collect());
        return Ok(());
    };
    if !current.is_array() {
        *current = Value::Array(Vec::new());
    }
    let Value::Array(current) = current else { return Ok(()) };
    patch.iter().try_for_each(|patch| item(keys, current, patch))
}

/// The keys of the list, if it is one that has any.
fn keys(field: &str, patch: &[Value]) -> Result<Option<&'static [&'static str]>, String> {
    let mut candidates = KEYED.iter().filter(|(list, _)| *list == field).map(|(_, keys)| *keys).peekable();
    if candidates.peek().is_none() {
        return Ok(None);
    }
    let has =
        |keys: &[&str]| patch.iter().all(|item| keys.first().is_some_and(|key| item.get(key).is_some()));
    match candidates.find(|keys| has(keys)) {
        Some(keys) => Ok(Some(keys)),
        None => Err("every item needs the field by which it is found, such as its name".to_owned()),
    }
}

fn item(keys: &[&str], current: &mut Vec<Value>, patch: &Value) -> Result<(), String> {
    let every = keys.first().is_some_and(|key| patch[*key] == EVERY);
    let chosen = |item: &Value| every || identity(keys, item) == identity(keys, patch);
    match patch.get(DIRECTIVE).map(|directive| directive.as_str()) {
        Some(Some("delete")) => {
            current.retain(|item| !chosen(item));
            return Ok(());
        }
        Some(_) => return Err(format!("the only {DIRECTIVE} that is known is `delete`")),
        None => {}
    }
    let mut patch = patch.clone();
    if every && let Value::Object(patch) = &mut patch {
        keys.iter().for_each(|key| drop(patch.remove(*key)));
    }
    let mut found = current.iter_mut().filter(|item| chosen(item)).peekable();
    if found.peek().is_none() && !every {
        current.push(without_nulls(&patch));
        return Ok(());
    }
    found.try_for_each(|item| value("", item, &patch))
}

/// The values of `keys`. An absent protocol is TCP, as to the API server.
fn identity(keys: &[&str], item: &Value) -> Vec<Value> {
    let default = |key: &str| if key == "protocol" { "TCP".into() } else { Value::Null };
    keys.iter().map(|key| item.get(key).cloned().unwrap_or_else(|| default(key))).collect()
}

/// What a null would delete is not there in what is new.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let given = fields.iter().filter(|(_, value)| !value.is_null());
            given.map(|(field, value)| (field.clone(), without_nulls(value))).collect::<Map<_, _>>().into()
        }
        Value::Array(items) => items.iter().map(without_nulls).collect::<Vec<_>>().into(),
        scalar => scalar.clone(),
    }
}

fn below(field: &str, why: &str) -> String {
    match why.split_once(": ") {
        Some((path, rest)) if path.starts_with('/') => format!("/{field}{path}: {rest}"),
        _ => format!("/{field}: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::parse;

    fn merged(object: &str, patch: &str) -> Value {
        let mut object: Value = parse(object);
        merge(&mut object, &parse(patch)).unwrap();
        object
    }

    #[track_caller]
    fn assert_merged(object: &str, patch: &str, expected: &str) {
        assert_eq!(merged(object, patch), parse::<Value>(expected));
    }

    #[test]
    fn objects_are_merged_and_a_null_deletes() {
        assert_merged("{a: {b: 1, c: 2}, d: 3}", "{a: {b: null, e: 4}, d: null}", "{a: {c: 2, e: 4}}");
        assert_merged("{a: 1}", "{b: {c: null}}", "{a: 1, b: {}}");
        assert_merged("{a: [1, 2]}", "{a: [3]}", "{a: [3]}");
        assert_merged("{a: 1}", "{a: {b: 2}}", "{a: {b: 2}}");
    }

    #[test]
    fn items_of_keyed_lists_are_found_by_their_keys() {
        assert_merged(
            "{containers: [{name: web, image: w, env: [{name: A, value: a}]}]}",
            "{containers: [{name: proxy, image: p}, {name: web, env: [{name: B, value: b}]}]}",
            "{containers: [{name: web, image: w, env: [{name: A, value: a}, {name: B, value: b}]}, {name: proxy, image: p}]}",
        );
        assert_merged(
            "{ports: [{port: 53, protocol: UDP}, {port: 53, name: dns}]}",
            "{ports: [{port: 53, protocol: TCP, nodePort: 30053}]}",
            "{ports: [{port: 53, protocol: UDP}, {port: 53, name: dns, protocol: TCP, nodePort: 30053}]}",
        );
    }

    #[test]
    fn a_field_of_an_item_and_an_item_can_be_deleted() {
        assert_merged(
            "{containers: [{name: web, securityContext: {}, env: [{name: A}, {name: B}]}]}",
            "{containers: [{name: web, securityContext: null, env: [{name: A, $patch: delete}]}]}",
            "{containers: [{name: web, env: [{name: B}]}]}",
        );
    }

    #[test]
    fn a_star_is_every_item_that_is_there() {
        assert_merged(
            "{containers: [{name: a}, {name: b, securityContext: {x: 1}}]}",
            "{containers: [{name: '*', securityContext: {readOnlyRootFilesystem: true}}]}",
            "{containers: [{name: a, securityContext: {readOnlyRootFilesystem: true}}, \
             {name: b, securityContext: {x: 1, readOnlyRootFilesystem: true}}]}",
        );
        assert_merged("{}", "{initContainers: [{name: '*', tty: true}]}", "{initContainers: []}");
    }

    #[test]
    fn what_is_new_holds_no_null() {
        assert_merged(
            "{}",
            "{volumes: [{name: a, emptyDir: {}, csi: null}]}",
            "{volumes: [{name: a, emptyDir: {}}]}",
        );
    }

    #[test]
    fn an_item_without_its_key_is_refused_with_its_place() {
        let mut object: Value = parse("{spec: {containers: [{name: web}]}}");
        let error = merge(&mut object, &parse("{spec: {containers: [{image: x}]}}")).unwrap_err();
        assert!(error.starts_with("/spec/containers: every item needs"), "{error}");
        let error =
            merge(&mut object, &parse("{spec: {containers: [{name: web, $patch: replace}]}}")).unwrap_err();
        assert!(error.starts_with("/spec/containers: the only $patch"), "{error}");
    }
}
