//! Whatever a Workload holds, checking it ends with an answer.

use api_types::Workload;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use score_spec::{placeholder::Outputs, project::project, validate::validate};
use serde_json::{Value, json};

use crate::support::{errors_of, full, with_variable};

/// The places of all values in a document, as JSON pointers.
fn pointers(value: &Value, here: String, found: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(map) => {
            map.iter().map(|(key, value)| (key.replace('~', "~0").replace('/', "~1"), value)).collect()
        }
        Value::Array(list) => {
            list.iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect()
        }
        _ => Vec::new(),
    };
    for (key, child) in children {
        pointers(child, format!("{here}/{key}"), found);
    }
    found.push(here);
}

fn junk() -> Vec<Value> {
    let texts = [
        "",
        "\0",
        ".",
        "/",
        "..",
        "${",
        "${}",
        "${resources.db.host}",
        "${resources.db}",
        "$",
        "é",
        "0",
        "-1",
    ];
    let others = [
        json!(null),
        json!(-1),
        json!(0),
        json!(70_000),
        json!(1.5),
        json!(true),
        json!([]),
        json!({}),
        json!([{}]),
    ];
    texts.into_iter().map(Value::from).chain(others).collect()
}

/// Checks a document as far as it goes; whether it is a valid Workload.
fn check(document: Value) -> bool {
    let Ok(workload) = serde_json::from_value::<Workload>(document) else { return false };
    match validate(&workload) {
        Ok(valid) => {
            project(&valid, &Outputs::new());
            true
        }
        Err(errors) => {
            assert!(!errors.is_empty());
            false
        }
    }
}

#[test]
fn junk_in_place_of_any_value_is_accepted_or_refused_and_never_a_panic() {
    let mut places = Vec::new();
    pointers(&full(), String::new(), &mut places);
    let (mut valid, mut invalid) = (0, 0);
    for place in places {
        for junk in junk() {
            let mut document = full();
            *document.pointer_mut(&place).unwrap() = junk;
            *(if check(document) { &mut valid } else { &mut invalid }) += 1;
        }
    }
    assert!(valid > 100 && invalid > 500, "{valid} valid, {invalid} invalid");
}

#[test]
fn random_values_of_a_variable_are_accepted_or_refused_and_never_a_panic() {
    let pieces = ["${", "}", "$", ".", "resources", "db", "metadata", "name", "\\", "host", " ", "\0", "é"];
    let mut rng = StdRng::seed_from_u64(3);
    for _ in 0..2_000 {
        let text: String =
            (0..rng.random_range(0..10)).map(|_| pieces[rng.random_range(0..pieces.len())]).collect();
        let workload = with_variable(&text);
        if let Ok(valid) = validate(&workload) {
            project(&valid, &Outputs::new());
        } else {
            assert!(!errors_of(&workload).is_empty(), "{text:?}");
        }
    }
}
