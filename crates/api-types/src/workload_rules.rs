//! The CEL rules of the Workload, evaluated as the API server does.

use serde_json::{Value, json};

use super::Workload;

/// A Workload with one container `web` and everything else that a rule looks at.
fn full() -> Value {
    json!({
        "apiVersion": "score.dev/v1b1",
        "kind": "Workload",
        "metadata": { "name": "app" },
        "spec": {
            "containers": { "web": {
                "image": "nginx:1",
                "variables": { "DB_HOST": "${resources.db.host}" },
                "files": { "/etc/app": { "content": "x" } },
                "volumes": { "/data": { "source": "${resources.data}" } },
                "before": { "side": { "ready": "started" } },
                "livenessProbe": { "exec": { "command": ["true"] } },
                "readinessProbe": { "httpGet": { "path": "/", "port": 80 } },
            } },
            "service": { "ports": [
                { "name": "dns", "port": 53 },
                { "name": "dns-udp", "port": 53, "protocol": "UDP" },
                { "port": 80 },
                { "port": 8080 },
            ] },
            "resources": { "db": { "type": "postgres" }, "data": { "type": "volume" } },
        },
    })
}

/// The messages of the rules that a Workload breaks.
fn broken(document: Value) -> Vec<String> {
    let workload: Workload = serde_json::from_value(document).unwrap();
    workload.validate_cel().err().into_iter().flatten().map(|error| error.message).collect()
}

/// Puts a value at a place, and expects that exactly one rule is broken, with these words in its message.
fn refused(pointer: &str, value: Value, words: &str) {
    let mut document = full();
    *document.pointer_mut(pointer).unwrap() = value;
    let messages = broken(document);
    assert!(matches!(messages.as_slice(), [message] if message.contains(words)), "{pointer}: {messages:?}");
}

#[test]
fn a_workload_that_keeps_every_rule_is_accepted() {
    assert_eq!(broken(full()), Vec::<String>::new());
}

#[test]
fn the_name_of_a_workload_is_a_score_name() {
    for name in ["a", "a.b", "Ab", "ab-"] {
        refused("/metadata/name", json!(name), "metadata.name must be 2 to 63 characters");
    }
}

#[test]
fn the_names_of_containers_and_resources_are_score_names() {
    for name in ["a", "a.b", "a_b", "Ab", "ab-", "-ab", &"a".repeat(64)] {
        refused(
            "/spec/containers",
            json!({ name: { "image": "nginx:1" } }),
            "container names must be 2 to 63",
        );
        refused("/spec/resources", json!({ name: { "type": "postgres" } }), "resource names must be 2 to 63");
        let before = json!({ name: { "ready": "started" } });
        refused("/spec/containers/web/before", before, "container names in before must be 2 to 63");
    }
}

#[test]
fn the_name_of_a_variable_is_one_that_a_process_can_be_given() {
    for name in ["", "A=B"] {
        refused("/spec/containers/web/variables", json!({ name: "x" }), "variable names must not");
    }
}

#[test]
fn files_and_volumes_have_absolute_paths() {
    for path in ["", "etc/app", "./app"] {
        refused(
            "/spec/containers/web/files",
            json!({ path: { "content": "" } }),
            "target of a file must be an absolute",
        );
        refused(
            "/spec/containers/web/volumes",
            json!({ path: { "source": "x" } }),
            "mount path of a volume must be",
        );
    }
}

#[test]
fn a_file_has_exactly_one_kind_of_content() {
    for file in
        [json!({}), json!({ "content": "a", "source": "b" }), json!({ "content": "a", "binaryContent": "" })]
    {
        refused(
            "/spec/containers/web/files",
            json!({ "/file": file }),
            "exactly one of content, binaryContent and source",
        );
    }
}

#[test]
fn a_probe_has_something_to_do() {
    for probe in ["livenessProbe", "readinessProbe"] {
        refused(&format!("/spec/containers/web/{probe}"), json!({}), "at least one of httpGet and exec");
    }
}

#[test]
fn no_two_ports_have_the_same_number_and_protocol() {
    for ports in [
        json!([{ "port": 80 }, { "port": 80 }]),
        json!([{ "port": 80 }, { "port": 81 }, { "port": 80, "protocol": "TCP" }]),
        json!([{ "port": 80, "protocol": "UDP" }, { "port": 80, "protocol": "UDP" }]),
    ] {
        refused("/spec/service/ports", ports, "same number and protocol");
    }
}

#[test]
fn no_two_ports_have_the_same_name() {
    refused(
        "/spec/service/ports",
        json!([{ "port": 80, "name": "www" }, { "port": 81, "name": "www" }]),
        "same name",
    );
}
