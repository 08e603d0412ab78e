//! What the tests share.

use std::{collections::BTreeMap, fmt::Debug, path::Path};

use api_types::{PlatformPolicy, Workload};
use platform::{
    config::Config,
    decide::{Decision, GivenParams, Refusal, decide},
    policy::Policies,
};
use rand::{rngs::StdRng, seq::SliceRandom as _};
use serde_json::{Value, json};

pub(crate) fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/platform/fixtures").join(name);
    std::fs::read_to_string(path).unwrap()
}

pub(crate) fn config(spec: &Value) -> Config {
    let document = json!({
        "apiVersion": "score.dev/v1b1", "kind": "OrchestratorConfig", "metadata": {"name": "test"}, "spec": spec,
    });
    document.to_string().parse().unwrap_or_else(|errors| panic!("{errors}"))
}

/// The configuration of the fixture that has everything.
pub(crate) fn full() -> Config {
    fixture("full.yaml").parse().unwrap_or_else(|errors| panic!("{errors}"))
}

/// A Workload with one container `main`; `patch` has its own fields.
pub(crate) fn workload(metadata: &Value, spec: &Value) -> Workload {
    let mut document = json!({
        "apiVersion": "score.dev/v1b1", "kind": "Workload",
        "metadata": {"name": "shop", "namespace": "team-a", "uid": "u", "generation": 1},
        "spec": {"containers": {"main": {"image": "registry.example.com/shop:1"}}},
    });
    merge(&mut document["metadata"], metadata);
    merge(&mut document["spec"], spec);
    serde_json::from_value(document).unwrap()
}

fn merge(below: &mut Value, above: &Value) {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => {
            for (key, value) in above {
                merge(below.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (below, above) => *below = above.clone(),
    }
}

pub(crate) fn annotated(annotations: &Value) -> Workload {
    workload(&json!({"annotations": annotations}), &json!({}))
}

pub(crate) fn policies(specs: &[(&str, Value)]) -> Policies {
    let policies: Vec<PlatformPolicy> = specs.iter().map(|(name, spec)| {
        serde_json::from_value(json!({
            "apiVersion": "score.dev/v1b1", "kind": "PlatformPolicy", "metadata": {"name": name}, "spec": spec,
        }))
        .unwrap()
    }).collect();
    Policies::new(&policies)
}

/// What is decided in a namespace without labels.
pub(crate) fn decided<'a>(
    workload: &Workload,
    config: &'a Config,
    policies: &Policies,
) -> Result<Decision<'a>, Refusal> {
    decided_given(workload, &GivenParams::new(), config, policies)
}

/// The same for a Workload that shares resources to which others give these params.
pub(crate) fn decided_given<'a>(
    workload: &Workload,
    given: &GivenParams<'_>,
    config: &'a Config,
    policies: &Policies,
) -> Result<Decision<'a>, Refusal> {
    let valid = score_spec::validate::validate(workload);
    decide(workload, valid, given, config, &policies.terms(&BTreeMap::new()))
}

/// The errors or violations as lines.
pub(crate) fn refusals<T: Debug>(decision: Result<T, Refusal>) -> Vec<String> {
    match decision {
        Err(Refusal::Spec(errors)) => errors.iter().map(ToString::to_string).collect(),
        Err(Refusal::Policy(violations)) => violations.iter().map(ToString::to_string).collect(),
        Ok(decision) => panic!("{decision:?}"),
    }
}

pub(crate) fn assert_lines(lines: &[String], expected: &[&str]) {
    let all = lines.iter().zip(expected).all(|(line, expected)| line.contains(expected));
    assert!(all && lines.len() == expected.len(), "{lines:#?}");
}

/// The value with every list in it in a random order.
pub(crate) fn shuffled(value: &Value, rng: &mut StdRng) -> Value {
    match value {
        Value::Array(list) => {
            let mut list: Vec<_> = list.iter().map(|item| shuffled(item, rng)).collect();
            list.shuffle(rng);
            list.into()
        }
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), shuffled(value, rng))).collect(),
        scalar => scalar.clone(),
    }
}
