//! Whether a live object still holds everything that was applied to it.
//!
//! Others add to an object: the API server its defaults, webhooks a container, a controller a port number. So a live
//! object may hold more than the desired one, but nothing else instead.

use quantity::Quantity;
use serde_json::{Map, Value};

/// What identifies an item of a list, in the order in which it is tried: the keys of Kubernetes' own list-maps.
const KEYS: [&[&str]; 8] = [
    &["uid"],
    &["mountPath"],
    &["name"],
    &["key"],
    &["type"],
    &["containerPort", "protocol"],
    &["port", "protocol"],
    &["topologyKey", "whenUnsatisfiable"],
];

/// Where keys are the user's and an empty text is a value, so that its absence is a difference.
const TEXT_MAPS: [&str; 6] = ["annotations", "binaryData", "data", "labels", "matchLabels", "nodeSelector"];

/// Where values are quantities, which the API server rewrites in its own spelling.
const QUANTITIES: [&str; 8] =
    ["capacity", "default", "defaultRequest", "hard", "limits", "max", "requests", "sizeLimit"];

/// Lists that are sets: others may add to them.
const SETS: [&str; 1] = ["finalizers"];

/// Whether every field of `desired` stands in `live` with the same value.
pub(crate) fn holds(live: &Value, desired: &Value) -> bool {
    value_holds("", Some(live), desired)
}

/// `field` is the name of the nearest field above.
fn value_holds(field: &str, live: Option<&Value>, desired: &Value) -> bool {
    let Some(live) = live else { return is_zero(desired) };
    match (live, desired) {
        (Value::Object(live), Value::Object(desired)) => object_holds(field, live, desired),
        (Value::Array(live), Value::Array(desired)) => array_holds(field, live, desired),
        (live, desired) => live == desired || scalar_holds(field, live, desired),
    }
}

/// What the API server leaves out of its answer, and so cannot be told from absent.
fn is_zero(desired: &Value) -> bool {
    match desired {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) => false,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(is_zero),
    }
}

fn scalar_holds(field: &str, live: &Value, desired: &Value) -> bool {
    match (live, desired) {
        (Value::Null, desired) => is_zero(desired),
        (Value::Number(live), Value::Number(desired)) => live.as_f64() == desired.as_f64(),
        _ if QUANTITIES.contains(&field) => same_amount(&text(live), &text(desired)),
        _ => false,
    }
}

fn same_amount(live: &str, desired: &str) -> bool {
    live.parse::<Quantity>().is_ok_and(|live| desired.parse() == Ok(live))
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn object_holds(field: &str, live: &Map<String, Value>, desired: &Map<String, Value>) -> bool {
    desired.iter().all(|(key, desired)| {
        let live = live.get(key);
        let below = if QUANTITIES.contains(&field) { field } else { key };
        if TEXT_MAPS.contains(&field) && desired.is_string() {
            live == Some(desired)
        } else {
            value_holds(below, live, desired)
        }
    })
}

fn array_holds(field: &str, live: &[Value], desired: &[Value]) -> bool {
    if SETS.contains(&field) {
        return desired.iter().all(|item| live.contains(item));
    }
    if let Some(keys) = KEYS.into_iter().find(|keys| identify(keys, desired)) {
        return desired.iter().all(|item| {
            let twin = live.iter().find(|live| identity(keys, live) == identity(keys, item));
            twin.is_some_and(|twin| value_holds(field, Some(twin), item))
        });
    }
    live.len() == desired.len()
        && live.iter().zip(desired).all(|(live, desired)| value_holds(field, Some(live), desired))
}

/// Whether `keys` tell all `items` apart.
fn identify(keys: &[&str], items: &[Value]) -> bool {
    let mut seen: Vec<_> = Vec::with_capacity(items.len());
    !items.is_empty()
        && items.iter().all(|item| {
            let identity = identity(keys, item);
            let new = identity.is_some() && !seen.contains(&identity);
            seen.push(identity);
            new
        })
}

/// The values of `keys` in `item`, unless the first is absent. An absent protocol is TCP to the API server.
fn identity(keys: &[&str], item: &Value) -> Option<Vec<Value>> {
    item.get(keys.first()?)?;
    Some(keys.iter().map(|key| item.get(key).cloned().unwrap_or_else(|| default_of(key))).collect())
}

fn default_of(key: &str) -> Value {
    if key == "protocol" { "TCP".into() } else { Value::Null }
}

#[cfg(test)]
#[path = "subset_tests.rs"]
mod tests;
