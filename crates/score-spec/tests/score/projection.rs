//! What outputs make of a Workload.

use api_types::{OpenObject, Output, SecretKeyRef, Segment, Text};
use score_spec::{
    placeholder::{Outputs, Why},
    project::{Projection, Resolution, Unresolved, project},
    validate::validate,
};
use serde_json::{Value, json};

use crate::support::{key, outputs, workload};

fn projection(spec: Value, outputs: &Outputs) -> Projection {
    project(&validate(&workload(spec)).unwrap(), outputs)
}

fn resolved<T>(resolution: Resolution<T>) -> T {
    match resolution {
        Resolution::Resolved(value) => value,
        Resolution::Unresolved(unresolved) => panic!("{unresolved:?}"),
    }
}

fn unresolved<T>(resolution: Resolution<T>) -> Vec<Unresolved> {
    match resolution {
        Resolution::Resolved(_) => panic!("everything was resolved"),
        Resolution::Unresolved(unresolved) => unresolved,
    }
}

fn with_secret(mut outputs: Outputs) -> Outputs {
    let db = outputs.entry(key("db")).or_default();
    db.insert("password".to_owned(), Output::secret("db-credentials", "password"));
    outputs
}

#[test]
fn every_variable_of_every_container_is_resolved() {
    let spec = json!({
        "containers": {
            "web": { "variables": { "HOST": "${resources.db.host}", "NAME": "${metadata.name}", "PLAIN": "$$1" } },
            "side": { "image": "side:1", "variables": { "PORT": "${resources.db.port}" } },
            "bare": { "image": "bare:1" },
        },
        "resources": { "db": { "type": "postgres" } },
    });
    let projection = projection(spec, &outputs("db", json!({ "host": "db.local", "port": 5432 })));
    let variables = serde_json::to_value(
        resolved(projection.variables)
            .into_iter()
            .map(|(name, texts)| (name.to_string(), texts))
            .collect::<std::collections::BTreeMap<_, _>>(),
    );
    let expected = json!({
        "bare": {},
        "side": { "PORT": "5432" },
        "web": { "HOST": "db.local", "NAME": "app", "PLAIN": "$1" },
    });
    assert_eq!(variables.unwrap(), expected);
}

#[test]
fn a_variable_with_a_secret_is_a_list_of_segments() {
    let spec = json!({
        "containers": { "web": { "variables": { "DSN": "pg://app:${resources.db.password}@${resources.db.host}" } } },
        "resources": { "db": { "type": "postgres" } },
    });
    let projection = projection(spec, &with_secret(outputs("db", json!({ "host": "db.local" }))));
    let expected = Text::Segments(vec![
        Segment::Value("pg://app:".to_owned()),
        Segment::SecretKeyRef(SecretKeyRef { name: "db-credentials".to_owned(), key: "password".to_owned() }),
        Segment::Value("@db.local".to_owned()),
    ]);
    assert_eq!(resolved(projection.variables)["web"]["DSN"], expected);
}

#[test]
fn params_are_resolved_in_values_however_deep_and_never_in_keys() {
    let spec = json!({ "resources": {
        "db": { "type": "postgres" },
        "dns": { "type": "dns", "params": {
            "a": "1",
            "b": "${metadata.name}",
            "c": ["1", "${resources.db.host}", { "d": "${resources.db.port}", "${metadata.name}": null }],
            "d": { "e": 1.5, "f": true, "g": [], "h": {} },
        } },
    } });
    let projection = projection(spec, &outputs("db", json!({ "host": "db.local", "port": 5432 })));
    let params = resolved(projection.params[&key("dns")].clone()).unwrap();
    let expected = json!({
        "a": "1",
        "b": "app",
        "c": ["1", "db.local", { "d": "5432", "${metadata.name}": null }],
        "d": { "e": 1.5, "f": true, "g": [], "h": {} },
    });
    assert_eq!(Value::Object(params.0), expected);
}

#[test]
fn a_param_with_a_secret_is_a_list_of_segments() {
    let spec = json!({ "resources": {
        "db": { "type": "postgres" },
        "mirror": { "type": "mirror", "params": { "dsn": "pg://${resources.db.password}@host" } },
    } });
    let projection = projection(spec, &with_secret(Outputs::new()));
    let OpenObject(params) = resolved(projection.params[&key("mirror")].clone()).unwrap();
    let secret = json!({ "secretKeyRef": { "name": "db-credentials", "key": "password" } });
    assert_eq!(params["dsn"], json!([{ "value": "pg://" }, secret, { "value": "@host" }]));
}

#[test]
fn absent_and_empty_params_stay_so() {
    let spec =
        json!({ "resources": { "absent": { "type": "thing" }, "empty": { "type": "thing", "params": {} } } });
    let projection = projection(spec, &Outputs::new());
    assert_eq!(resolved(projection.params[&key("absent")].clone()), None);
    assert_eq!(resolved(projection.params[&key("empty")].clone()), Some(OpenObject::default()));
}

#[test]
fn every_unresolved_reference_is_reported_with_its_field_and_reason() {
    let spec = json!({
        "containers": {
            "web": { "variables": { "BOTH": "${resources.db.hots} ${resources.late.url}", "FINE": "${resources.db.host}" } },
            "side": { "image": "side:1", "variables": { "URL": "${resources.late.url}" } },
        },
        "resources": { "db": { "type": "postgres" }, "late": { "type": "thing" } },
    });
    let projection = projection(spec, &outputs("db", json!({ "host": "db.local", "port": 1 })));
    let unresolved = unresolved(projection.variables);
    let messages: Vec<String> = unresolved.iter().map(ToString::to_string).collect();
    assert_eq!(
        messages,
        [
            "spec.containers.side.variables.URL: ref 'resources.late.url' waits for resource 'late': it has no outputs yet",
            "spec.containers.web.variables.BOTH: invalid ref 'resources.db.hots' to resource 'db': key 'hots' not found; \
         it has the outputs host, port",
            "spec.containers.web.variables.BOTH: ref 'resources.late.url' waits for resource 'late': it has no outputs yet",
        ]
    );
    assert_eq!(unresolved[0].cause.reference.resource, key("late"));
    assert_eq!(unresolved[0].cause.reference.output, "url");
    assert_eq!(unresolved[0].cause.why, Why::Pending);
}

#[test]
fn resources_do_not_wait_for_each_others_params() {
    let spec = json!({ "resources": {
        "db": { "type": "postgres", "params": { "name": "${metadata.name}" } },
        "dns": { "type": "dns", "params": { "deep": [{ "host": "${resources.db.host}" }] } },
    } });
    let projection = projection(spec, &Outputs::new());
    assert_eq!(resolved(projection.params[&key("db")].clone()).unwrap().0["name"], "app");
    let unresolved = unresolved(projection.params[&key("dns")].clone());
    assert_eq!(unresolved[0].path, "spec.resources.dns.params.deep[0].host");
    assert_eq!(unresolved[0].cause.why, Why::Pending);
}
