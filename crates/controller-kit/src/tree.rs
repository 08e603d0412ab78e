//! JSON of whatever depth.

use std::{cell::Cell, fmt};

use serde::{
    Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};

/// How many maps and lists of an object may lie within each other. The parser gives up a whole list or event at 128,
/// and what is written of an object elsewhere may lie a few levels deeper there.
pub(crate) const LEVELS: usize = 100;

/// An object as it was read, without its managedFields: nobody reads them, and they lie deeper than what they are about.
pub(crate) struct Read {
    pub(crate) value: Value,
    /// Whether what lay deeper than [`LEVELS`] was left out. To skip it takes no stack, however deep it is.
    pub(crate) is_cut: bool,
}

/// Reads an object.
pub(crate) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Read, D::Error> {
    let is_cut = Cell::new(false);
    let tree = Tree { levels: LEVELS, is_metadata: false, is_cut: &is_cut };
    let value = tree.deserialize(deserializer)?;
    Ok(Read { value, is_cut: is_cut.get() })
}

/// What may still lie within each other.
#[derive(Clone, Copy)]
struct Tree<'a> {
    levels: usize,
    /// Whether this is the metadata of the object.
    is_metadata: bool,
    is_cut: &'a Cell<bool>,
}

impl Tree<'_> {
    /// What lies in this; none if that is too deep.
    fn within(self, key: &str) -> Option<Self> {
        let is_metadata = self.levels == LEVELS && key == "metadata";
        let within = self.levels.checked_sub(1).map(|levels| Self { levels, is_metadata, ..self });
        self.is_cut.set(self.is_cut.get() || within.is_none());
        within
    }
}

impl<'de> DeserializeSeed<'de> for Tree<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Tree<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        let Some(within) = self.within("") else {
            while items.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(list.into());
        };
        while let Some(item) = items.next_element_seed(within)? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            match self.within(&key) {
                Some(within) if !(self.is_metadata && key == "managedFields") => {
                    let value = entries.next_value_seed(within)?;
                    map.insert(key, value);
                }
                _ => {
                    entries.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(map.into())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read_text(text: &str) -> Read {
        read(&mut serde_json::Deserializer::from_str(text)).unwrap()
    }

    #[test]
    fn what_is_not_too_deep_is_read_as_it_is() {
        let object = json!({"a": [1, -1, 0.5, true, null, "text", {"b": []}], "managedFields": {}});
        let found = read_text(&object.to_string());
        assert_eq!((found.value, found.is_cut), (object, false));
    }

    #[test]
    fn what_is_too_deep_is_left_out_and_said_to_be() {
        for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
            let nested = |levels| format!("{}0{}", open.repeat(levels), close.repeat(levels));
            assert!(!read_text(&nested(LEVELS)).is_cut);
            assert!(read_text(&nested(LEVELS + 1)).is_cut);
            assert!(read_text(&format!(r#"{{"a": {}, "b": 1}}"#, nested(100_000))).is_cut);
        }
    }

    #[test]
    fn managed_fields_are_not_read() {
        let deep = format!("{}0{}", "[".repeat(150), "]".repeat(150));
        let text = format!(r#"{{"metadata": {{"name": "a", "managedFields": {deep}}}}}"#);
        let found = read_text(&text);
        assert_eq!((found.value, found.is_cut), (json!({"metadata": {"name": "a"}}), false));
    }
}
