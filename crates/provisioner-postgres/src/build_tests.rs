use serde_json::{Value, json};

use super::*;
use crate::{
    test_support::{claim, defaults, resource_claim},
    validate::validate,
};

fn database(found: &Found) -> Database {
    validate(claim(), &resource_claim().spec, found, &defaults()).unwrap()
}

fn built(found: &Found) -> Objects {
    build(&database(found), found)
}

fn fixture(yaml: &str) -> Value {
    serde_yaml_ng::from_str(yaml).unwrap()
}

/// What the API server holds after a first pass.
fn after_the_first_pass() -> Found {
    let objects = built(&Found::default());
    let (Kept::Create(mut secret), Kept::Create(mut volume)) = (objects.secret, objects.volume) else {
        panic!("nothing was there, so both are new")
    };
    let password = crate::credentials::Password::generate().unwrap();
    let host = "shop-store-postgres.team.svc".to_owned();
    secret.data = Some(crate::credentials::Credentials { host, password }.data());
    for metadata in [&mut secret.metadata, &mut volume.metadata] {
        metadata.uid = Some("some-uid".to_owned());
        metadata.resource_version = Some("9".to_owned());
    }
    Found { secret: Some(secret), volume: Some(volume.into()), ..Found::default() }
}

#[test]
fn a_database_is_described_as_the_fixture_says() {
    let database = serde_json::to_value(built(&Found::default()).database).unwrap();
    assert_eq!(database, fixture(include_str!("../tests/fixtures/statefulset.yaml")));
}

#[test]
fn its_host_name_and_volume_are_described_as_the_fixtures_say() {
    let objects = built(&Found::default());
    let Kept::Create(volume) = objects.volume else { panic!("the volume is new") };
    assert_eq!(json!(objects.service), fixture(include_str!("../tests/fixtures/service.yaml")));
    assert_eq!(json!(volume), fixture(include_str!("../tests/fixtures/volume.yaml")));
}

#[test]
fn the_class_names_the_service_account_and_no_token_of_it_is_mounted() {
    let mut spec = resource_claim().spec;
    spec.parameters = serde_json::from_value(json!({"serviceAccountName": "databases"})).unwrap();
    let database = validate(claim(), &spec, &Found::default(), &defaults()).unwrap();
    let pod = build(&database, &Found::default()).database.spec.unwrap().template.spec.unwrap();
    assert_eq!(pod.service_account_name.as_deref(), Some("databases"));
    assert_eq!(
        (pod.service_account, pod.automount_service_account_token),
        (pod.service_account_name, Some(false))
    );
}

#[test]
fn no_label_of_the_workload_is_on_the_pod() {
    let template = built(&Found::default()).database.spec.unwrap().template.metadata.unwrap();
    let labels = template.labels.unwrap();
    for label in [metadata::LABEL_APP, metadata::LABEL_WORKLOAD] {
        assert!(!labels.contains_key(label), "{label}");
    }
    assert!(labels.values().all(|value| value != "shop"));
}

#[test]
fn what_is_there_is_left_as_it_is() {
    let objects = built(&after_the_first_pass());
    assert!(matches!(objects.secret, Kept::Unchanged(_)));
    assert!(matches!(objects.volume, Kept::Unchanged(_)));
}

#[test]
fn the_password_is_never_written_again() {
    let mut found = after_the_first_pass();
    let secret = found.secret.as_mut().unwrap();
    let data = secret.data.as_mut().unwrap();
    data.retain(|key, _| key == "password");
    let Kept::Patch(_, patch) = built(&found).secret else { panic!("keys are missing") };
    let keys: Vec<_> = patch["data"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["database", "host", "name", "port", "uri", "username"]);
    assert_eq!(patch["metadata"], json!({"uid": "some-uid", "resourceVersion": "9"}));
}

#[test]
fn a_patch_holds_for_the_version_that_was_read_only() {
    let mut found = after_the_first_pass();
    let mut volume = found.volume.as_deref().unwrap().clone();
    volume.metadata.labels.as_mut().unwrap().remove("app");
    found.volume = Some(volume.into());
    let Kept::Patch(_, patch) = built(&found).volume else { panic!("labels are missing") };
    assert_eq!(patch["metadata"]["resourceVersion"], "9");
    assert_eq!(patch["metadata"]["labels"]["app"], "shop");
    assert!(!patch.contains_key("spec"));
}

#[test]
fn the_container_passes_pod_security_restricted() {
    let pod = built(&Found::default()).database.spec.unwrap().template.spec.unwrap();
    let (pod_security, container) = (pod.security_context.unwrap(), &pod.containers[0]);
    let security = container.security_context.as_ref().unwrap();
    assert_eq!(pod_security.run_as_non_root, Some(true));
    assert_eq!(pod_security.seccomp_profile.unwrap().type_, "RuntimeDefault");
    assert_eq!(security.allow_privilege_escalation, Some(false));
    assert_eq!(security.read_only_root_filesystem, Some(true));
    assert_eq!(json!(security.capabilities), json!({"drop": ["ALL"]}));
}
