//! Reading YAML without losing where things stand.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Number;
use serde_saphyr::{DuplicateKeyPolicy, Options, Spanned, options};

use crate::node::{Map, Node, Place, Tree};

/// The documents of a text, without empty ones. Aliases and merge keys are resolved.
///
/// # Errors
/// The line, if it is known, and what is not YAML there. Equal keys in one map are an error.
pub(crate) fn documents(text: &str) -> Result<Vec<Node>, (Option<u64>, String)> {
    let documents: Vec<Spanned<Raw>> = serde_saphyr::from_multiple_with_options(text, as_score_reads())
        .map_err(|error| {
            let line = error.location().map(|location| location.line()).filter(|&line| line > 0);
            (line, format!("is not valid YAML: {error}"))
        })?;
    let root = |line| Place { line, path: String::new() };
    Ok(documents.into_iter().map(|raw| located(raw.value, root(raw.referenced.line()))).collect())
}

/// As the reference implementation of Score does: `yes` and `on` are texts.
fn as_score_reads() -> Options {
    options! { strict_booleans: true, duplicate_keys: DuplicateKeyPolicy::Error, with_snippet: false }
}

/// A value whose parts know their lines.
enum Raw {
    Scalar(Tree),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

fn located(raw: Raw, place: Place) -> Node {
    let tree = match raw {
        Raw::Scalar(tree) => tree,
        Raw::List(list) => {
            let entry = |(index, raw): (usize, Spanned<Raw>)| {
                let line = raw.referenced.line();
                located(raw.value, place.index(index, line))
            };
            Tree::List(list.into_iter().enumerate().map(entry).collect())
        }
        Raw::Map(map) => {
            let entry = |(key, raw): (Spanned<String>, Spanned<Raw>)| {
                let place = place.key(&key.value, key.referenced.line());
                (key.value, located(raw.value, place))
            };
            Tree::Map(Map(map.into_iter().map(entry).collect()))
        }
    };
    Node { place, tree }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value that JSON can hold")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Scalar(Tree::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Scalar(Tree::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Scalar(Tree::Number(value.into())))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Scalar(Tree::Number(value.into())))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Raw, E> {
        let number = Number::from_f64(value).ok_or_else(|| E::custom("a number must be finite"))?;
        Ok(Raw::Scalar(Tree::Number(number)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Scalar(Tree::Text(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(entry) = access.next_element()? {
            list.push(entry);
        }
        Ok(Raw::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut map: Vec<(Spanned<String>, Spanned<Raw>)> = Vec::new();
        while let Some((key, value)) = access.next_entry::<Spanned<String>, Spanned<Raw>>()? {
            // `1` and `"1"` differ in YAML, and are one key in JSON.
            if map.iter().any(|(earlier, _)| earlier.value == key.value) {
                return Err(A::Error::custom(format!("duplicate mapping key: {}", key.value)));
            }
            map.push((key, value));
        }
        Ok(Raw::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn only(text: &str) -> Node {
        let mut documents = documents(text).unwrap();
        assert_eq!(documents.len(), 1);
        documents.remove(0)
    }

    fn json_of(text: &str) -> Value {
        only(text).into_json()
    }

    fn place_of(text: &str, keys: &[&str]) -> (u64, String) {
        let mut node = only(text);
        for key in keys {
            let Tree::Map(mut map) = node.tree else { panic!("{key} of no map") };
            node = map.take(key).unwrap();
        }
        (node.place.line, node.place.path)
    }

    #[test]
    fn every_value_knows_the_line_of_its_key_and_its_path() {
        let text = "# a comment\na:\n  b.c:\n    d: |\n      text\n";
        assert_eq!(place_of(text, &["a"]), (2, "a".to_owned()));
        assert_eq!(place_of(text, &["a", "b.c"]), (3, "a[\"b.c\"]".to_owned()));
        assert_eq!(place_of(text, &["a", "b.c", "d"]), (4, "a[\"b.c\"].d".to_owned()));
    }

    #[test]
    fn lines_count_from_the_beginning_of_the_file_in_every_document() {
        let documents = documents("a: 1\n---\nb: 2\n---\n---\nc:\n- 3\n").unwrap();
        assert_eq!(documents.iter().map(|node| node.place.line).collect::<Vec<_>>(), [1, 3, 6]);
    }

    #[test]
    fn scalars_have_the_types_that_score_reads() {
        let text = "[yes, on, true, 1, -1, 1.5, ~, '1', 18446744073709551615, 2024-01-01, 10:30, a$b, 1.2.3]";
        let expected = json!([
            "yes",
            "on",
            true,
            1,
            -1,
            1.5,
            null,
            "1",
            18_446_744_073_709_551_615_u64,
            "2024-01-01",
            "10:30",
            "a$b",
            "1.2.3"
        ]);
        assert_eq!(json_of(text), expected);
    }

    #[test]
    fn aliases_and_merge_keys_are_resolved() {
        let text = "base: &base {a: 1, b: 2}\nmerged:\n  <<: *base\n  b: 3\nsame: *base\n";
        let expected =
            json!({"base": {"a": 1, "b": 2}, "merged": {"a": 1, "b": 3}, "same": {"a": 1, "b": 2}});
        assert_eq!(json_of(text), expected);
    }

    #[test]
    fn equal_keys_are_an_error_with_its_line() {
        for text in ["a: 1\nb: 2\na: 3\n", "a:\n  '1': x\n  1: y\n"] {
            let (line, message) = documents(text).unwrap_err();
            assert!(line.is_some() && message.contains("duplicate"), "{line:?} {message}");
        }
    }

    #[test]
    fn what_is_not_yaml_is_an_error_with_its_line() {
        let (line, message) = documents("a: 1\nb: [\n").unwrap_err();
        assert!(line.is_some_and(|line| line >= 2), "{line:?} {message}");
        assert!(message.starts_with("is not valid YAML: "), "{message}");
    }
}
