//! Values that know where they stand.

use serde_json::{Map as JsonMap, Number, Value};

/// Where a value stands in its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The line of its key, or of itself where it has none; from 1.
    pub(crate) line: u64,
    /// Its path from the root of the document, for example `containers.web.image`; empty for the document.
    pub(crate) path: String,
}

impl Place {
    /// The entry of the map at this place. Keys that dots would make ambiguous stand in brackets, quoted.
    pub(crate) fn key(&self, key: &str, line: u64) -> Self {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
        let path = match key {
            _ if key.is_empty() || !key.chars().all(is_plain) => format!("{}[{key:?}]", self.path),
            _ if self.path.is_empty() => key.to_owned(),
            _ => format!("{}.{key}", self.path),
        };
        Self { line, path }
    }

    /// The entry of the list at this place, counted from 0.
    pub(crate) fn index(&self, index: usize, line: u64) -> Self {
        Self { line, path: format!("{}[{index}]", self.path) }
    }
}

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) tree: Tree,
}

/// A value whose parts know where they stand.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Tree {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    Map(Map),
}

/// Entries in the order of the file; no two have the same key.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Map(pub(crate) Vec<(String, Node)>);

impl Map {
    /// The value of a key.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, node)| node)
    }

    /// The value of a key, to be changed.
    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.0.iter_mut().find(|(name, _)| name == key).map(|(_, node)| node)
    }

    /// Takes the value of a key out.
    pub(crate) fn take(&mut self, key: &str) -> Option<Node> {
        let index = self.0.iter().position(|(name, _)| name == key)?;
        Some(self.0.remove(index).1)
    }

    /// Adds an entry whose key is known to be new.
    pub(crate) fn push(&mut self, key: impl Into<String>, node: Node) {
        self.0.push((key.into(), node));
    }
}

impl Node {
    /// A text at a place.
    pub(crate) fn text(place: &Place, text: impl Into<String>) -> Self {
        Self { place: place.clone(), tree: Tree::Text(text.into()) }
    }

    /// A map at a place.
    pub(crate) fn map(place: &Place, map: Map) -> Self {
        Self { place: place.clone(), tree: Tree::Map(map) }
    }

    /// A JSON value as if it stood on the first line of a file.
    pub(crate) fn from_json(place: Place, value: &Value) -> Self {
        let line = place.line;
        let tree = match value {
            Value::Null => Tree::Null,
            Value::Bool(value) => Tree::Bool(*value),
            Value::Number(number) => Tree::Number(number.clone()),
            Value::String(text) => Tree::Text(text.clone()),
            Value::Array(list) => {
                let entry = |(index, value)| Self::from_json(place.index(index, line), value);
                Tree::List(list.iter().enumerate().map(entry).collect())
            }
            Value::Object(map) => {
                let entry =
                    |(key, value): (&String, _)| (key.clone(), Self::from_json(place.key(key, line), value));
                Tree::Map(Map(map.iter().map(entry).collect()))
            }
        };
        Self { place, tree }
    }

    /// The text, if it is one.
    pub(crate) fn as_text(&self) -> Option<&str> {
        if let Tree::Text(text) = &self.tree { Some(text) } else { None }
    }

    /// The map, if it is one.
    pub(crate) fn as_map_mut(&mut self) -> Option<&mut Map> {
        if let Tree::Map(map) = &mut self.tree { Some(map) } else { None }
    }

    /// The maps that are the values of this map; none if it is no map.
    pub(crate) fn maps_mut(&mut self) -> impl Iterator<Item = (&str, &Place, &mut Map)> {
        let entries = self.as_map_mut().into_iter().flat_map(|map| map.0.iter_mut());
        entries.filter_map(|(key, Node { place, tree })| match tree {
            Tree::Map(map) => Some((key.as_str(), &*place, map)),
            _ => None,
        })
    }

    /// The same without places.
    pub(crate) fn into_json(self) -> Value {
        match self.tree {
            Tree::Null => Value::Null,
            Tree::Bool(value) => Value::Bool(value),
            Tree::Number(number) => Value::Number(number),
            Tree::Text(text) => Value::String(text),
            Tree::List(list) => Value::Array(list.into_iter().map(Self::into_json).collect()),
            Tree::Map(map) => Value::Object(map.into_json()),
        }
    }
}

impl Map {
    /// The same without places.
    pub(crate) fn into_json(self) -> JsonMap<String, Value> {
        self.0.into_iter().map(|(key, node)| (key, node.into_json())).collect()
    }
}

impl Tree {
    /// What it is, in words.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "empty",
            Self::Bool(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }
}
