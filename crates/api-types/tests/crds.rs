//! The CRDs that the chart ships are generated from the types. `UPDATE_CRDS=1` writes them anew.

#![allow(clippy::unwrap_used)]

use std::{fs, path::PathBuf};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

fn file_of(crd: &CustomResourceDefinition) -> PathBuf {
    let name = crd.metadata.name.as_deref().unwrap();
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../crds").join(format!("{name}.yaml"))
}

#[test]
fn crds_on_disk_are_those_of_the_types() {
    for crd in api_types::crds() {
        let (file, generated) = (file_of(&crd), serde_yaml_ng::to_string(&crd).unwrap());
        if std::env::var_os("UPDATE_CRDS").is_some() {
            fs::write(&file, &generated).unwrap();
        }
        let on_disk = fs::read_to_string(&file).unwrap_or_default();
        assert_eq!(on_disk, generated, "{} is out of date: run `make crds`", file.display());
    }
}

#[test]
fn the_crds_folder_holds_nothing_else() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../crds");
    let mut found: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    let mut expected: Vec<_> =
        api_types::crds().iter().map(|crd| file_of(crd).file_name().unwrap().to_owned()).collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn every_field_has_a_description() {
    fn undescribed(path: &str, schema: &serde_json::Value, missing: &mut Vec<String>) {
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{path}.{name}");
            if property["description"].as_str().unwrap_or_default().is_empty() {
                missing.push(path.clone());
            }
            undescribed(&path, property, missing);
            undescribed(&format!("{path}[]"), &property["items"], missing);
            undescribed(&format!("{path}.*"), &property["additionalProperties"], missing);
        }
    }
    let mut missing = Vec::new();
    for crd in api_types::crds() {
        let schema = serde_json::to_value(&crd.spec.versions[0].schema).unwrap();
        let root = &schema["openAPIV3Schema"]["properties"];
        for part in ["spec", "status"] {
            undescribed(&format!("{}.{part}", crd.spec.names.kind), &root[part], &mut missing);
        }
    }
    assert!(missing.is_empty(), "no description: {missing:#?}");
}
