//! Workloads that share a resource by id and leave out its params, which another declaration gives.

use api_types::{Resource, ResourceClaim};
use serde_json::{Value, json};

use crate::{
    sharing::{CLAIM, claim, edit_resource, owners, params, run, running},
    stage::{Stage, fixture, settle},
};

fn offering(provisioners: &Value) -> String {
    let document = json!({
        "apiVersion": "score.dev/v1b1", "kind": "OrchestratorConfig", "metadata": {"name": "test"},
        "spec": {
            "profiles": [{"name": "web", "backends": [
                {"backendId": "standard", "runtimeClass": "other", "template": {"kind": "manifests"}},
            ]}],
            "provisioners": provisioners,
        },
    });
    document.to_string()
}

/// Databases that take no params without a size.
fn sized() -> Value {
    json!([{"type": "postgres", "provisioner": "sized", "params": {"required": ["size"]}}])
}

/// Two Workloads that share a database, to which the first gives these params, on a platform with these provisioners.
fn two(provisioners: &Value, given: Value) -> (Stage, Stage) {
    let config = offering(provisioners);
    let first = Stage::with("shared.first.yaml").configured(&config);
    let second = first.joined_by("shared.second.yaml").configured(&config);
    edit_resource(&first, "db-one", |resource| resource.params = params(given));
    (first, second)
}

#[tokio::test]
async fn who_leaves_out_params_that_the_type_requires_uses_what_another_workload_defines_with_them() {
    let (first, second) = two(&sized(), json!({"size": "s"}));
    settle(&[&second, &first]).await;
    assert_eq!(claim(&first).spec.workload_ref.name, "first");
    first.provisioner_says(CLAIM, fixture("db.bound.yaml"));
    run(&[&first, &second]).await;
    assert_eq!((first.condition("Ready"), second.condition("Ready")), running());
    assert_eq!(owners(&first), ["first", "second"]);
    assert_eq!(settle(&[&second, &first]).await, 0);
}

#[tokio::test]
async fn all_who_leave_out_params_that_the_type_requires_are_told_where_nobody_gives_them() {
    let (first, second) = two(&sized(), Value::Null);
    settle(&[&first, &second]).await;
    for (stage, key) in [(&first, "db-one"), (&second, "db-two")] {
        assert_eq!(stage.condition("Ready"), "False/SpecInvalid");
        let message = stage.message("InputsValid");
        assert!(message.starts_with(&format!("spec.resources.{key}.params: \"size\"")), "{message}");
    }
    edit_resource(&second, "db-two", |resource| resource.params = params(json!({"size": "s"})));
    settle(&[&first, &second]).await;
    assert_eq!(first.condition("InputsValid"), "True/Succeeded");
    assert_eq!(claim(&first).spec.workload_ref.name, "second");
}

#[tokio::test]
async fn who_leaves_out_params_is_provided_for_by_whom_they_choose() {
    let gold = json!({"type": "postgres", "provisioner": "gold", "selector": {"params": {"tier": "gold"}}});
    let other = json!({"type": "postgres", "provisioner": "other", "outputs": {"properties": {"dsn": {}}}});
    for provisioners in [json!([gold]), json!([gold, other])] {
        let (first, second) = two(&provisioners, json!({"tier": "gold"}));
        settle(&[&second, &first]).await;
        assert_eq!(claim(&first).spec.provisioner, "gold");
        first.provisioner_says(CLAIM, fixture("db.bound.yaml"));
        run(&[&first, &second]).await;
        assert_eq!((first.condition("Ready"), second.condition("Ready")), running());
    }
}

#[tokio::test]
async fn another_name_for_a_resource_of_the_same_workload_needs_no_params() {
    let (first, _) = two(&sized(), json!({"size": "s"}));
    first.edit(|workload| {
        let alias = Resource { params: None, ..workload.spec.resources["db-one"].clone() };
        workload.spec.resources.insert("alias".into(), alias);
    });
    settle(&[&first]).await;
    first.provisioner_says(CLAIM, fixture("db.bound.yaml"));
    run(&[&first]).await;
    assert_eq!(first.condition("Ready"), "True/Succeeded");
    assert_eq!(first.status().claims_bound.as_deref(), Some("2/2"));
}

#[tokio::test]
async fn who_leaves_out_the_params_of_one_resource_defines_another_one() {
    let (first, second) = two(&sized(), json!({"size": "s"}));
    let cache = |params: Value| -> Resource {
        serde_json::from_value(json!({"type": "postgres", "id": "cache", "params": params})).unwrap()
    };
    second.edit(|workload| {
        workload.spec.resources.insert("cache".into(), cache(json!({"size": "c"})));
    });
    let third = first.joined_by("shared.third.yaml").configured(&offering(&sized()));
    third.edit(|workload| {
        workload.spec.resources = [("cache".to_owned(), cache(Value::Null))].into();
        workload.spec.containers.get_mut("main").unwrap().variables.clear();
    });
    settle(&[&third, &second, &first]).await;
    assert_eq!(third.condition("InputsValid"), "True/Succeeded");
    let claims: Vec<ResourceClaim> = first.server.list();
    let cache = claims.iter().find(|claim| claim.spec.id.as_deref() == Some("cache")).unwrap();
    assert_eq!(cache.spec.workload_ref.name, "second");
    assert_eq!(cache.metadata.owner_references.as_ref().unwrap().len(), 2);
}
