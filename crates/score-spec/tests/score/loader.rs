//! The rules that a schema cannot say: placeholders refer to something, and `before` makes sense.

use serde_json::{Value, json};

use crate::support::{errors_of, workload};

/// Every error of a spec, as `path: message` lines.
fn errors(spec: Value) -> Vec<String> {
    errors_of(&workload(spec))
}

fn assert_valid(spec: Value) {
    assert_eq!(errors(spec), Vec::<String>::new());
}

/// Exactly these errors, each with this beginning.
fn assert_errors(spec: Value, expected: &[&str]) {
    let errors = errors(spec);
    assert_eq!(errors.len(), expected.len(), "{errors:#?}");
    for (error, expected) in errors.iter().zip(expected) {
        assert!(error.starts_with(expected), "{error}\ndoes not begin with\n{expected}");
    }
}

/// Containers, each with the containers that it runs before.
fn before(containers: &[(&str, &[&str])]) -> Value {
    let container = |later: &[&str]| {
        let before: serde_json::Map<_, _> =
            later.iter().map(|name| ((*name).to_owned(), json!({ "ready": "started" }))).collect();
        json!({ "image": "app:1", "before": before })
    };
    let containers: serde_json::Map<_, _> =
        containers.iter().map(|(name, later)| ((*name).to_owned(), container(later))).collect();
    json!({ "containers": containers })
}

#[test]
fn placeholders_are_valid_wherever_they_are_expanded() {
    assert_valid(json!({
        "containers": { "web": {
            "variables": {
                "ONE": "Placeholder ${resources.res-one.value}",
                "TWO": "${resources.res-two.value} ${resources.res-two.other}",
                "THREE": "none",
                "FOUR": "Escaped $${resources.no-exists.value}",
            },
            "files": {
                "/one": { "content": "${resources.res-one.value}" },
                "/two": { "content": "Escaped $${placeholder}" },
                "/three": { "content": "Not expanded ${this is invalid}", "noExpand": true },
            },
            "volumes": { "/mnt/one": { "source": "${resources.res-one}" } },
        } },
        "resources": {
            "res-one": { "type": "type-one" },
            "res-two": { "type": "type-two", "params": { "var": "${resources.res-one.value}" } },
        },
    }));
}

#[test]
fn what_looks_like_a_placeholder_elsewhere_is_left_alone() {
    assert_valid(json!({
        "containers": { "web": {
            "command": ["${command}"],
            "args": ["${args}"],
            "livenessProbe": { "exec": { "command": ["${probe}"] }, "httpGet": { "path": "/${x}", "port": 80 } },
        } },
        "resources": { "db": { "type": "postgres", "metadata": { "text": "${metadata}" }, "params": { "${key}": 1 } } },
    }));
}

#[test]
fn keys_may_hold_any_character() {
    // Only the output can tell whether there is such a key.
    assert_valid(json!({
        "containers": { "web": { "variables": { "V": r"${resources.db.this has spaces!} ${resources.db.a\.b/c}" } } },
        "resources": { "db": { "type": "postgres" } },
    }));
}

#[test]
fn a_placeholder_for_a_resource_that_is_not_declared_is_an_error() {
    assert_errors(
        json!({ "containers": { "web": { "variables": { "V": "${resources.res-one.value}" } } } }),
        &[
            "spec.containers.web.variables.V: invalid ref 'resources.res-one.value': no known resource 'res-one'; \
           declare it in spec.resources",
        ],
    );
}

#[test]
fn a_placeholder_with_an_unknown_root_is_an_error() {
    assert_errors(
        json!({ "containers": { "web": { "variables": { "V": "${cheese.res-one.value}" } } } }),
        &["spec.containers.web.variables.V: invalid ref 'cheese.res-one.value': unknown reference root"],
    );
}

#[test]
fn a_placeholder_of_one_element_is_an_error() {
    assert_errors(
        json!({ "containers": { "web": { "variables": { "V": "${resources} ${metadata}" } } } }),
        &[
            "spec.containers.web.variables.V: invalid ref 'resources': requires at least a resource name to lookup",
            "spec.containers.web.variables.V: invalid ref 'metadata': requires at least a metadata key to lookup",
        ],
    );
}

#[test]
fn every_invalid_placeholder_is_reported_with_its_field() {
    assert_errors(
        json!({
            "containers": { "web": {
                "variables": { "V": "${invalid!}" },
                "files": { "/one": { "content": "${resources.no-exist.value}" } },
                "volumes": { "/mnt/one": { "source": "${resources.another-no-exist}" } },
            } },
            "resources": { "db": { "type": "postgres", "params": {
                "deep": [{ "x": "${resources.yet-another.value}" }],
                "x.y": "${metadata.none}",
            } } },
        }),
        &[
            "spec.containers.web.variables.V: invalid ref 'invalid!': unknown reference root",
            "spec.containers.web.files[\"/one\"].content: invalid ref 'resources.no-exist.value': no known resource",
            "spec.containers.web.volumes[\"/mnt/one\"].source: invalid ref 'resources.another-no-exist': no known",
            "spec.resources.db.params.deep[0].x: invalid ref 'resources.yet-another.value': no known resource",
            "spec.resources.db.params[\"x.y\"]: invalid ref 'metadata.none': key 'none' not found; set it in spec.metadata",
        ],
    );
}

#[test]
fn a_resource_as_a_whole_is_no_text() {
    assert_errors(
        json!({
            "containers": { "web": { "variables": { "V": "${resources.db}" } } },
            "resources": { "db": { "type": "postgres" } },
        }),
        &["spec.containers.web.variables.V: invalid ref 'resources.db': at least one lookup key is required"],
    );
}

#[test]
fn the_source_of_a_volume_is_a_resource_as_a_whole() {
    for source in ["data", "", "${resources.data.source}", "x${resources.data}", "$${resources.data}"] {
        assert_errors(
            json!({
                "containers": { "web": { "volumes": { "/mnt": { "source": source } } } },
                "resources": { "data": { "type": "volume" } },
            }),
            &["spec.containers.web.volumes[\"/mnt\"].source: must be ${resources.<name>}"],
        );
    }
}

#[test]
fn the_name_of_the_workload_is_required() {
    let mut nameless = workload(json!({}));
    for name in [None, Some(String::new())] {
        nameless.metadata.name = name;
        let errors = errors_of(&nameless);
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(errors[0].starts_with("metadata.name: \"\" must be 2 to 63 characters"), "{errors:?}");
    }
}

#[test]
fn name_and_annotations_of_the_metadata_come_from_the_object() {
    let mut workload = workload(json!({
        "metadata": { "team": "checkout" },
        "containers": { "web": { "variables": {
            "V": r"${metadata.name} ${metadata.team} ${metadata.annotations.example\.com/tier}",
        } } },
    }));
    workload.metadata.annotations = Some([("example.com/tier".to_owned(), "front".to_owned())].into());
    assert_eq!(errors_of(&workload), Vec::<String>::new());
}

#[test]
fn name_and_annotations_are_refused_in_the_spec() {
    assert_errors(
        json!({ "metadata": { "name": "other", "annotations": {} } }),
        &[
            "spec.metadata.name: is taken from metadata.name of the Workload: set it there",
            "spec.metadata.annotations: is taken from metadata.annotations of the Workload: set it there",
        ],
    );
}

#[test]
fn containers_without_before_are_valid() {
    assert_valid(before(&[("aa", &[]), ("bb", &[])]));
}

#[test]
fn a_chain_of_before_is_valid() {
    assert_valid(before(&[("aa", &["bb"]), ("bb", &["cc"]), ("cc", &[])]));
}

#[test]
fn a_diamond_of_before_is_valid() {
    assert_valid(before(&[("aa", &["bb", "cc"]), ("bb", &["dd"]), ("cc", &["dd"]), ("dd", &[])]));
}

#[test]
fn before_an_unknown_container_is_an_error() {
    assert_errors(
        before(&[("aa", &["nonexistent"])]),
        &["spec.containers.aa.before.nonexistent: there is no container \"nonexistent\""],
    );
}

#[test]
fn before_itself_is_an_error() {
    assert_errors(
        before(&[("aa", &["aa"])]),
        &["spec.containers.aa.before.aa: a container cannot run before itself"],
    );
}

#[test]
fn a_cycle_of_two_containers_is_an_error() {
    assert_errors(
        before(&[("aa", &["bb"]), ("bb", &["aa"])]),
        &["spec.containers: containers wait for each other through before (aa → bb → aa): remove one"],
    );
}

#[test]
fn a_cycle_of_three_containers_is_an_error() {
    // aa runs before bb, bb before cc, cc before aa: so aa waits for cc.
    assert_errors(
        before(&[("aa", &["bb"]), ("bb", &["cc"]), ("cc", &["aa"])]),
        &["spec.containers: containers wait for each other through before (aa → cc → bb → aa): remove one"],
    );
}

#[test]
fn every_error_of_before_is_reported() {
    assert_errors(
        before(&[("aa", &["aa", "nonexistent", "bb"]), ("bb", &["aa"])]),
        &[
            "spec.containers.aa.before.aa: a container cannot run before itself",
            "spec.containers.aa.before.nonexistent: there is no container",
            "spec.containers: containers wait for each other through before",
        ],
    );
}

#[test]
fn healthy_needs_a_probe_that_tells() {
    let containers = |probe: Value| {
        let mut first = json!({ "image": "app:1", "before": { "web": { "ready": "healthy" } } });
        crate::support::merge(&mut first, probe);
        json!({ "containers": { "first": first } })
    };
    assert_errors(
        containers(json!({})),
        &["spec.containers.first.before.web.ready: is healthy, but container first has no probe"],
    );
    let exec = json!({ "exec": { "command": ["true"] } });
    assert_valid(containers(json!({ "readinessProbe": exec })));
    assert_valid(containers(json!({ "livenessProbe": exec })));
}

#[test]
fn a_container_that_ends_cannot_be_waited_for_as_healthy() {
    let before = |first: &str, second: &str| {
        let exec = json!({ "exec": { "command": ["true"] } });
        let before = json!({ "web": { "ready": first }, "worker": { "ready": second } });
        json!({ "containers": {
            "migrate": { "image": "app:1", "readinessProbe": exec, "before": before },
            "worker": { "image": "app:1" },
        } })
    };
    assert_errors(
        before("healthy", "complete"),
        &[
            "spec.containers.migrate.before.web.ready: is healthy, but container migrate runs to its end before worker",
        ],
    );
    assert_valid(before("healthy", "started"));
    assert_valid(before("complete", "started"));
    assert_valid(before("complete", "complete"));
}
