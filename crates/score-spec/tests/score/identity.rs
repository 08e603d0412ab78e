//! Which resources are one and the same.

use api_types::Workload;
use score_spec::{
    identity::ResourceUid,
    validate::{ValidWorkload, validate},
};
use serde_json::{Value, json};

use crate::support::{errors_of, workload};

fn valid(resources: Value) -> ValidWorkload {
    validate(&with(resources)).unwrap()
}

fn with(resources: Value) -> Workload {
    workload(json!({ "resources": resources }))
}

fn uid(resources: Value, key: &str) -> String {
    let workload = valid(resources);
    let (key, resource) = workload.resources.get_key_value(key).unwrap();
    resource.uid(&workload.name, key).to_string()
}

fn claim_name(resources: Value, key: &str) -> String {
    let workload = valid(resources);
    let (key, resource) = workload.resources.get_key_value(key).unwrap();
    resource.claim_name(&workload.name, key)
}

#[test]
fn a_resource_without_id_belongs_to_its_workload() {
    assert_eq!(uid(json!({ "my-res": { "type": "res-type" } }), "my-res"), "res-type.default#app.my-res");
}

#[test]
fn the_class_is_part_of_the_identity() {
    let resources = json!({ "my-res": { "type": "res-type", "class": "something" } });
    assert_eq!(uid(resources, "my-res"), "res-type.something#app.my-res");
}

#[test]
fn the_id_takes_the_place_of_workload_and_key() {
    let resources = json!({ "my-res": { "type": "res-type", "id": "some.thing" } });
    assert_eq!(uid(resources, "my-res"), "res-type.default#some.thing");
}

#[test]
fn an_absent_class_is_the_class_default() {
    let named = uid(json!({ "one": { "type": "thing", "class": "default", "id": "elephant" } }), "one");
    assert_eq!(uid(json!({ "two": { "type": "thing", "id": "elephant" } }), "two"), named);
}

#[test]
fn upper_and_lower_case_types_are_different() {
    let upper = uid(json!({ "one": { "type": "Thing", "id": "elephant" } }), "one");
    assert_ne!(uid(json!({ "one": { "type": "thing", "id": "elephant" } }), "one"), upper);
}

#[test]
fn the_claim_of_an_own_resource_is_named_after_workload_and_key() {
    assert_eq!(claim_name(json!({ "db": { "type": "postgres" } }), "db"), "app-db");
}

#[test]
fn the_claim_of_a_shared_resource_is_named_after_its_identity_alone() {
    let name = claim_name(json!({ "db": { "type": "postgres", "id": "main" } }), "db");
    // printf 'postgres.default#main' | sha256sum | cut -c1-16
    assert_eq!(name, "shared-dbe20400ad305b6e");
    assert_eq!(
        claim_name(json!({ "other": { "type": "postgres", "class": "default", "id": "main" } }), "other"),
        name
    );
    assert_ne!(claim_name(json!({ "db": { "type": "postgres", "class": "big", "id": "main" } }), "db"), name);
}

#[test]
fn declarations_of_one_resource_must_not_differ_in_their_params() {
    let errors = errors_of(&with(json!({
        "one": { "type": "thing", "id": "elephant", "params": { "size": 1 } },
        "two": { "type": "thing", "class": "default", "id": "elephant", "params": { "size": 2 } },
    })));
    let expected = "spec.resources.two.params: differs from that of one, though both are the resource \
                    thing.default#elephant: make them equal, or change id";
    assert_eq!(errors, [expected]);
}

#[test]
fn declarations_of_one_resource_must_not_differ_in_their_metadata() {
    let errors = errors_of(&with(json!({
        "one": { "type": "thing", "id": "elephant", "metadata": { "size": 1 } },
        "two": { "type": "thing", "id": "elephant", "metadata": { "size": 2 } },
    })));
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].starts_with("spec.resources.two.metadata: differs from that of one"));
}

#[test]
fn a_third_declaration_is_held_against_the_one_with_params() {
    let errors = errors_of(&with(json!({
        "one": { "type": "thing", "id": "elephant" },
        "three": { "type": "thing", "id": "elephant", "params": { "size": 1 } },
        "two": { "type": "thing", "id": "elephant", "params": { "size": 2 } },
    })));
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].starts_with("spec.resources.two.params: differs from that of three"), "{errors:?}");
}

#[test]
fn declarations_of_one_resource_may_agree_or_leave_params_out() {
    valid(json!({
        "one": { "type": "thing", "id": "elephant", "params": { "size": 1 }, "metadata": { "a": 1 } },
        "two": { "type": "thing", "id": "elephant", "params": { "size": 1 }, "metadata": { "a": 1 } },
        "three": { "type": "thing", "id": "elephant" },
    }));
}

#[test]
fn own_resources_of_one_type_may_differ() {
    valid(json!({
        "one": { "type": "thing", "params": { "size": 1 } },
        "two": { "type": "thing", "params": { "size": 2 } },
    }));
}

#[test]
fn the_identity_of_a_shared_resource_can_be_told_before_the_workload_is_checked() {
    let identity = |resource: Value| {
        let resource = serde_json::from_value(resource).unwrap();
        ResourceUid::of_shared(&resource).map(|uid| uid.to_string())
    };
    assert_eq!(identity(json!({ "type": "thing", "id": "elephant" })).unwrap(), "thing.default#elephant");
    assert_eq!(identity(json!({ "type": "thing", "class": "big", "id": "a.b" })).unwrap(), "thing.big#a.b");
    for none in [
        json!({ "type": "thing" }),
        json!({ "type": "thing", "id": "X" }),
        json!({ "type": "x", "id": "elephant" }),
        json!({ "type": "thing", "class": "", "id": "elephant" }),
    ] {
        assert_eq!(identity(none.clone()), None, "{none}");
    }
}
