//! What a platform declares, as a claim carries it in `spec.parameters`.

use std::{collections::BTreeMap, fmt, str::FromStr};

use api_types::ResourceClaim;
use object_template::{ObjectKind, ObjectKindError};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    expression::Expression,
    external::ExternalApi,
    helm::HelmChart,
    inputs::{Inputs, InputsError},
    manifests::{self, ManifestTemplate, Misfit, Rendered},
    outputs::OutputSource,
    readiness::{Condition, Readiness, readiness},
    scope::Scope,
};

/// A resource type: templates of its objects, a chart that makes objects, or templates of requests to an API, and
/// expressions over what becomes of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Declaration {
    values: Map<String, Value>,
    vars: BTreeMap<String, Expression>,
    require: Vec<Condition>,
    manifests: Vec<ManifestTemplate>,
    pub(crate) external_api: Option<ExternalApi>,
    pub(crate) helm: Option<HelmChart>,
    pub(crate) reads: BTreeMap<String, ReadTemplate>,
    pub(crate) ready_when: Vec<Condition>,
    pub(crate) outputs: BTreeMap<String, OutputSource>,
}

/// An object that is read and never written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ReadTemplate {
    pub(crate) kind: ObjectKind,
    pub(crate) name: String,
}

/// Something that is wrong in a declaration, for the platform.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct Problem {
    /// The field, from the top of the declaration.
    pub path: String,
    /// What is wrong with it, and what to do.
    pub message: String,
}

impl Problem {
    pub(crate) fn new(path: impl fmt::Display, message: impl fmt::Display) -> Self {
        Self { path: path.to_string(), message: message.to_string() }
    }
}

/// What is wrong with the declaration in `parameters`; nothing if it is one.
pub fn check(parameters: &Map<String, Value>) -> Vec<Problem> {
    Declaration::read(parameters).err().unwrap_or_default()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Document {
    #[serde(default)]
    values: Map<String, Value>,
    #[serde(default)]
    vars: BTreeMap<String, Value>,
    #[serde(default)]
    require: Option<Value>,
    #[serde(default)]
    manifests: Option<Value>,
    #[serde(default)]
    external_api: Option<Value>,
    #[serde(default)]
    helm: Option<Value>,
    #[serde(default)]
    reads: BTreeMap<String, Read>,
    #[serde(default)]
    ready_when: Option<Value>,
    #[serde(default)]
    outputs: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Read {
    api_version: String,
    kind: String,
    name: String,
}

impl Declaration {
    /// The declaration in `parameters`.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(parameters: &Map<String, Value>) -> Result<Self, Vec<Problem>> {
        let document = Document::deserialize(Value::Object(parameters.clone()))
            .map_err(|error| vec![Problem::new("the declaration", error)])?;
        let mut problems = Vec::new();
        let declaration = Self {
            manifests: manifests::templates(document.manifests.as_ref(), &mut problems),
            external_api: document
                .external_api
                .as_ref()
                .and_then(|value| ExternalApi::read(value, &mut problems)),
            helm: document.helm.as_ref().and_then(|value| HelmChart::read(value, &mut problems)),
            reads: reads(document.reads, &mut problems),
            ready_when: Condition::read_all("readyWhen", document.ready_when.as_ref(), &mut problems),
            vars: vars(&document.vars, &mut problems),
            require: Condition::read_all("require", document.require.as_ref(), &mut problems),
            outputs: OutputSource::read_all(&document.outputs, &mut problems),
            values: document.values,
        };
        declaration.check_reads(&mut problems);
        declaration.check_outputs(document.external_api.is_some(), document.helm.is_some(), &mut problems);
        if problems.is_empty() { Ok(declaration) } else { Err(problems) }
    }

    /// What templates and expressions can name as `values`.
    pub fn values(&self) -> &Map<String, Value> {
        &self.values
    }

    /// What `claim` brings to this declaration.
    ///
    /// # Errors
    /// If it brings what cannot be, or not what the declaration requires.
    pub fn inputs(&self, claim: &ResourceClaim) -> Result<Inputs, InputsError> {
        let mut inputs = Inputs::of(claim, &self.values)?;
        let scope = Scope::before(&inputs);
        match readiness("require", &self.require, &scope) {
            Ok(Readiness::Ready) => {}
            Ok(Readiness::NotYet(message)) => return Err(InputsError::Required(message.unwrap_or_default())),
            Err(unresolved) => return Err(InputsError::Declaration(unresolved.message)),
        }
        let mut vars = Map::new();
        for (name, expression) in &self.vars {
            let value = expression.value(&scope);
            let value = value.map_err(|why| InputsError::Declaration(format!("vars.{name}: {why}")))?;
            vars.insert(name.clone(), value);
        }
        inputs.add_vars(vars);
        Ok(inputs)
    }

    /// The objects of one claim, and those to be read for it.
    ///
    /// # Errors
    /// The first part that does not fit what the claim brings.
    pub fn render(&self, inputs: &Inputs) -> Result<Rendered, Misfit> {
        manifests::render(&self.manifests, &self.reads, inputs)
    }

    /// What lies behind an API has no objects, and what objects give is not in an answer.
    fn check_outputs(&self, is_external: bool, is_chart: bool, problems: &mut Vec<Problem>) {
        if is_external && (is_chart || !(self.manifests.is_empty() && self.reads.is_empty())) {
            let message = "cannot be combined with others: remove `manifests`, `helm` and `reads`, or declare a type \
                           of its own for them";
            problems.push(Problem::new("externalApi", message));
        }
        for (name, source) in &self.outputs {
            let path = format_args!("outputs.{name}");
            match source {
                OutputSource::Answered { .. } if !is_external => {
                    let message = "only what `externalApi` provides has a `secret`: use `secretKeyRef`";
                    problems.push(Problem::new(path, message));
                }
                source if is_external && source.is_of_objects() => {
                    let message = "there are no objects: use `value` or `secret`";
                    problems.push(Problem::new(path, message));
                }
                _ => {}
            }
        }
    }

    fn check_reads(&self, problems: &mut Vec<Problem>) {
        let ids = self.manifests.iter().map(ManifestTemplate::id);
        for id in ids.filter(|id| self.reads.contains_key(*id)) {
            problems
                .push(Problem::new(format_args!("reads.{id}"), "is also the id of a manifest: rename it"));
        }
    }
}

fn vars(vars: &BTreeMap<String, Value>, problems: &mut Vec<Problem>) -> BTreeMap<String, Expression> {
    let mut valid = BTreeMap::new();
    for (name, value) in vars {
        let path = format!("vars.{name}");
        keep(valid_id(name), &path, problems);
        valid.extend(expression(value, &path, problems).map(|expression| (name.clone(), expression)));
    }
    valid
}

fn reads(reads: BTreeMap<String, Read>, problems: &mut Vec<Problem>) -> BTreeMap<String, ReadTemplate> {
    let mut valid = BTreeMap::new();
    for (id, read) in reads {
        let path = format!("reads.{id}");
        let kind = readable(&format!("{}/{}", read.api_version, read.kind));
        let kind = keep(kind, &path, problems).filter(|kind| {
            let refused = kind.is_secret();
            if refused {
                problems.push(Problem::new(&path, "secrets are not read: expressions could give them away"));
            }
            !refused
        });
        keep(valid_id(&id), &path, problems);
        keep(
            object_template::check(&Value::String(read.name.clone())),
            format_args!("{path}.name"),
            problems,
        );
        valid.extend(kind.map(|kind| (id, ReadTemplate { kind, name: read.name })));
    }
    valid
}

/// The kind of what is read: one that may be made, or that of Workloads.
fn readable(kind: &str) -> Result<ObjectKind, ObjectKindError> {
    let workload = ObjectKind::workload();
    if kind == workload.to_string() { Ok(workload) } else { kind.parse() }
}

/// Ids are names in expressions.
pub(crate) fn valid_id(id: &str) -> Result<(), &'static str> {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let valid =
        id.len() <= 63 && id.bytes().all(word) && id.starts_with(|first: char| first.is_ascii_alphabetic());
    if valid { Ok(()) } else { Err("an id is letters, digits and `_`, with a letter first: rename it") }
}

/// The value, or a problem at `path`.
pub(crate) fn keep<T, E: fmt::Display>(
    result: Result<T, E>,
    path: impl fmt::Display,
    problems: &mut Vec<Problem>,
) -> Option<T> {
    result.map_err(|error| problems.push(Problem::new(path, error))).ok()
}

/// The expression in a field.
pub(crate) fn expression(
    value: &Value,
    path: impl fmt::Display,
    problems: &mut Vec<Problem>,
) -> Option<Expression> {
    let Some(text) = value.as_str() else {
        problems.push(Problem::new(path, "must be an expression: write it as a text"));
        return None;
    };
    keep(Expression::from_str(text), path, problems)
}
