//! The examples that users start from.

use std::{fs, path::PathBuf};

use api_types::Workload;
use serde::Deserialize as _;
use serde_json::Value;

use crate::support::errors_of;

/// The Workloads among the documents of every example, as the API server would hand them out.
fn examples() -> Vec<(PathBuf, Workload)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/examples");
    let folders = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = folders.filter(|path| path.is_dir()).flat_map(|path| fs::read_dir(path).unwrap());
    files
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|is| is == "yaml"))
        .flat_map(workloads)
        .collect()
}

fn workloads(file: PathBuf) -> Vec<(PathBuf, Workload)> {
    let text = fs::read_to_string(&file).unwrap();
    let documents =
        serde_yaml_ng::Deserializer::from_str(&text).map(|document| Value::deserialize(document).unwrap());
    documents
        .filter(|document| document["kind"] == "Workload")
        .map(|document| (file.clone(), stored(document)))
        .collect()
}

fn stored(document: Value) -> Workload {
    let mut workload: Workload = serde_json::from_value(document).unwrap();
    let metadata = &mut workload.metadata;
    metadata.namespace.get_or_insert("default".to_owned());
    (metadata.uid, metadata.generation) = (Some("u-1".to_owned()), Some(1));
    workload
}

#[test]
fn every_example_is_valid() {
    let examples = examples();
    assert!(!examples.is_empty(), "there are no examples");
    for (file, workload) in examples {
        assert_eq!(errors_of(&workload), Vec::<String>::new(), "{}", file.display());
    }
}
