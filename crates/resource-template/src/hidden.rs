//! Secrets in templates: a secret param, or a value that is generated once. A template never holds their value. In a
//! text it holds a mark in their place, and only the texts of a Secret may have marks.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use api_types::{SecretKeyRef, Segment};
use minijinja::value::{Enumerator, Object, ObjectRepr, Value as Jinja};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// A part of a text of a Secret, or of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Part {
    /// Text.
    Text(String),
    /// A value that is generated for the claim.
    Generated(Generated),
    /// The value of a key of another resource's Secret.
    Copied(SecretKeyRef),
    /// The value of a key of the platform's credentials: in requests alone.
    Credential(String),
}

/// A value that is generated once for a claim: letters and digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Generated {
    /// Its name, by which it is found again.
    pub name: String,
    /// How many letters and digits.
    pub length: usize,
}

/// How long generated values may be.
const LENGTHS: std::ops::RangeInclusive<usize> = 16..=128;

impl Generated {
    /// A value with a name and a length.
    ///
    /// # Errors
    /// Which of them cannot be.
    pub fn new(name: &str, length: usize) -> Result<Self, String> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if name.is_empty() || name.len() > 63 || name.starts_with('.') || !name.bytes().all(plain) {
            return Err("the name of a generated value is 1 to 63 letters, digits, `-`, `_` and `.`".into());
        }
        if !LENGTHS.contains(&length) {
            let (least, most) = (LENGTHS.start(), LENGTHS.end());
            return Err(format!("the length of a generated value is {least} to {most}"));
        }
        Ok(Self { name: name.to_owned(), length })
    }
}

/// The marks of one rendering. What a Workload brings cannot hold one: a mark begins with a digest of all that it
/// brings.
#[derive(Clone, Debug)]
pub(crate) struct Marks {
    nonce: Arc<str>,
    /// The secret params, in the order of their marks.
    params: Vec<Vec<Segment>>,
}

/// The end of a mark; no mark has one inside.
const END: char = ';';

impl Marks {
    /// The marks for templates that are filled in with `inputs`.
    pub(crate) fn of(inputs: &Value) -> Self {
        let digest = Sha256::digest(inputs.to_string());
        let digits: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        Self { nonce: format!("score-hidden-{digits}-").into(), params: Vec::new() }
    }

    /// A secret param, as templates see it.
    pub(crate) fn param(&mut self, segments: Vec<Segment>) -> Jinja {
        let mark = format!("{}p{}{END}", self.nonce, self.params.len());
        let reference = match segments.as_slice() {
            [Segment::SecretKeyRef(reference)] => Some(reference.clone()),
            _ => None,
        };
        self.params.push(segments);
        Jinja::from_object(Hidden { mark, reference })
    }

    /// A generated value, as templates see it.
    pub(crate) fn generated(&self, generated: &Generated) -> Jinja {
        let mark = format!("{}g{}:{}{END}", self.nonce, generated.length, generated.name);
        Jinja::from_object(Hidden { mark, reference: None })
    }

    /// A credential of the platform, as templates see it.
    pub(crate) fn credential(&self, key: &str) -> Jinja {
        Jinja::from_object(Hidden { mark: format!("{}c{key}{END}", self.nonce), reference: None })
    }

    /// Whether there is a mark, or what is left of one, in `text`.
    pub(crate) fn are_in(&self, text: &str) -> bool {
        text.to_lowercase().contains(&*self.nonce)
    }

    /// The parts of a text. None if it holds what is left of a mark.
    pub(crate) fn parts(&self, text: &str) -> Option<Vec<Part>> {
        let mut parts = Vec::new();
        let mut pieces = text.split(&*self.nonce);
        push(&mut parts, pieces.next().unwrap_or_default());
        for piece in pieces {
            let (mark, rest) = piece.split_once(END)?;
            parts.extend(self.read(mark)?);
            push(&mut parts, rest);
        }
        parts.iter().all(|part| !matches!(part, Part::Text(text) if self.are_in(text))).then_some(parts)
    }

    fn read(&self, mark: &str) -> Option<Vec<Part>> {
        if let Some(generated) = mark.strip_prefix('g') {
            let (length, name) = generated.split_once(':')?;
            let generated = Generated::new(name, length.parse().ok()?).ok()?;
            return Some(vec![Part::Generated(generated)]);
        }
        if let Some(key) = mark.strip_prefix('c') {
            return Some(vec![Part::Credential(key.to_owned())]);
        }
        let segments = self.params.get(mark.strip_prefix('p')?.parse::<usize>().ok()?)?;
        Some(segments.iter().map(part).collect())
    }

    /// The references of all secret params.
    pub(crate) fn references(&self) -> BTreeSet<SecretKeyRef> {
        let references = self.params.iter().flatten().filter_map(|segment| match segment {
            Segment::SecretKeyRef(reference) => Some(reference.clone()),
            Segment::Value(_) => None,
        });
        references.collect()
    }
}

fn part(segment: &Segment) -> Part {
    match segment {
        Segment::Value(text) => Part::Text(text.clone()),
        Segment::SecretKeyRef(reference) => Part::Copied(reference.clone()),
    }
}

fn push(parts: &mut Vec<Part>, text: &str) {
    if !text.is_empty() {
        parts.push(Part::Text(text.to_owned()));
    }
}

/// The segments that a param is if it is secret.
pub(crate) fn segments(value: &Value) -> Option<Vec<Segment>> {
    let list = value.as_array()?;
    let one_key = |item: &Value| item.as_object().is_some_and(|item| item.len() == 1);
    if !list.iter().all(one_key) {
        return None;
    }
    let segments: Vec<Segment> = serde_json::from_value(value.clone()).ok()?;
    segments.iter().any(|segment| matches!(segment, Segment::SecretKeyRef(_))).then_some(segments)
}

/// `{secretKeyRef: {name, key}}`.
pub(crate) fn reference_value(reference: &SecretKeyRef) -> Value {
    json!({"secretKeyRef": reference})
}

/// A secret as templates see it. One that is nothing but a reference also has the form of one, for where Kubernetes
/// takes those.
#[derive(Debug)]
struct Hidden {
    mark: String,
    reference: Option<SecretKeyRef>,
}

impl Object for Hidden {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        if self.reference.is_some() { ObjectRepr::Map } else { ObjectRepr::Plain }
    }

    fn get_value(self: &Arc<Self>, key: &Jinja) -> Option<Jinja> {
        let reference = self.reference.as_ref().filter(|_| key.as_str() == Some("secretKeyRef"))?;
        Some(Jinja::from(BTreeMap::from([("name", reference.name.clone()), ("key", reference.key.clone())])))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        match self.reference {
            Some(_) => Enumerator::Str(&["secretKeyRef"]),
            None => Enumerator::NonEnumerable,
        }
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.mark)
    }
}

/// Whether a value of a template stands for a secret.
pub(crate) fn is_hidden(value: &Jinja) -> bool {
    value.downcast_object_ref::<Hidden>().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(name: &str) -> SecretKeyRef {
        SecretKeyRef { name: name.into(), key: "k".into() }
    }

    #[test]
    fn a_text_is_taken_apart_at_its_marks() {
        let mut marks = Marks::of(&json!({"a": 1}));
        let param = marks.param(vec![Segment::Value("x".into()), Segment::SecretKeyRef(reference("s"))]);
        let generated = marks.generated(&Generated::new("password", 24).unwrap());
        let parts = marks.parts(&format!("a{param}:{generated}")).unwrap();
        let expected = [
            Part::Text("a".into()),
            Part::Text("x".into()),
            Part::Copied(reference("s")),
            Part::Text(":".into()),
            Part::Generated(Generated { name: "password".into(), length: 24 }),
        ];
        assert_eq!(parts, expected);
        assert_eq!(marks.references(), [reference("s")].into());
    }

    #[test]
    fn what_is_left_of_a_mark_is_noticed() {
        let marks = Marks::of(&json!({}));
        let mark = marks.generated(&Generated::new("password", 24).unwrap()).to_string();
        assert!(marks.are_in(&mark.to_uppercase()));
        assert_eq!(marks.parts(&mark.to_uppercase()), None);
        assert_eq!(marks.parts(&mark[..mark.len() - 1]), None);
        assert_eq!(marks.parts(&mark.replace(":password", "")), None);
        assert_eq!(marks.parts(&format!("{}p7;", marks.nonce)), None);
    }

    #[test]
    fn other_inputs_have_other_marks() {
        let (one, other) = (Marks::of(&json!({"a": 1})), Marks::of(&json!({"a": 2})));
        let generated = Generated::new("password", 24).unwrap();
        assert!(!other.are_in(&one.generated(&generated).to_string()));
    }

    #[test]
    fn a_secret_param_is_a_list_of_segments_with_a_reference() {
        let is_secret = |value: Value| segments(&value).is_some();
        assert!(is_secret(json!([{"secretKeyRef": {"name": "s", "key": "k"}}])));
        assert!(is_secret(json!([{"value": "x"}, {"secretKeyRef": {"name": "s", "key": "k"}}])));
        for value in [
            json!([{"value": "x"}]),
            json!([]),
            json!("x"),
            json!([{"secretKeyRef": {"name": "s", "key": "k"}, "value": "x"}]),
            json!({"secretKeyRef": {"name": "s", "key": "k"}}),
            json!([{"secretKeyRef": "s"}]),
        ] {
            assert!(!is_secret(value.clone()), "{value}");
        }
    }

    #[test]
    fn generated_values_have_a_plain_name_and_are_long_enough() {
        assert!(Generated::new("redis.password_1", 16).is_ok());
        for (name, length) in [("", 24), ("a/b", 24), ("a;b", 24), (".a", 24), ("a", 15), ("a", 129)] {
            assert!(Generated::new(name, length).is_err(), "{name} {length}");
        }
    }
}
