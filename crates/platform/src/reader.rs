//! Reading a document field by field: every error at once, and no field that nobody reads.

use std::{collections::BTreeSet, fmt::Display, str::FromStr};

use api_types::OpenObject;
use score_spec::path::FieldPath;
use serde_json::{Map, Value};

use crate::errors::Errors;

/// A value and its place.
#[derive(Clone)]
pub(crate) struct Node<'a> {
    pub(crate) value: &'a Value,
    pub(crate) path: FieldPath,
}

/// The fields of a map, of which those that nobody asks for are unknown.
pub(crate) struct Fields<'a> {
    path: Option<FieldPath>,
    map: &'a Map<String, Value>,
    asked: BTreeSet<&'static str>,
}

impl<'a> Node<'a> {
    /// The fields of a map, read by `read`; whatever it does not ask for is an error.
    pub(crate) fn fields<T>(
        &self,
        errors: &mut Errors,
        read: impl FnOnce(&mut Fields<'a>, &mut Errors) -> Option<T>,
    ) -> Option<T> {
        let map = self.expect(self.value.as_object(), "a map of fields", errors)?;
        Fields::read(Some(self.path.clone()), map, errors, read)
    }

    /// The items of a list.
    pub(crate) fn items(&self, errors: &mut Errors) -> Vec<Node<'a>> {
        let list = self.expect(self.value.as_array(), "a list", errors).into_iter().flatten();
        list.enumerate().map(|(index, value)| Node { value, path: self.path.index(index) }).collect()
    }

    /// Every item of a list, read by `read`. Those that are not valid are left out, and recorded.
    pub(crate) fn list<T>(
        &self,
        errors: &mut Errors,
        read: impl Fn(&Node<'a>, &mut Errors) -> Option<T>,
    ) -> Vec<T> {
        self.items(errors).iter().filter_map(|item| read(item, errors)).collect()
    }

    /// A text.
    pub(crate) fn text(&self, errors: &mut Errors) -> Option<&'a str> {
        self.expect(self.value.as_str(), "a text (numbers and dates in quotes)", errors)
    }

    /// A text that means something.
    pub(crate) fn parse<T: FromStr<Err: Display>>(&self, errors: &mut Errors) -> Option<T> {
        let text = self.text(errors)?;
        errors.keep(text.parse(), &self.path)
    }

    /// A quantity, a range or the like, which YAML takes for a number if it looks like one.
    pub(crate) fn parse_scalar<T: FromStr<Err: Display>>(&self, errors: &mut Errors) -> Option<T> {
        match self.value {
            Value::Number(number) => errors.keep(number.to_string().parse(), &self.path),
            _ => self.parse(errors),
        }
    }

    /// A whole number.
    pub(crate) fn integer(&self, errors: &mut Errors) -> Option<i64> {
        self.expect(self.value.as_i64(), "a whole number", errors)
    }

    /// `true` or `false`.
    pub(crate) fn boolean(&self, errors: &mut Errors) -> Option<bool> {
        self.expect(self.value.as_bool(), "`true` or `false`", errors)
    }

    /// A map with any keys.
    pub(crate) fn object(&self, errors: &mut Errors) -> Option<OpenObject> {
        self.expect(self.value.as_object(), "a map", errors).cloned().map(OpenObject)
    }

    fn expect<T>(&self, value: Option<T>, what: &str, errors: &mut Errors) -> Option<T> {
        let message = || format!("must be {what}, and is {}", described(self.value));
        errors.keep(value.ok_or_else(message), &self.path)
    }
}

fn described(value: &Value) -> &'static str {
    match value {
        Value::Null => "empty",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}

impl<'a> Fields<'a> {
    /// The fields of the document as a whole, or of a map in it.
    pub(crate) fn read<T>(
        path: Option<FieldPath>,
        map: &'a Map<String, Value>,
        errors: &mut Errors,
        read: impl FnOnce(&mut Fields<'a>, &mut Errors) -> Option<T>,
    ) -> Option<T> {
        let mut fields = Self { path, map, asked: BTreeSet::new() };
        let value = read(&mut fields, errors);
        fields.refuse_unknown(errors);
        value
    }

    /// A field that may be left out; empty is as good as absent.
    pub(crate) fn optional(&mut self, name: &'static str) -> Option<Node<'a>> {
        self.asked.insert(name);
        let value = self.map.get(name).filter(|value| !value.is_null())?;
        Some(Node { value, path: self.path_of(name) })
    }

    /// A field that must be there.
    pub(crate) fn required(&mut self, name: &'static str, errors: &mut Errors) -> Option<Node<'a>> {
        let node = self.optional(name);
        if node.is_none() {
            errors.add(&self.path_of(name), "is missing: add it");
        }
        node
    }

    /// The path of a field, also of one that is not there.
    pub(crate) fn path_of(&self, name: &str) -> FieldPath {
        self.path.as_ref().map_or_else(|| FieldPath::root(name), |path| path.key(name))
    }

    fn refuse_unknown(&self, errors: &mut Errors) {
        let known = || self.asked.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        for name in self.map.keys().filter(|name| !self.asked.contains(name.as_str())) {
            errors.add(
                &self.path_of(name),
                format_args!("unknown field: remove it, or use one of {}", known()),
            );
        }
    }
}
