//! What the schema of a kind says of a value: fields, types, patterns, ranges. Its CEL rules are not looked at, and
//! null is never a value: a Score file leaves out what it does not give.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::path::Path;

use api_types::Workload;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt as _;
use regex::{Regex, RegexBuilder};
use serde_json::{Number, Value};
use thiserror::Error;

use crate::node::{Map, Node, Place, Tree};
use crate::problem::Problems;

/// A schema, ready to check values.
#[derive(Debug)]
pub struct Schema(Rule);

/// A schema that uses what no kind of this project does.
#[derive(Debug, Error)]
pub enum SchemaError {
    /// A pattern is no regular expression.
    #[error("a pattern of the schema is no regular expression")]
    Pattern(#[from] regex::Error),
    /// A type is none of those of JSON.
    #[error("the schema has the type {0:?}, which is not known here")]
    Type(String),
    /// The kind has no schema for its spec.
    #[error("the kind has no schema of its spec")]
    Missing,
}

#[derive(Debug)]
enum Rule {
    Any,
    Boolean,
    Integer { minimum: Option<f64>, maximum: Option<f64> },
    Text { pattern: Option<Regex>, values: Vec<String>, length: Count },
    List { items: Box<Rule>, count: Count },
    Object(Object),
}

#[derive(Debug)]
struct Object {
    properties: BTreeMap<String, Rule>,
    required: BTreeSet<String>,
    others: Others,
    count: Count,
}

/// What an object may hold beyond its properties.
#[derive(Debug)]
enum Others {
    Nothing,
    Anything,
    Each(Box<Rule>),
}

/// How many entries or characters there may be.
#[derive(Clone, Copy, Debug)]
struct Count {
    least: usize,
    most: Option<usize>,
}

impl Schema {
    /// The schema of `spec` of a Workload.
    ///
    /// # Errors
    /// It uses what is not known here; a test holds that it does not.
    pub fn of_workload_spec() -> Result<Self, SchemaError> {
        let crd = Workload::crd();
        let schemas = crd.spec.versions.iter().filter_map(|version| version.schema.as_ref());
        let objects = schemas.filter_map(|schema| schema.open_api_v3_schema.as_ref()?.properties.as_ref());
        let spec = objects.filter_map(|properties| properties.get("spec")).next();
        Ok(Self(Rule::of(spec.ok_or(SchemaError::Missing)?)?))
    }

    /// What is wrong with a value, each with its path; nothing if it is as the schema says.
    pub fn problems(&self, value: &Value) -> Vec<String> {
        let mut problems = Problems::of(Path::new(""));
        let place = Place { line: 1, path: String::new() };
        self.check(&Node::from_json(place, value), &mut problems);
        let found = problems.or_else(()).err().unwrap_or_default();
        found.into_iter().map(|problem| format!("{}: {}", problem.path, problem.message)).collect()
    }

    pub(crate) fn check(&self, node: &Node, problems: &mut Problems) {
        self.0.check(node, problems);
    }
}

impl Rule {
    fn of(schema: &JSONSchemaProps) -> Result<Self, SchemaError> {
        Ok(match schema.type_.as_deref() {
            None => Self::Any,
            Some("boolean") => Self::Boolean,
            Some("integer") => Self::Integer { minimum: schema.minimum, maximum: schema.maximum },
            Some("string") => Self::Text {
                // As Go reads patterns: `\d` is a digit of ASCII.
                pattern: schema
                    .pattern
                    .as_ref()
                    .map(|pattern| RegexBuilder::new(pattern).unicode(false).build())
                    .transpose()?,
                values: values(schema),
                length: Count::of(schema.min_length, schema.max_length),
            },
            Some("array") => Self::List {
                items: Box::new(match &schema.items {
                    Some(JSONSchemaPropsOrArray::Schema(items)) => Self::of(items)?,
                    _ => Self::Any,
                }),
                count: Count::of(schema.min_items, schema.max_items),
            },
            Some("object") => Self::Object(Object::of(schema)?),
            Some(other) => return Err(SchemaError::Type(other.to_owned())),
        })
    }

    fn check(&self, node: &Node, problems: &mut Problems) {
        let place = &node.place;
        match (self, &node.tree) {
            (Self::Any, _) | (Self::Boolean, Tree::Bool(_)) => {}
            (Self::Integer { minimum, maximum }, Tree::Number(number)) => {
                check_integer(number, (*minimum, *maximum), place, problems);
            }
            (Self::Text { pattern, values, length }, Tree::Text(text)) => {
                length.check(text.chars().count(), "characters", place, problems);
                if !values.is_empty() && !values.contains(text) {
                    problems.add(place, format_args!("must be one of {}: correct it", values.join(", ")));
                }
                if let Some(pattern) = pattern.as_ref().filter(|pattern| !pattern.is_match(text)) {
                    problems.add(place, format_args!("{text:?} must match {pattern}: correct it"));
                }
            }
            (Self::List { items, count }, Tree::List(list)) => {
                count.check(list.len(), "entries", place, problems);
                list.iter().for_each(|entry| items.check(entry, problems));
            }
            (Self::Object(object), Tree::Map(map)) => object.check(map, place, problems),
            (rule, tree) => problems.add(place, mismatch(rule, tree)),
        }
    }

    /// What it wants, in words.
    fn kind(&self) -> &'static str {
        match self {
            Self::Any => "anything",
            Self::Boolean => "true or false",
            Self::Integer { .. } => "a whole number",
            Self::Text { .. } => "a text",
            Self::List { .. } => "a list",
            Self::Object(_) => "a map",
        }
    }
}

impl Object {
    fn of(schema: &JSONSchemaProps) -> Result<Self, SchemaError> {
        let properties = schema.properties.iter().flatten();
        let others = match &schema.additional_properties {
            Some(JSONSchemaPropsOrBool::Schema(each)) => Others::Each(Box::new(Rule::of(each)?)),
            Some(JSONSchemaPropsOrBool::Bool(true)) => Others::Anything,
            _ if schema.x_kubernetes_preserve_unknown_fields == Some(true) => Others::Anything,
            _ => Others::Nothing,
        };
        Ok(Self {
            properties: properties
                .map(|(name, schema)| Ok((name.clone(), Rule::of(schema)?)))
                .collect::<Result<_, SchemaError>>()?,
            required: schema.required.iter().flatten().cloned().collect(),
            others,
            count: Count::of(schema.min_properties, schema.max_properties),
        })
    }

    fn check(&self, map: &Map, place: &Place, problems: &mut Problems) {
        self.count.check(map.0.len(), "entries", place, problems);
        for (key, node) in &map.0 {
            match (self.properties.get(key), &self.others) {
                (Some(rule), _) => rule.check(node, problems),
                (None, Others::Each(rule)) => rule.check(node, problems),
                (None, Others::Anything) => {}
                (None, Others::Nothing) => problems.add(&node.place, unknown(self.properties.keys())),
            }
        }
        for missing in self.required.iter().filter(|name| map.get(name).is_none()) {
            problems.add(&place.key(missing, place.line), "is missing: add it");
        }
    }
}

impl Count {
    fn of(least: Option<i64>, most: Option<i64>) -> Self {
        let count = |count: i64| usize::try_from(count).ok();
        Self { least: least.and_then(count).unwrap_or(0), most: most.and_then(count) }
    }

    fn check(self, found: usize, what: &str, place: &Place, problems: &mut Problems) {
        if found < self.least {
            problems.add(place, format_args!("has {found} {what}, at least {} are needed", self.least));
        }
        if let Some(most) = self.most.filter(|&most| found > most) {
            problems.add(place, format_args!("has {found} {what}, at most {most} are allowed: remove some"));
        }
    }
}

/// The message for a field that there is no place for.
pub(crate) fn unknown(known: impl IntoIterator<Item = impl Display>) -> String {
    let known = known.into_iter().map(|name| name.to_string()).collect::<Vec<_>>().join(", ");
    format!("is not a field of Score: correct its name, or remove it (known: {known})")
}

fn mismatch(rule: &Rule, tree: &Tree) -> String {
    let hint = match (rule, tree) {
        (_, Tree::Null) => "give it a value, or remove it",
        (Rule::Text { .. }, Tree::Bool(_) | Tree::Number(_)) => "put it in quotes",
        _ => "correct it",
    };
    format!("is {}, must be {}: {hint}", tree.kind(), rule.kind())
}

fn check_integer(
    number: &Number,
    (minimum, maximum): (Option<f64>, Option<f64>),
    place: &Place,
    problems: &mut Problems,
) {
    let is_whole = number.is_i64() || number.is_u64();
    let value = number.as_f64().filter(|_| is_whole);
    let fits = value.is_some_and(|value| {
        minimum.is_none_or(|least| value >= least) && maximum.is_none_or(|most| value <= most)
    });
    if !fits {
        let range = match (minimum, maximum) {
            (Some(least), Some(most)) => format!(" from {least} to {most}"),
            _ => String::new(),
        };
        problems.add(place, format_args!("is {number}, must be a whole number{range}: correct it"));
    }
}

fn values(schema: &JSONSchemaProps) -> Vec<String> {
    let values = schema.enum_.iter().flatten();
    values.filter_map(|value| value.0.as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn problems(spec: Value) -> Vec<String> {
        Schema::of_workload_spec().unwrap().problems(&spec)
    }

    fn web(container: Value) -> Value {
        json!({"containers": {"web": container}})
    }

    #[test]
    fn what_is_as_the_schema_says_has_no_problems() {
        let spec = json!({
            "containers": {"web": {
                "image": "a", "command": ["b"], "files": {"/c": {"content": "", "mode": "0644"}},
                "volumes": {"/d": {"source": "x", "readOnly": true}}, "before": {"x": {"ready": "healthy"}},
                "livenessProbe": {"httpGet": {"path": "/", "port": 65535, "scheme": "HTTPS"}},
            }},
            "metadata": {"anything": [1, null]},
            "resources": {"db": {"type": "postgres", "params": {"a": {"b": 1.5}}}},
        });
        assert_eq!(problems(spec), [""; 0]);
    }

    #[test]
    fn a_field_that_is_not_known_is_named_with_those_that_are() {
        let found = problems(web(json!({"image": "a", "resources": {"limits": {"gpu": "1"}}})));
        assert_eq!(
            found,
            [
                "containers.web.resources.limits.gpu: is not a field of Score: correct its name, or remove it (known: cpu, memory)"
            ]
        );
    }

    #[test]
    fn every_problem_is_told_at_once() {
        let found = problems(json!({
            "containers": {
                "aa": {"image": 1, "command": "sh"},
                "bb": {"livenessProbe": {"httpGet": {"path": "/", "port": 0, "scheme": "FTP"}}},
                "cc": {"image": "a", "args": null, "files": {"/x": {"content": "", "mode": "rw"}}},
            },
        }));
        let expected = [
            "containers.aa.image: is a number, must be a text: put it in quotes",
            "containers.aa.command: is a text, must be a list: correct it",
            "containers.bb.livenessProbe.httpGet.port: is 0, must be a whole number from 1 to 65535: correct it",
            "containers.bb.livenessProbe.httpGet.scheme: must be one of HTTP, HTTPS: correct it",
            "containers.bb.image: is missing: add it",
            "containers.cc.args: is empty, must be a list: give it a value, or remove it",
            "containers.cc.files[\"/x\"].mode: \"rw\" must match ^0?[0-7]{3}$: correct it",
        ];
        let sorted = |mut texts: Vec<String>| {
            texts.sort();
            texts
        };
        assert_eq!(sorted(found), sorted(expected.map(str::to_owned).to_vec()));
    }

    #[test]
    fn numbers_of_entries_and_characters_are_bounded() {
        assert_eq!(problems(json!({"containers": {}})), ["containers: has 0 entries, at least 1 are needed"]);
        let probe = json!({"image": "a", "livenessProbe": {"exec": {"command": []}}});
        assert_eq!(
            problems(web(probe)),
            ["containers.web.livenessProbe.exec.command: has 0 entries, at least 1 are needed"]
        );
        assert_eq!(problems(web(json!({"image": ""}))).len(), 1);
        assert_eq!(
            problems(json!({"containers": {"web": {"image": "a"}}, "profile": "é".repeat(64)})).len(),
            1
        );
    }

    #[test]
    fn a_digit_is_one_of_ascii_as_the_api_server_reads_patterns() {
        assert_eq!(problems(web(json!({"image": "a", "resources": {"limits": {"cpu": "٣"}}}))).len(), 1);
    }
}
