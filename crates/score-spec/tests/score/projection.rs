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
    let variables: serde_json::Map<_, _> = resolved(projection.containers)
        .into_iter()
        .map(|(name, container)| (name, json!(container.variables)))
        .collect();
    let expected = json!({
        "bare": {},
        "side": { "PORT": "5432" },
        "web": { "HOST": "db.local", "NAME": "app", "PLAIN": "$1" },
    });
    assert_eq!(Value::Object(variables), expected);
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
    assert_eq!(resolved(projection.containers)["web"].variables["DSN"], expected);
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
    let unresolved = unresolved(projection.containers);
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
    assert_eq!(unresolved[0].cause.resource, key("late"));
    assert_eq!(unresolved[0].cause.reference, "resources.late.url");
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

/// A container `web` with every kind of file, and what its files become with these outputs.
fn files(outputs: &Outputs) -> Resolution<Value> {
    let spec = json!({
        "containers": { "web": { "files": {
            "/etc/app/dsn": { "content": "${resources.db.host}:${resources.db.port} $$", "mode": "600" },
            "/etc/app//secret.ini": { "content": "user=app\npassword=${resources.db.password}\n" },
            "/etc/app/raw": { "content": "${as.it.is} $$", "noExpand": true },
            "/etc/app/logo": { "binaryContent": "iVBORw0K\nGgo=\n", "mode": "0444" },
            "/etc/app/empty": { "content": "" },
        } } },
        "resources": { "db": { "type": "postgres" } },
    });
    match projection(spec, outputs).containers {
        Resolution::Resolved(containers) => Resolution::Resolved(json!(containers["web"].files)),
        Resolution::Unresolved(unresolved) => Resolution::Unresolved(unresolved),
    }
}

#[test]
fn files_are_text_with_outputs_segments_with_secrets_text_as_it_is_or_bytes() {
    let files = resolved(files(&with_secret(outputs("db", json!({ "host": "db.local", "port": 5432 })))));
    let secret = json!({ "secretKeyRef": { "name": "db-credentials", "key": "password" } });
    let expected = json!({
        "/etc/app/dsn": { "content": "db.local:5432 $", "mode": "0600" },
        "/etc/app/secret.ini": { "content": [{ "value": "user=app\npassword=" }, secret, { "value": "\n" }] },
        "/etc/app/raw": { "content": "${as.it.is} $$" },
        "/etc/app/logo": { "binaryContent": "iVBORw0KGgo=", "mode": "0444" },
        "/etc/app/empty": { "content": "" },
    });
    assert_eq!(files, expected);
}

#[test]
fn a_file_waits_for_the_outputs_that_it_holds() {
    let missing = unresolved(files(&outputs("db", json!({ "host": "db.local", "port": 5432 }))));
    let expected = "spec.containers.web.files[\"/etc/app/secret.ini\"].content: invalid ref 'resources.db.password' to \
                    resource 'db': key 'password' not found; it has the outputs host, port";
    assert_eq!(missing.iter().map(ToString::to_string).collect::<Vec<_>>(), [expected]);
}

/// The volumes of a container that mounts `data` by paths of every form.
fn volumes(outputs: &Outputs) -> Resolution<Value> {
    let spec = json!({
        "containers": { "web": { "volumes": {
            "/data": { "source": "${resources.data}", "path": "sub/dir", "readOnly": true },
            "/rooted": { "source": "${resources.data}", "path": "/sub/dir" },
            "/all": { "source": "${resources.data}", "path": "" },
            "/root": { "source": "${resources.data}", "path": "/" },
        } } },
        "resources": { "data": { "type": "volume" } },
    });
    match projection(spec, outputs).containers {
        Resolution::Resolved(containers) => Resolution::Resolved(json!(containers["web"].volumes)),
        Resolution::Unresolved(unresolved) => Resolution::Unresolved(unresolved),
    }
}

#[test]
fn a_volume_has_the_outputs_of_its_resource_save_secret_ones() {
    for volume in [
        json!({ "source": { "emptyDir": {} } }),
        json!({ "claimSpec": { "accessModes": ["ReadWriteOnce"] } }),
    ] {
        let mut given = outputs("data", volume.clone());
        given.get_mut(&key("data")).unwrap().insert("key".to_owned(), Output::secret("data", "key"));
        let expected = json!({
            "/data": { "claim": "data", "outputs": volume, "path": "sub/dir", "readOnly": true },
            "/rooted": { "claim": "data", "outputs": volume, "path": "sub/dir" },
            "/all": { "claim": "data", "outputs": volume },
            "/root": { "claim": "data", "outputs": volume },
        });
        assert_eq!(resolved(volumes(&given)), expected);
    }
}

#[test]
fn a_volume_waits_for_the_outputs_of_its_resource() {
    let missing = unresolved(volumes(&Outputs::new()));
    assert_eq!(missing.len(), 4);
    assert_eq!(
        missing[1].to_string(),
        "spec.containers.web.volumes[\"/data\"].source: ref 'resources.data' waits for resource 'data': \
         it has no outputs yet"
    );
}

#[test]
fn a_resource_that_is_no_volume_cannot_be_mounted() {
    let mut secret = outputs("data", json!({ "host": "db.local" }));
    secret.get_mut(&key("data")).unwrap().insert("source".to_owned(), Output::secret("data", "source"));
    for (given, has) in [(outputs("data", json!({})), "no outputs"), (secret, "the outputs host, source")] {
        let missing = unresolved(volumes(&given)).remove(1);
        let expected = format!(
            "spec.containers.web.volumes[\"/data\"].source: invalid ref 'resources.data' to resource 'data': it is no \
             volume, which has an output source or claimSpec that is not secret; it has {has}: refer to a resource that \
             is a volume"
        );
        assert_eq!(missing.to_string(), expected);
    }
}

#[test]
fn everything_else_of_a_container_is_as_it_was_written() {
    let spec = json!({
        "containers": {
            "web": {
                "image": "web:1", "command": ["${a}"], "args": ["${b}"],
                "resources": { "limits": { "memory": "1K" } },
                "livenessProbe": { "exec": { "command": ["${c}"] } },
                "readinessProbe": { "httpGet": { "path": "/${d}", "port": 80 } },
                "before": { "side": { "ready": "healthy" } },
            },
            "side": { "image": "side:1" },
        },
    });
    let expected = spec["containers"].clone();
    assert_eq!(json!(resolved(projection(spec, &Outputs::new()).containers)), expected);
}
