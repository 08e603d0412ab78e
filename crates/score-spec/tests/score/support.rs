//! What the tests share.

use api_types::{Output, Workload};
use score_spec::{names::ResourceKey, placeholder::Outputs, validate::FieldError};
use serde_json::{Map, Value, json};

/// The Workload that uses every field of Score, as JSON.
pub(crate) fn full() -> Value {
    serde_yaml_ng::from_str(include_str!("fixtures/full.yaml")).unwrap()
}

/// A Workload with one container `web` and a spec merged over it.
pub(crate) fn workload(spec: Value) -> Workload {
    let mut object = json!({
        "apiVersion": "score.dev/v1b1",
        "kind": "Workload",
        "metadata": { "name": "app", "namespace": "team-a", "uid": "u-1", "generation": 1 },
        "spec": { "containers": { "web": { "image": "nginx:1" } } },
    });
    merge(&mut object["spec"], spec);
    serde_json::from_value(object).unwrap()
}

/// A Workload whose container `web` has a variable `V` with this value, and a resource `db`.
pub(crate) fn with_variable(value: &str) -> Workload {
    let variables = json!({ "V": value });
    workload(
        json!({ "containers": { "web": { "variables": variables } }, "resources": { "db": { "type": "postgres" } } }),
    )
}

/// Lays an object over another, level by level.
pub(crate) fn merge(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            over.into_iter().for_each(|(key, value)| merge(base.entry(key).or_insert(Value::Null), value));
        }
        (base, over) => *base = over,
    }
}

/// The errors of a Workload as `path: message` lines; none if it is valid.
pub(crate) fn errors_of(workload: &Workload) -> Vec<String> {
    let errors = score_spec::validate::validate(workload).err().unwrap_or_default();
    errors.iter().map(FieldError::to_string).collect()
}

/// Public outputs of one resource.
pub(crate) fn outputs(resource: &str, values: Value) -> Outputs {
    let Value::Object(values) = values else { panic!("outputs are an object") };
    let values: Map<String, Value> = values;
    let outputs = values.into_iter().map(|(name, value)| (name, Output::value(value))).collect();
    Outputs::from([(key(resource), outputs)])
}

pub(crate) fn key(name: &str) -> ResourceKey {
    name.parse().unwrap()
}
