//! Server-side apply, as far as a server without schemas can do it.

use serde_json::{Map, Value};

/// Applies `desired` to `object`: what the same manager set `before` and no longer wants goes, what it wants is set.
/// Objects are merged, everything else is replaced.
pub(super) fn apply(object: &mut Value, before: &Value, desired: &Value) {
    retract(object, before, desired);
    merge(object, desired);
}

fn retract(object: &mut Value, before: &Value, desired: &Value) {
    let (Value::Object(fields), Value::Object(before)) = (object, before) else { return };
    for (key, before) in before {
        match (fields.get_mut(key), desired.get(key)) {
            (Some(field), Some(desired)) => retract(field, before, desired),
            (Some(field), None) => {
                retract(field, before, &Value::Null);
                if !matches!(field, Value::Object(left) if before.is_object() && !left.is_empty()) {
                    fields.remove(key);
                }
            }
            (None, _) => {}
        }
    }
}

fn merge(object: &mut Value, desired: &Value) {
    let Value::Object(desired) = desired else {
        *object = desired.clone();
        return;
    };
    if !object.is_object() {
        *object = Map::new().into();
    }
    if let Value::Object(fields) = object {
        for (key, desired) in desired {
            merge(fields.entry(key).or_insert(Value::Null), desired);
        }
    }
}

/// Adds to `object` what of `wanted` it lacks.
pub(super) fn fill(object: &mut Value, wanted: &Value) {
    let (Value::Object(fields), Value::Object(wanted)) = (object, wanted) else { return };
    for (key, wanted) in wanted {
        fill(fields.entry(key).or_insert_with(|| wanted.clone()), wanted);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn applied(mut object: Value, before: &Value, desired: &Value) -> Value {
        apply(&mut object, before, desired);
        object
    }

    #[test]
    fn what_others_set_stays() {
        let object = json!({"spec": {"ours": 1, "theirs": 2}});
        assert_eq!(
            applied(object, &json!({"spec": {"ours": 1}}), &json!({"spec": {"ours": 3}})),
            json!({"spec": {"ours": 3, "theirs": 2}})
        );
    }

    #[test]
    fn what_is_no_longer_wanted_goes() {
        let object = json!({"data": {"old": "1", "kept": "2"}, "more": {"a": 1}});
        let before = json!({"data": {"old": "1", "kept": "2"}, "more": {"a": 1}});
        assert_eq!(applied(object, &before, &json!({"data": {"kept": "2"}})), json!({"data": {"kept": "2"}}));
    }

    #[test]
    fn a_map_that_others_share_outlives_our_part() {
        let object = json!({"labels": {"ours": "1", "theirs": "2"}});
        assert_eq!(
            applied(object, &json!({"labels": {"ours": "1"}}), &json!({})),
            json!({"labels": {"theirs": "2"}})
        );
    }

    #[test]
    fn lists_are_replaced() {
        assert_eq!(applied(json!({"l": [1, 2]}), &json!({}), &json!({"l": [3]})), json!({"l": [3]}));
    }
}
