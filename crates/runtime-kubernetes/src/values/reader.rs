//! Takes an open object apart, key by key, and notes everything that is wrong with it.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::problem;

/// What is left of an object, and where it stands in the values.
pub(super) struct Reader<'a> {
    fields: Map<String, Value>,
    /// With a dot at the end, unless it is empty.
    prefix: String,
    problems: &'a mut Vec<String>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(fields: Map<String, Value>, problems: &'a mut Vec<String>) -> Self {
        Self { fields, prefix: String::new(), problems }
    }

    /// The value of `key` as it is. To set null is to set nothing.
    pub(super) fn any(&mut self, key: &str) -> Option<Value> {
        self.fields.remove(key).filter(|value| !value.is_null())
    }

    /// Whether `key` is set and was not taken yet.
    pub(super) fn has(&self, key: &str) -> bool {
        self.fields.get(key).is_some_and(|value| !value.is_null())
    }

    /// A text that is not empty.
    pub(super) fn text(&mut self, key: &str) -> Option<String> {
        let value = self.any(key)?;
        let text = value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        self.wanted(key, text, "must be a text")
    }

    /// One of `words`, by its meaning.
    pub(super) fn word<T: Copy>(&mut self, key: &str, words: &[(&str, T)]) -> Option<T> {
        let value = self.any(key)?;
        let meaning = words.iter().find(|(word, _)| value == *word).map(|(_, meaning)| *meaning);
        let known: Vec<_> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
        self.wanted(key, meaning, &format!("must be one of {}", known.join(", ")))
    }

    /// A whole number in `range`.
    pub(super) fn number<T: TryFrom<i64>>(&mut self, key: &str, range: RangeInclusive<i64>) -> Option<T> {
        let value = self.any(key)?;
        let number = value.as_i64().filter(|number| range.contains(number));
        let wanted = match (*range.start(), *range.end()) {
            (least, most) if most >= i32::MAX.into() => format!("must be a whole number of at least {least}"),
            (least, most) if least == most => format!("can only be {least}"),
            (least, most) => format!("must be a whole number from {least} to {most}"),
        };
        self.wanted(key, number.and_then(|number| T::try_from(number).ok()), &wanted)
    }

    /// What `read` makes of the object at `key`; it must take every key that it knows.
    pub(super) fn object<T>(&mut self, key: &str, read: impl FnOnce(&mut Reader<'_>) -> T) -> Option<T> {
        let fields = match self.any(key)? {
            Value::Object(fields) => Some(fields),
            _ => None,
        };
        let fields = self.wanted(key, fields, "must be a map")?;
        let prefix = format!("{}{key}.", self.prefix);
        let mut below = Reader { fields, prefix, problems: &mut *self.problems };
        let read = read(&mut below);
        below.finish();
        Some(read)
    }

    /// The keys that are left.
    pub(super) fn keys(&self) -> Vec<String> {
        self.fields.keys().cloned().collect()
    }

    /// Notes that the value of `key` is wrong.
    pub(super) fn refuse(&mut self, key: &str, why: &str) {
        self.problems.push(problem(&format!("{}{key}", self.prefix), why));
    }

    /// Notes that `key` must not be there, if it is.
    pub(super) fn without(&mut self, key: &str, why: &str) {
        if self.any(key).is_some() {
            self.refuse(key, why);
        }
    }

    /// Refuses every key that nobody took.
    pub(super) fn finish(mut self) {
        for key in self.keys() {
            self.refuse(&key, "is not known");
        }
    }

    fn wanted<T>(&mut self, key: &str, found: Option<T>, why: &str) -> Option<T> {
        if found.is_none() {
            self.refuse(key, why);
        }
        found
    }
}
