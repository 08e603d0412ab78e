//! Values that a schema allows.

use std::collections::HashMap;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use rand::distr::Distribution as _;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, rngs::StdRng};
use rand_regex::Regex;
use serde_json::{Map, Value, json};

use crate::{Error, texts};

/// How many times a pattern repeats what it may repeat without end.
const REPEAT: u32 = 3;
/// How often a text is made again that is too short or too long for its schema.
const ATTEMPTS: usize = 50;

/// Makes values.
pub(crate) struct Shape<'a> {
    rng: &'a mut StdRng,
    patterns: HashMap<String, Regex>,
}

impl<'a> Shape<'a> {
    pub(crate) fn new(rng: &'a mut StdRng) -> Self {
        Self { rng, patterns: HashMap::new() }
    }

    /// A value that `schema` allows.
    pub(crate) fn of_spec(&mut self, schema: &JSONSchemaProps) -> Result<Value, Error> {
        Ok(match schema.type_.as_deref() {
            Some("boolean") => json!(self.rng.random::<bool>()),
            Some("integer") => json!(self.integer(schema)),
            Some("string") => json!(self.text(schema)?),
            Some("array") => self.list(schema)?,
            Some("object") => self.object(schema)?,
            _ => self.anything(2),
        })
    }

    /// The ends of the range are as likely as all that is between them.
    fn integer(&mut self, schema: &JSONSchemaProps) -> i64 {
        // Every range in a schema is one of integers that a float holds exactly.
        #[allow(clippy::cast_possible_truncation)]
        let bound = |bound: Option<f64>, default: i64| bound.map_or(default, |bound| bound as i64);
        let (least, most) = (bound(schema.minimum, 0), bound(schema.maximum, 1_000_000));
        match self.rng.random_range(0..4) {
            0 => least,
            1 => most,
            _ => self.rng.random_range(least..=most),
        }
    }

    fn text(&mut self, schema: &JSONSchemaProps) -> Result<String, Error> {
        let values: Vec<&str> = schema.enum_.iter().flatten().filter_map(|value| value.0.as_str()).collect();
        if let Some(value) = values.choose(self.rng) {
            return Ok((*value).to_owned());
        }
        let fits = |text: &String| {
            let length = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
            schema.min_length.is_none_or(|least| length >= least)
                && schema.max_length.is_none_or(|most| length <= most)
        };
        let mut text = self.any_text(schema.pattern.as_deref())?;
        for _ in 0..ATTEMPTS {
            if fits(&text) {
                break;
            }
            text = self.any_text(schema.pattern.as_deref())?;
        }
        Ok(text)
    }

    fn any_text(&mut self, pattern: Option<&str>) -> Result<String, Error> {
        let Some(pattern) = pattern else { return Ok(texts::any(self.rng)) };
        if !self.patterns.contains_key(pattern) {
            // All are anchored, and mean the digits of ASCII.
            let inner = pattern.trim_start_matches('^').trim_end_matches('$').replace(r"\d", "[0-9]");
            let compiled = Regex::compile(&inner, REPEAT);
            let compiled = compiled.map_err(|error| Error::Pattern(pattern.to_owned(), error))?;
            self.patterns.insert(pattern.to_owned(), compiled);
        }
        Ok(self.patterns.get(pattern).map(|pattern| pattern.sample(self.rng)).unwrap_or_default())
    }

    fn count(&mut self, least: Option<i64>, most: Option<i64>) -> usize {
        let count = |count: Option<i64>| count.and_then(|count| usize::try_from(count).ok());
        let least = count(least).unwrap_or(0);
        let most = count(most).unwrap_or(usize::MAX).min(least.max(1) + 2);
        self.rng.random_range(least..=most)
    }

    fn list(&mut self, schema: &JSONSchemaProps) -> Result<Value, Error> {
        let count = self.count(schema.min_items, schema.max_items);
        match &schema.items {
            Some(JSONSchemaPropsOrArray::Schema(items)) => (0..count).map(|_| self.of_spec(items)).collect(),
            _ => Ok((0..count).map(|_| self.anything(1)).collect()),
        }
    }

    fn object(&mut self, schema: &JSONSchemaProps) -> Result<Value, Error> {
        let mut object = Map::new();
        for (name, property) in schema.properties.iter().flatten() {
            let is_required = schema.required.iter().flatten().any(|required| required == name);
            if is_required || self.rng.random_ratio(2, 5) {
                object.insert(name.clone(), self.of_spec(property)?);
            }
        }
        if let Some(JSONSchemaPropsOrBool::Schema(each)) = &schema.additional_properties {
            for _ in 0..self.count(schema.min_properties, schema.max_properties) {
                object.insert(texts::name(self.rng), self.of_spec(each)?);
            }
        }
        if schema.x_kubernetes_preserve_unknown_fields == Some(true) {
            object.extend(self.open(2));
        }
        Ok(Value::Object(object))
    }

    fn open(&mut self, depth: usize) -> Map<String, Value> {
        let count = self.rng.random_range(0..4);
        (0..count).map(|_| (texts::key(self.rng), self.anything(depth))).collect()
    }

    fn anything(&mut self, depth: usize) -> Value {
        match self.rng.random_range(0..if depth == 0 { 5 } else { 7 }) {
            0 => Value::Null,
            1 => json!(self.rng.random::<bool>()),
            2 => json!(self.rng.random_range(-1_000_000..1_000_000)),
            3 => json!(f64::from(self.rng.random_range(-1000..1000)) / 8.0),
            4 => json!(texts::without_placeholders(self.rng)),
            5 => (0..self.rng.random_range(0..3)).map(|_| self.anything(depth - 1)).collect(),
            _ => Value::Object(self.open(depth - 1)),
        }
    }
}
