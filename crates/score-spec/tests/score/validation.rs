//! What validation gives, and how it speaks.

use score_spec::{
    names::{ResourceKey, VariableName},
    placeholder::BoundPart,
    validate::{FileContent, ValidWorkload, valid_resources, validate},
};
use serde_json::{Value, json};

use crate::support::{errors_of, full, workload};

fn valid() -> ValidWorkload {
    validate(&serde_json::from_value(full()).unwrap()).unwrap()
}

#[test]
fn a_valid_workload_knows_its_object() {
    let workload = valid();
    assert_eq!(workload.name.as_str(), "hello-world");
    assert_eq!(workload.namespace, "team-a");
    assert_eq!(workload.uid, "6f1c2c3a-0000-4000-8000-000000000001");
    assert_eq!(workload.generation, 3);
    assert_eq!(workload.profile.as_deref(), Some("web-service"));
}

#[test]
fn defaults_are_in_place() {
    let workload = valid();
    assert_eq!(workload.resources["db"].class.as_str(), "large");
    assert_eq!(workload.resources["data"].class.as_str(), "default");
    let ports: Vec<Value> = workload.ports.iter().map(|port| json!(port.to_api())).collect();
    assert_eq!(
        ports,
        [
            json!({ "name": "www", "port": 80, "targetPort": 8080, "protocol": "TCP" }),
            json!({ "port": 9090, "targetPort": 9090, "protocol": "TCP" }),
        ]
    );
}

#[test]
fn params_and_metadata_of_a_resource_nest_at_most_64_maps_and_lists() {
    let nested = |levels| (0..levels).fold(json!(1), |within, _| json!([{ "a": within }]));
    let with = |levels: usize| {
        let resource = json!({ "type": "s3", "params": { "p": nested(levels / 2) }, "metadata": { "m": nested(levels / 2) } });
        errors_of(&workload(json!({ "resources": { "bucket": resource } })))
    };
    assert_eq!(with(64), [""; 0]);
    let errors = with(66);
    assert!(errors.len() == 2, "{errors:?}");
    assert!(errors[0].starts_with("spec.resources.bucket.metadata.m: nests maps and lists"), "{errors:?}");
    assert!(errors[1].starts_with("spec.resources.bucket.params.p: nests maps and lists"), "{errors:?}");
}

#[test]
fn resources_can_be_had_of_a_workload_that_is_not_valid_but_for_those_that_are_not_valid_themselves() {
    let workload = workload(json!({
        "containers": { "web": { "image": "." } },
        "resources": {
            "db": { "type": "postgres", "params": { "near": "${resources.cache.host}" } },
            "cache": { "type": "!" },
            "other": { "type": "postgres", "params": { "of": "${resources.nope.host}", "size": 1 } },
        },
    }));
    assert_eq!(errors_of(&workload).len(), 3);
    let found = valid_resources(&workload);
    assert_eq!(found.keys().map(ResourceKey::as_str).collect::<Vec<_>>(), ["db"]);
    assert_eq!(valid_resources(&serde_json::from_value(full()).unwrap()), valid().resources);
}

#[test]
fn metadata_is_text_already_and_outputs_are_references() {
    let hello = &valid().containers["hello"];
    assert_eq!(hello.variables["GREETING"].parts(), [BoundPart::Literal("Hello checkout".to_owned())]);
    let outputs: Vec<&str> =
        hello.variables["DSN"].outputs().map(|reference| reference.output.as_str()).collect();
    assert_eq!(outputs, ["username", "password", "host"]);
}

#[test]
fn files_have_their_content_by_kind() {
    let hello = &valid().containers["hello"];
    let file = |target: &str| &hello.files[&target.parse().unwrap()];
    assert_eq!(file("/etc/hello/config.yaml").mode, Some(0o644));
    assert!(matches!(file("/etc/hello/config.yaml").content, FileContent::Template(_)));
    assert_eq!(file("/etc/hello/raw.txt").content, FileContent::Text("${as.it.is}".to_owned()));
    assert_eq!(file("/etc/hello/logo.png").content, FileContent::Bytes(b"\x89PNG\r\n\x1a\n".to_vec()));
}

#[test]
fn compute_resources_are_written_in_the_grammar_of_score() {
    let container =
        json!({ "resources": { "limits": { "memory": "2000K", "cpu": "2000" }, "requests": {} } });
    let workload = validate(&workload(json!({ "containers": { "web": container } }))).unwrap();
    let compute = workload.containers["web"].compute;
    assert_eq!(json!(compute.to_api()), json!({ "limits": { "memory": "2M", "cpu": "2000" } }));
    assert_eq!(compute.limits.cpu.unwrap().to_string(), "2k");
}

#[test]
fn without_compute_resources_none_are_written() {
    let workload =
        validate(&workload(json!({ "containers": { "web": { "resources": { "limits": {} } } } }))).unwrap();
    assert_eq!(workload.containers["web"].compute.to_api(), None);
}

#[test]
fn resources_are_in_the_order_in_which_they_are_needed() {
    let order: Vec<String> = valid().resource_order.iter().map(ToString::to_string).collect();
    assert_eq!(order, ["data", "db", "dns"]);
}

#[test]
fn a_port_number_may_be_used_once_for_each_protocol() {
    let ports = json!({ "service": { "ports": [
        { "port": 53, "protocol": "UDP" },
        { "port": 53, "protocol": "TCP" },
        { "port": 53 },
    ] } });
    let expected = "spec.service.ports[2].port: is the same as that of spec.service.ports[1]: choose another, or remove one";
    assert_eq!(errors_of(&workload(ports)), [expected]);
}

#[test]
fn more_entries_than_the_api_takes_are_refused() {
    let many = |count: usize, entry: Value| -> Value {
        (0..count).map(|index| (format!("n{index}"), entry.clone())).collect::<serde_json::Map<_, _>>().into()
    };
    let ports: Vec<Value> = (1..=65).map(|port| json!({ "port": port })).collect();
    let errors = errors_of(&workload(json!({
        "containers": many(16, json!({ "image": "app:1", "variables": many(257, json!("x")) })),
        "resources": many(33, json!({ "type": "thing" })),
        "service": { "ports": ports },
    })));
    assert_eq!(errors.len(), 1 + 16 + 1 + 1, "{errors:#?}");
    assert!(
        errors
            .contains(&"spec.containers: has 17 containers, at most 16 are allowed: remove some".to_owned())
    );
    assert!(errors.contains(
        &"spec.containers.n0.variables: has 257 variables, at most 256 are allowed: remove some".to_owned()
    ));
    assert!(
        errors.contains(&"spec.resources: has 33 resources, at most 32 are allowed: remove some".to_owned())
    );
    assert!(
        errors.contains(&"spec.service.ports: has 65 ports, at most 64 are allowed: remove some".to_owned())
    );
}

#[test]
fn params_cannot_name_secrets_by_themselves() {
    let reference = json!({ "secretKeyRef": { "name": "somebody-elses", "key": "password" } });
    let params = json!({ "password": [reference], "deep": { "er": [{ "value": "x" }, reference] }, "alone": reference });
    let errors =
        errors_of(&workload(json!({ "resources": { "db": { "type": "postgres", "params": params } } })));
    let message = "secretKeyRef cannot be written here: refer to an output with ${resources.<name>.<output>}";
    assert_eq!(
        errors,
        [
            format!("spec.resources.db.params.deep.er[1].secretKeyRef: {message}"),
            format!("spec.resources.db.params.password[0].secretKeyRef: {message}"),
        ]
    );
}

/// The errors of a Workload that breaks every rule at once.
fn broken() -> Vec<String> {
    let workload = serde_yaml_ng::from_str(include_str!("fixtures/broken.yaml")).unwrap();
    errors_of(&workload)
}

#[test]
fn all_errors_are_reported_at_once() {
    assert_eq!(broken().join("\n"), include_str!("fixtures/broken.errors").trim_end());
}

#[test]
fn no_error_speaks_of_what_a_runtime_is_made_of() {
    let nouns =
        r"(?i:\b(pods?|deployments?|nodes?|configmaps?|kubernetes|kubectl|ecs)\b)|\b(Service|Secret)s?\b";
    let nouns = regex::Regex::new(nouns).unwrap();
    for error in broken() {
        let message = error.split_once(": ").unwrap().1;
        assert!(!nouns.is_match(message), "{error}");
    }
}

#[test]
fn every_error_says_what_to_do() {
    let verbs = "add|apply|build|change|choose|correct|declare|encode|end|give|keep|lower|make|name|put|refer|remove|\
                 rename|round|set|write";
    let advice = regex::Regex::new(&format!(r"[:;,] ({verbs}) |must be a number ")).unwrap();
    for error in broken() {
        assert!(advice.is_match(&error), "{error}");
    }
}

#[test]
fn names_of_variables_can_be_asked_for_as_text() {
    let name: VariableName = "DB_HOST".parse().unwrap();
    assert_eq!((name.as_str(), name.to_string().as_str()), ("DB_HOST", "DB_HOST"));
}
