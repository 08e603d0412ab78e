//! What expressions can name: what the claim brings, and the objects as they are.

use std::collections::{BTreeMap, HashMap};

use kube_cel::{
    KubeCelExt as _,
    cel::{Context, Value as Cel},
};
use object_template::ObjectKind;
use serde_json::{Map, Number, Value};

use crate::inputs::Inputs;

/// What there is: objects as they are, by their ids, and what an API says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Live {
    /// Those that were made for the claim.
    pub objects: BTreeMap<String, Value>,
    /// Those that the declaration reads; null where there is none.
    pub reads: BTreeMap<String, Value>,
    /// The answer of the API that provides the resource, if one does.
    pub answer: Option<Value>,
}

/// The names of expressions, and their values.
#[derive(Clone, Debug)]
pub struct Scope {
    variables: Vec<(&'static str, Cel)>,
}

/// The names that there are.
const NAMES: [&str; 6] = ["params", "values", "metadata", "claim", "workload", "vars"];

impl Scope {
    /// What the claim brings, before there are any objects.
    pub fn before(inputs: &Inputs) -> Self {
        let known = |name: &str| inputs.plain.get(name).map_or(Cel::Null, cel);
        Self { variables: NAMES.map(|name| (name, known(name))).into() }
    }

    /// What the claim brings, and either the objects or the answer.
    pub fn of(inputs: &Inputs, live: &Live) -> Self {
        let map = |objects: &BTreeMap<String, Value>| {
            cel(&Value::Object(objects.iter().map(|(id, object)| (id.clone(), object.clone())).collect()))
        };
        let mut scope = Self::before(inputs);
        match &live.answer {
            Some(answer) => scope.variables.push(("answer", cel(answer))),
            None => scope.variables.extend([("objects", map(&live.objects)), ("reads", map(&live.reads))]),
        }
        scope
    }

    pub(crate) fn context(&self) -> Context<'_> {
        let mut context = Context::default().with_all();
        for (name, value) in &self.variables {
            context.add_variable_from_value(*name, value.clone());
        }
        context
    }
}

/// What expressions may see of a live object: of a Secret not what it holds, since a value of an output is not secret.
pub fn visible(kind: &ObjectKind, mut object: Value) -> Value {
    if let Value::Object(fields) = &mut object {
        if kind.is_secret() {
            fields.retain(|field, _| ["apiVersion", "kind", "metadata", "type"].contains(&field.as_str()));
        }
        if let Some(Value::Object(metadata)) = fields.get_mut("metadata") {
            metadata.remove("managedFields");
            // Tools keep whole objects in them.
            if kind.is_secret() {
                metadata.remove("annotations");
            }
        }
    }
    object
}

/// Whole numbers are `int`, as in manifests, and never `uint`, which no literal of an expression equals.
fn cel(value: &Value) -> Cel {
    match value {
        Value::Null => Cel::Null,
        Value::Bool(flag) => Cel::Bool(*flag),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Cel::Int(whole),
            (None, float) => Cel::Float(float.unwrap_or_default()),
        },
        Value::String(text) => Cel::from(text.clone()),
        Value::Array(items) => Cel::from(items.iter().map(cel).collect::<Vec<_>>()),
        Value::Object(fields) => map(fields),
    }
}

/// The same as JSON. None of what has no JSON: bytes, times, functions.
pub(crate) fn json(value: &Cel) -> Option<Value> {
    Some(match value {
        Cel::Null => Value::Null,
        Cel::Bool(flag) => (*flag).into(),
        Cel::Int(whole) => (*whole).into(),
        Cel::UInt(whole) => (*whole).into(),
        Cel::Float(float) => Number::from_f64(*float)?.into(),
        Cel::String(text) => text.as_str().into(),
        Cel::List(items) => items.iter().map(json).collect::<Option<Vec<_>>>()?.into(),
        Cel::Map(map) => {
            let fields = map.map.iter().map(|(key, value)| Some((key.to_string(), json(value)?)));
            Value::Object(fields.collect::<Option<Map<_, _>>>()?)
        }
        _ => return None,
    })
}

fn map(fields: &Map<String, Value>) -> Cel {
    Cel::from(fields.iter().map(|(key, value)| (key.clone(), cel(value))).collect::<HashMap<_, _>>())
}

#[cfg(test)]
pub(crate) fn test_scope(variables: Value) -> Scope {
    let get = |name: &str| cel(&variables[name]);
    Scope { variables: vec![("params", get("params")), ("objects", get("objects"))] }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn of_a_secret_nothing_is_seen_but_its_name() {
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "type": "Opaque", "data": {"a": "c2VjcmV0"}, "stringData": {"b": "x"},
            "metadata": {"name": "s", "annotations": {"last-applied": "c2VjcmV0"}, "managedFields": []},
        });
        let seen = visible(&"v1/Secret".parse().unwrap(), secret);
        assert_eq!(
            seen,
            json!({"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": {"name": "s"}})
        );
    }
}
