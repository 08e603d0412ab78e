//! What is printed is read by kubectl as what was meant, whatever the texts look like.
#![allow(clippy::unwrap_used)]

use std::{io, path::Path};

use api_types::Workload;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use score_convert::{Converter, Settings, to_yaml};
use serde::Deserialize as _;
use serde_json::json;

/// Texts that a reader of YAML 1.1 takes for something else unless they are quoted.
const AMBIGUOUS: [&str; 44] = [
    "",
    " ",
    "~",
    "null",
    "Null",
    "true",
    "False",
    "yes",
    "No",
    "on",
    "OFF",
    "y",
    "N",
    "1",
    "-1",
    "+1",
    "0644",
    "0o17",
    "0x1F",
    "0b11",
    "1_000",
    "1.5",
    "1e3",
    ".5",
    "1.",
    ".inf",
    "-.INF",
    ".nan",
    "2024-01-01",
    "10:30:00",
    "<<",
    "=",
    "- a",
    "a: b",
    "a #b",
    "#",
    "*a",
    "&a",
    "!a",
    "%a",
    "@a",
    "`a",
    "|",
    ">",
];

fn workload_with(texts: &[String]) -> Workload {
    let variables: serde_json::Map<_, _> =
        texts.iter().enumerate().map(|(index, text)| (format!("V{index}"), json!(text))).collect();
    let files: serde_json::Map<_, _> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| (format!("/f{index}"), json!({"content": text})))
        .collect();
    let keys: serde_json::Map<_, _> = texts.iter().map(|text| (text.clone(), json!(text))).collect();
    serde_json::from_value(json!({
        "metadata": {"name": "shop"},
        "spec": {
            "containers": {"web": {"image": "app:1", "args": texts, "variables": variables, "files": files}},
            "resources": {"db": {"type": "postgres", "params": keys}},
        },
    }))
    .unwrap()
}

/// Reads it as libyaml does, of which the reader of kubectl is a translation.
fn read_back(yaml: &str) -> Vec<Workload> {
    serde_yaml_ng::Deserializer::from_str(yaml)
        .map(|document| {
            // By way of untyped values: a typed reader would take `1` for a text where one is wanted.
            let value = serde_yaml_ng::Value::deserialize(document).unwrap();
            serde_json::from_value(serde_json::to_value(value).unwrap()).unwrap()
        })
        .collect()
}

fn assert_read_as_meant(texts: &[String]) {
    let workload = workload_with(texts);
    let yaml = to_yaml(std::slice::from_ref(&workload)).unwrap();
    assert_eq!(read_back(&yaml), [workload], "{yaml}");
}

#[test]
fn texts_that_look_like_something_else_stay_texts() {
    for text in AMBIGUOUS {
        assert_read_as_meant(&[text.to_owned()]);
    }
}

#[test]
fn what_yaml_1_1_takes_for_numbers_and_booleans_is_quoted() {
    for text in ["yes", "on", "y", "1_000", "0644", "0b11", "0x1F", "1e3", "10:30:00", "<<"] {
        let yaml = to_yaml(&[workload_with(&[text.to_owned()])]).unwrap();
        let is_quoted = ['"', '\''].iter().any(|quote| yaml.contains(&format!("V0: {quote}{text}{quote}")));
        assert!(is_quoted, "{yaml}");
    }
}

#[test]
fn texts_of_any_characters_and_lines_stay_as_they_are() {
    let pieces = [
        "a",
        "B",
        " ",
        "  ",
        "\n",
        "\n\n",
        "\t",
        "\r\n",
        ":",
        "-",
        "#",
        "'",
        "\"",
        "\\",
        "{",
        "}",
        "[",
        ",",
        "$",
        "é",
        "\u{1f600}",
        "\u{7}",
        "\u{85}",
        "\u{2028}",
        "\u{feff}",
        "0",
        "---\n",
        "...\n",
        "long word ",
    ];
    let mut rng = StdRng::seed_from_u64(7);
    for _ in 0..500 {
        let text = || {
            let length = rng.random_range(0..30);
            (0..length).map(|_| pieces[rng.random_range(0..pieces.len())]).collect::<String>()
        };
        let texts: Vec<String> = std::iter::repeat_with(text).take(4).collect();
        assert_read_as_meant(&texts);
    }
}

#[test]
fn a_score_file_keeps_its_texts_all_the_way() {
    let text = "apiVersion: score.dev/v1b1\nmetadata: {name: shop}\ncontainers:\n  web:\n    image: app:1\n    files:\n      /a:\n        content: |2\n            indented\n          text\n\n\n";
    let converter = Converter::new(Settings::default()).unwrap();
    let unreadable = |_: &Path| Err(io::ErrorKind::NotFound.into());
    let workloads = converter.convert(Path::new("score.yaml"), text, unreadable).unwrap();
    let content =
        read_back(&to_yaml(&workloads).unwrap())[0].spec.containers["web"].files["/a"].content.clone();
    assert_eq!(content.as_deref(), Some("  indented\ntext\n"));
}

#[test]
fn every_workload_is_a_document() {
    let workload = workload_with(&[]);
    let yaml = to_yaml(&[workload.clone(), workload.clone()]).unwrap();
    assert_eq!(read_back(&yaml), [workload.clone(), workload]);
}
