//! What is valid Score and refused for now.

use score_spec::validate::unsupported;
use serde_json::json;

use crate::support::{full, workload};

#[test]
fn what_is_not_carried_out_is_refused_by_field() {
    let workload = serde_json::from_value(full()).unwrap();
    let paths: Vec<String> = unsupported(&workload).into_iter().map(|error| error.path).collect();
    assert_eq!(
        paths,
        [
            "spec.containers.hello.files",
            "spec.containers.hello.volumes",
            "spec.containers.migrate.before",
            "spec.resources.data.id",
        ]
    );
}

#[test]
fn each_refusal_says_what_to_do_instead() {
    for error in unsupported(&serde_json::from_value(full()).unwrap()) {
        assert!(error.message.contains("not supported yet: remove "), "{error}");
    }
}

#[test]
fn a_workload_without_these_fields_is_supported() {
    let workload = workload(json!({
        "containers": { "web": { "files": {}, "volumes": {}, "before": {}, "variables": { "V": "1" } } },
        "resources": { "db": { "type": "postgres", "class": "small", "params": {} } },
    }));
    assert_eq!(unsupported(&workload), []);
}
