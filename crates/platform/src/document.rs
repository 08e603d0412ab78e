//! YAML documents that know on which line each of their fields stands.

use std::{collections::BTreeMap, fmt};

use score_spec::path::FieldPath;
use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Number, Value};
use serde_saphyr::Spanned;

/// One document of a YAML file.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// What it holds.
    pub value: Value,
    /// Where it holds it.
    pub lines: Lines,
}

/// The lines of the fields of a document, by path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lines(BTreeMap<String, u64>);

/// The text is no YAML.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct SyntaxError {
    /// Where, from 1; 0 if it is not known.
    pub line: u64,
    /// What is wrong.
    pub message: String,
}

/// The documents of a YAML text; those that hold nothing are left out.
///
/// # Errors
/// The first thing that is no YAML, or a key that stands twice in one map.
pub fn parse_all(text: &str) -> Result<Vec<Document>, SyntaxError> {
    let documents: Vec<Spanned<Node>> = serde_saphyr::from_multiple(text).map_err(|error| SyntaxError {
        line: error.location().map_or(0, |location| location.line()),
        message: error.without_snippet().to_string(),
    })?;
    Ok(documents.into_iter().map(Document::from).collect())
}

impl Lines {
    /// The line of the field at `path`, or of the innermost field around it that is there.
    pub fn of(&self, path: &str) -> u64 {
        let path = unquoted(path);
        let ends = path.rmatch_indices(['.', '[']).map(|(end, _)| end);
        let around = std::iter::once(path.len()).chain(ends).map(|end| &path[..end]);
        around.chain([""]).find_map(|path| self.0.get(path)).copied().unwrap_or_default()
    }

    fn add(&mut self, path: &FieldPath, line: u64) {
        self.0.insert(unquoted(&path.to_string()), line);
    }
}

/// Keys with dots stand in brackets, in some messages with quotes and in some without.
fn unquoted(path: &str) -> String {
    path.replace('"', "")
}

impl From<Spanned<Node>> for Document {
    fn from(root: Spanned<Node>) -> Self {
        let mut lines = Lines::default();
        lines.0.insert(String::new(), root.referenced.line());
        let value = root.value.into_value(None, &mut lines);
        Self { value, lines }
    }
}

/// A value, with the place of each key and each item.
enum Node {
    Scalar(Value),
    List(Vec<Spanned<Node>>),
    Map(Vec<(Spanned<String>, Node)>),
}

impl Node {
    /// The plain value at `path`, which is none for the document as a whole.
    fn into_value(self, path: Option<&FieldPath>, lines: &mut Lines) -> Value {
        match self {
            Self::Scalar(value) => value,
            Self::List(items) => {
                let items = items.into_iter().enumerate().map(|(index, item)| {
                    let path = path.map_or_else(|| FieldPath::root(""), Clone::clone).index(index);
                    lines.add(&path, item.referenced.line());
                    item.value.into_value(Some(&path), lines)
                });
                Value::Array(items.collect())
            }
            Self::Map(entries) => {
                let entries = entries.into_iter().map(|(key, value)| {
                    let path = path.map_or_else(|| FieldPath::root(&key.value), |path| path.key(&key.value));
                    lines.add(&path, key.referenced.line());
                    (key.value, value.into_value(Some(&path), lines))
                });
                Value::Object(entries.collect())
            }
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("YAML that can be written as JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Node, E> {
        // As the API server writes it, without a fraction; else what was read here would differ from that for ever.
        let is_whole = value.fract() == 0.0 && value.abs() < 1e21;
        let whole = is_whole.then(|| format!("{value:.0}").parse().ok()).flatten();
        let number = whole.or_else(|| Number::from_f64(value));
        let number = number.ok_or_else(|| E::custom("this number cannot be written as JSON"))?;
        Ok(Node::Scalar(Value::Number(number)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Node::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TEXT: &str = "\
# A comment.
name: web
metadata:
  annotations:
    score.dev/kind: Job
list:
  - a: 1
  -
    b: [1.5, true, null, \"x\"]
---
second: 2
";

    #[test]
    fn a_whole_number_is_as_the_api_server_gives_it_back_however_it_is_written() {
        let documents = parse_all("[1.0, -2.0, 1e3, 0.5, 1e20, 1e30]").unwrap();
        assert_eq!(documents[0].value.to_string(), "[1,-2,1000,0.5,1e+20,1e+30]");
    }

    #[test]
    fn every_field_knows_its_line() {
        let documents = parse_all(TEXT).unwrap();
        let [first, second] = documents.as_slice() else { panic!("{documents:?}") };
        assert_eq!(
            first.value,
            json!({"name": "web", "metadata": {"annotations": {"score.dev/kind": "Job"}},
                "list": [{"a": 1}, {"b": [1.5, true, null, "x"]}]})
        );
        for (path, line) in [
            ("name", 2),
            ("metadata", 3),
            ("metadata.annotations[score.dev/kind]", 5),
            ("metadata.annotations[\"score.dev/kind\"]", 5),
            ("list[0].a", 7),
            ("list[1].b[3]", 9),
        ] {
            assert_eq!(first.lines.of(path), line, "{path}");
        }
        assert_eq!(second.lines.of("second"), 11);
    }

    #[test]
    fn a_field_that_is_not_there_is_on_the_line_of_the_one_around_it() {
        let lines = parse_all(TEXT).unwrap().remove(0).lines;
        assert_eq!(lines.of("metadata.labels.app"), 3);
        assert_eq!(lines.of("metadata.annotations[example.com/team]"), 4);
        assert_eq!(lines.of("spec"), 2);
    }

    #[test]
    fn what_is_no_yaml_is_refused_with_its_line() {
        for (text, line) in [("a: 1\nb: [1\n", 2), ("a: 1\nb: 2\na: 3\n", 3), ("a: .nan\n", 1)] {
            let error = parse_all(text).unwrap_err();
            assert_eq!(error.line, line, "{error}");
        }
    }

    #[test]
    fn anchors_are_followed_and_nothing_is_a_document_too_few() {
        let documents = parse_all("a: &x {b: 1}\nc: *x\n---\n---\nd: 1\n").unwrap();
        assert_eq!(documents[0].value, json!({"a": {"b": 1}, "c": {"b": 1}}));
        assert_eq!(documents.len(), 2);
        assert_eq!(parse_all("# nothing\n").unwrap(), []);
    }
}
