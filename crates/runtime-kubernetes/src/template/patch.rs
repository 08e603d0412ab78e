//! What the platform changes in the objects that the runtime makes. Pure.

use std::fmt;

use kube::Resource;
use object_template::Renderer;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::merge::merge;

/// A change of one kind of object, as `template.values.patches` gives it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    target: Target,
    merge: Option<Value>,
    json: Option<json_patch::Patch>,
}

/// Which objects are changed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Their kind.
    pub kind: String,
    /// The name of the only one; all of the kind if absent.
    pub name: Option<String>,
}

/// A change that can be tried.
#[derive(Clone, Debug, PartialEq)]
pub struct Patch {
    /// Its place in the list, counted from one.
    number: usize,
    target: Target,
    change: Change,
}

#[derive(Clone, Debug, PartialEq)]
enum Change {
    Merge(Value),
    Json(json_patch::Patch),
}

/// Why what the platform configured does not fit the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// What of it: `patch 2`.
    pub part: String,
    /// What is wrong with it.
    pub why: String,
}

impl Misfit {
    /// `part` of the template is wrong because of `why`.
    pub(crate) fn new(part: impl Into<String>, why: impl Into<String>) -> Self {
        Self { part: part.into(), why: why.into() }
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.part, self.why)
    }
}

/// What a patch may not change: what tells an object from others, and what ties it to its plan.
const IDENTITY: [&str; 6] = [
    "/apiVersion",
    "/kind",
    "/metadata/name",
    "/metadata/namespace",
    "/metadata/ownerReferences",
    "/spec/selector",
];

/// Where a patch may add, and neither change nor remove what is there.
const LABELS: [&str; 4] = [
    "/metadata/labels",
    "/spec/template/metadata/labels",
    "/spec/jobTemplate/metadata/labels",
    "/spec/jobTemplate/spec/template/metadata/labels",
];

/// Where annotations stand; those of this API are the runtime's alone.
const ANNOTATIONS: [&str; 4] = [
    "/metadata/annotations",
    "/spec/template/metadata/annotations",
    "/spec/jobTemplate/metadata/annotations",
    "/spec/jobTemplate/spec/template/metadata/annotations",
];

impl Patch {
    /// Reads the patch at place `number`, counted from one, with what `renderer` knows filled in.
    ///
    /// # Errors
    /// If it is none.
    pub(super) fn render(number: usize, given: &Value, renderer: &Renderer<'_>) -> Result<Self, Misfit> {
        let rendered = renderer.render(given).map_err(|why| Misfit::new(format!("patch {number}"), why))?;
        Self::read(number, rendered)
    }

    /// Reads the patch at place `number`, counted from one.
    ///
    /// # Errors
    /// If it is none.
    fn read(number: usize, given: Value) -> Result<Self, Misfit> {
        let misfit = |why: String| Misfit::new(format!("patch {number}"), why);
        let given: Given = serde_json::from_value(given).map_err(|error| misfit(error.to_string()))?;
        let change = match (given.merge, given.json) {
            (Some(merge), None) if merge.is_object() => Change::Merge(merge),
            (Some(_), None) => return Err(misfit("merge must be an object".into())),
            (None, Some(patch)) => Change::Json(patch),
            _ => return Err(misfit("it needs either merge or json".into())),
        };
        Ok(Self { number, target: given.target, change })
    }

    /// Why it does not fit, said of it.
    pub fn misfit(&self, why: String) -> Misfit {
        Misfit::new(format!("patch {}", self.number), why)
    }

    /// Which kind of object it changes.
    pub fn kind(&self) -> &str {
        &self.target.kind
    }

    /// `object` after the patch, if it is meant.
    ///
    /// # Errors
    /// If the patch does not apply, if the result is no such object, or if it would be another one.
    pub fn apply<K>(&self, kind: &K::DynamicType, object: K) -> Result<K, Misfit>
    where
        K: Resource + Serialize + DeserializeOwned,
    {
        let named = self.target.name.as_ref().is_none_or(|name| object.meta().name.as_ref() == Some(name));
        if K::kind(kind) != self.target.kind || !named {
            return Ok(object);
        }
        self.changed(&object).map_err(|why| self.misfit(why))
    }

    fn changed<K: Serialize + DeserializeOwned>(&self, object: &K) -> Result<K, String> {
        let before = serde_json::to_value(object).map_err(|error| error.to_string())?;
        let mut after = before.clone();
        match &self.change {
            Change::Merge(patch) => merge(&mut after, patch)?,
            Change::Json(patch) => {
                json_patch::patch(&mut after, patch).map_err(|error| error.to_string())?;
            }
        }
        check_identity(&before, &after)?;
        let typed: K = serde_json::from_value(after.clone()).map_err(|error| error.to_string())?;
        let understood = serde_json::to_value(&typed).map_err(|error| error.to_string())?;
        match lost(&understood, &after) {
            None => Ok(typed),
            Some(path) => Err(format!("{path} is no field of the kind")),
        }
    }
}

fn check_identity(before: &Value, after: &Value) -> Result<(), String> {
    if let Some(place) = IDENTITY.into_iter().find(|place| before.pointer(place) != after.pointer(place)) {
        return Err(format!("{place} cannot be changed"));
    }
    if after.get("status").is_some() {
        return Err("/status cannot be set".into());
    }
    LABELS.into_iter().try_for_each(|place| check_labels(place, before, after))?;
    ANNOTATIONS.into_iter().try_for_each(|place| check_annotations(place, before, after))
}

fn check_labels(place: &str, before: &Value, after: &Value) -> Result<(), String> {
    let labels = before.pointer(place).and_then(Value::as_object).into_iter().flatten();
    let mut gone =
        labels.filter(|(key, value)| after.pointer(place).and_then(|it| it.get(key)) != Some(value));
    gone.next().map_or(Ok(()), |(key, _)| Err(format!("the label {key} in {place} cannot be changed")))
}

fn check_annotations(place: &str, before: &Value, after: &Value) -> Result<(), String> {
    let ours = |object: &Value| {
        let annotations = object.pointer(place).and_then(Value::as_object).into_iter().flatten();
        let ours = annotations.filter(|(key, _)| key.starts_with("score.dev/"));
        ours.map(|(key, value)| (key.clone(), value.clone())).collect::<Vec<_>>()
    };
    if ours(before) == ours(after) {
        Ok(())
    } else {
        Err(format!("score.dev annotations in {place} cannot be changed"))
    }
}

/// The first place where `wanted` says something that `understood` does not: a field that the kind has not.
fn lost(understood: &Value, wanted: &Value) -> Option<String> {
    match (understood, wanted) {
        (_, Value::Null) => None,
        (Value::Object(understood), Value::Object(wanted)) => wanted.iter().find_map(|(field, wanted)| {
            let below = lost(understood.get(field).unwrap_or(&Value::Null), wanted)?;
            Some(format!("/{}{below}", field.replace('~', "~0").replace('/', "~1")))
        }),
        (Value::Array(understood), Value::Array(wanted)) if understood.len() == wanted.len() => {
            let mut items = understood.iter().zip(wanted).enumerate();
            items.find_map(|(at, (understood, wanted))| Some(format!("/{at}{}", lost(understood, wanted)?)))
        }
        (understood, wanted) => (understood != wanted).then(String::new),
    }
}

#[cfg(test)]
#[path = "patch_tests.rs"]
mod tests;
