//! Putting values on top of each other.

use api_types::OpenObject;
use serde_json::{Map, Value};

/// `below` with `above` on top: maps are merged key by key, anything else of `above` replaces what is below it.
pub fn merged(mut below: OpenObject, above: OpenObject) -> OpenObject {
    merge(&mut below.0, above.0);
    below
}

fn merge(below: &mut Map<String, Value>, above: Map<String, Value>) {
    for (key, value) in above {
        match (below.get_mut(&key), value) {
            (Some(Value::Object(below)), Value::Object(above)) => merge(below, above),
            (_, value) => drop(below.insert(key, value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    #[test]
    fn maps_are_merged_and_everything_else_is_replaced() {
        let below = from_value(json!({"a": {"b": 1, "c": [1, 2]}, "d": 1, "e": {"f": 1}})).unwrap();
        let above = from_value(json!({"a": {"c": [3], "g": 2}, "d": {"x": 1}, "e": 5})).unwrap();
        let expected = json!({"a": {"b": 1, "c": [3], "g": 2}, "d": {"x": 1}, "e": 5});
        assert_eq!(Value::Object(merged(below, above).0), expected);
    }
}
