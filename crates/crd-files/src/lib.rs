//! For tests of the crates that define kinds: the CustomResourceDefinitions that the charts ship lie in `crds/`, a file
//! for each kind, and are those of the types. `UPDATE_CRDS=1` writes them anew.

#![expect(clippy::unwrap_used, reason = "for tests alone")]

use std::{collections::BTreeSet, fs, path::PathBuf};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::Value;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../crds")
}

fn name_of(crd: &CustomResourceDefinition) -> String {
    format!("{}.yaml", crd.metadata.name.as_deref().unwrap_or_default())
}

/// Writes the files of `crds` if that was asked for, and names those that are not as the types are.
///
/// # Panics
/// If a file cannot be written.
pub fn out_of_date(crds: &[CustomResourceDefinition]) -> Vec<String> {
    let stale = crds.iter().filter(|crd| {
        let (file, generated) = (folder().join(name_of(crd)), serde_yaml_ng::to_string(crd).unwrap());
        if std::env::var_os("UPDATE_CRDS").is_some() {
            fs::write(&file, &generated).unwrap();
        }
        fs::read_to_string(&file).unwrap_or_default() != generated
    });
    stale.map(name_of).collect()
}

/// The files of the folder that are about none of `crds`.
///
/// # Panics
/// If there is no such folder.
pub fn unexpected(crds: &[CustomResourceDefinition]) -> BTreeSet<String> {
    let expected: BTreeSet<_> = crds.iter().map(name_of).collect();
    let files = fs::read_dir(folder()).unwrap();
    let names = files.map(|file| file.unwrap().file_name().to_string_lossy().into_owned());
    names.filter(|name| !expected.contains(name)).collect()
}

/// The fields of `crds` that say nothing of what they mean, as paths.
///
/// # Panics
/// If a schema is no JSON.
pub fn undescribed(crds: &[CustomResourceDefinition]) -> Vec<String> {
    let mut missing = Vec::new();
    for crd in crds {
        let schema = serde_json::to_value(crd.spec.versions.first().map(|version| &version.schema)).unwrap();
        let root = &schema["openAPIV3Schema"]["properties"];
        for part in ["spec", "status"] {
            undescribed_in(&format!("{}.{part}", crd.spec.names.kind), &root[part], &mut missing);
        }
    }
    missing
}

fn undescribed_in(path: &str, schema: &Value, missing: &mut Vec<String>) {
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        if property["description"].as_str().unwrap_or_default().is_empty() {
            missing.push(path.clone());
        }
        undescribed_in(&path, property, missing);
        undescribed_in(&format!("{path}[]"), &property["items"], missing);
        undescribed_in(&format!("{path}.*"), &property["additionalProperties"], missing);
    }
}
