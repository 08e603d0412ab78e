//! The CRDs that the chart ships are generated from the types. `UPDATE_CRDS=1` writes them anew.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

use serde_json::{Value, json};

#[test]
fn crds_on_disk_are_those_of_the_types() {
    assert_eq!(crd_files::out_of_date(&podset_types::crds()), [""; 0], "run `make crds`");
}

#[test]
fn every_field_has_a_description() {
    assert_eq!(crd_files::undescribed(&podset_types::crds()), [""; 0]);
}

#[test]
fn the_crds_folder_holds_the_kinds_of_both_groups_and_nothing_else() {
    let all: Vec<_> = api_types::crds().into_iter().chain(podset_types::crds()).collect();
    assert_eq!(crd_files::unexpected(&all), [].into());
}

fn crd(kind: usize) -> Value {
    serde_json::to_value(&podset_types::crds()[kind]).unwrap()
}

/// Name, JSON path and priority of every column.
fn columns(crd: &Value) -> Vec<(String, String, i64)> {
    let columns = crd["spec"]["versions"][0]["additionalPrinterColumns"].as_array().unwrap();
    let text = |column: &Value, field: &str| column[field].as_str().unwrap().to_owned();
    let priority = |column: &Value| column["priority"].as_i64().unwrap_or_default();
    columns.iter().map(|column| (text(column, "name"), text(column, "jsonPath"), priority(column))).collect()
}

fn column(name: &str, path: &str, priority: i64) -> (String, String, i64) {
    (name.to_owned(), path.to_owned(), priority)
}

const POD_SET: &str = r".metadata.labels.planner\.ciena\.io/pod-set";

#[test]
fn a_trigger_has_the_names_and_columns_that_its_users_know() {
    let crd = crd(0);
    let names = json!({
        "plural": "scheduletriggers", "singular": "scheduletrigger", "shortNames": ["st"], "kind": "ScheduleTrigger",
    });
    assert_eq!(crd["spec"]["names"], names);
    assert_eq!(
        (&crd["spec"]["group"], &crd["spec"]["scope"]),
        (&json!("planner.ciena.io"), &json!("Namespaced"))
    );
    let expected = [
        column("State", ".spec.state", 0),
        column("PodSet", POD_SET, 0),
        column("QuietTime", r".metadata.labels.planner\.ciena\.io/quiet-time", 1),
        column("Age", ".metadata.creationTimestamp", 0),
    ];
    assert_eq!(columns(&crd), expected);
}

#[test]
fn a_plan_has_the_names_and_columns_that_its_users_know() {
    let crd = crd(1);
    let names = json!({
        "plural": "scheduleplans", "singular": "scheduleplan", "shortNames": ["sp"], "kind": "SchedulePlan",
    });
    assert_eq!(crd["spec"]["names"], names);
    let expected = [
        column("PodSet", POD_SET, 0),
        column("Age", ".metadata.creationTimestamp", 0),
        column("Plan", ".spec.plan", 1),
    ];
    assert_eq!(columns(&crd), expected);
}

#[test]
fn what_was_required_is_required_and_what_is_new_is_not() {
    let (trigger, plan) = (crd(0), crd(1));
    for crd in [&trigger, &plan] {
        let version = &crd["spec"]["versions"][0];
        assert_eq!(version["name"], "v1alpha1");
        assert_eq!(version["schema"]["openAPIV3Schema"]["required"], json!(["spec"]));
        assert_eq!(version["subresources"], json!({"status": {}}));
    }
    let schema =
        |crd: &Value| crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"].clone();
    let (trigger, plan) = (schema(&trigger), schema(&plan));
    assert_eq!(trigger["required"], json!(["state"]));
    assert_eq!(trigger["properties"]["state"]["enum"], json!(["Planning", "Schedule"]));
    assert_eq!(plan["required"], json!(["plan"]));
    assert_eq!(plan["properties"]["plan"]["items"]["required"], json!(["node", "pod"]));
}
