//! What comes before what.

use std::collections::{BTreeMap, BTreeSet};

use score_spec::{
    names::ResourceKey,
    order::{Cycle, needed_by, needed_first},
    validate::validate,
};
use serde_json::{Value, json};

use crate::support::{errors_of, workload};

fn graph<'a>(needs: &[(&'a str, &[&'a str])]) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
    needs.iter().map(|(node, needed)| (*node, needed.iter().copied().collect())).collect()
}

fn order_of(resources: Value) -> Vec<String> {
    let workload = validate(&workload(json!({ "resources": resources }))).unwrap();
    workload.resource_order.iter().map(ResourceKey::to_string).collect()
}

#[test]
fn without_nodes_there_is_no_order() {
    assert_eq!(needed_first::<&str>(&BTreeMap::new()), Ok(vec![]));
}

#[test]
fn unrelated_nodes_are_in_alphabetical_order() {
    assert_eq!(needed_first(&graph(&[("b", &[]), ("a", &[])])), Ok(vec!["a", "b"]));
}

#[test]
fn a_node_comes_after_what_it_needs() {
    assert_eq!(needed_first(&graph(&[("a", &["b"]), ("b", &["c"]), ("c", &[])])), Ok(vec!["c", "b", "a"]));
}

#[test]
fn a_diamond_has_an_order() {
    let diamond = graph(&[("a", &["b", "c"]), ("b", &["d"]), ("c", &["d"]), ("d", &[])]);
    assert_eq!(needed_first(&diamond), Ok(vec!["d", "b", "c", "a"]));
}

#[test]
fn what_is_no_node_is_not_waited_for() {
    assert_eq!(needed_first(&graph(&[("a", &["elsewhere"])])), Ok(vec!["a"]));
}

#[test]
fn a_cycle_is_reported_without_what_only_leads_to_it() {
    let needs = graph(&[("a", &["b"]), ("b", &["c"]), ("c", &["d"]), ("d", &["b"]), ("e", &[])]);
    let Cycle(nodes) = needed_first(&needs).unwrap_err();
    assert_eq!(nodes, ["b", "c", "d"]);
    assert_eq!(Cycle(nodes).to_string(), "b → c → d → b");
}

#[test]
fn a_node_that_needs_itself_is_a_cycle() {
    assert_eq!(needed_first(&graph(&[("a", &["a"])])).unwrap_err().to_string(), "a → a");
}

#[test]
fn a_chain_of_a_thousand_nodes_has_an_order() {
    let needs = (0..1000).map(|node| (node, BTreeSet::from([node + 1]))).collect();
    assert_eq!(needed_first(&needs).unwrap(), (0..1000).rev().collect::<Vec<_>>());
}

#[test]
fn a_resource_comes_after_those_that_its_params_refer_to() {
    let order = order_of(json!({
        "app-dns": { "type": "dns", "params": { "hosts": [{ "name": "${resources.zone.name}" }] } },
        "route": { "type": "route", "params": { "host": "${resources.app-dns.host}", "path": "/${metadata.name}" } },
        "zone": { "type": "zone" },
        "other": { "type": "thing" },
    }));
    assert_eq!(order, ["other", "zone", "app-dns", "route"]);
}

#[test]
fn escaped_placeholders_and_keys_of_params_put_nothing_in_order() {
    let order = order_of(json!({
        "aa": { "type": "thing", "params": { "text": "$${resources.bb.host}", "${resources.bb.host}": 1 } },
        "bb": { "type": "thing", "params": { "text": "${resources.aa.host}" } },
    }));
    assert_eq!(order, ["aa", "bb"]);
}

#[test]
fn a_cycle_among_resources_is_named() {
    let errors = errors_of(&workload(json!({ "resources": {
        "aa": { "type": "thing", "params": { "x": "${resources.bb.x}" } },
        "bb": { "type": "thing", "params": { "x": { "y": ["${resources.aa.x}"] } } },
    } })));
    let expected = "spec.resources: a cycle exists involving resource param placeholders (aa → bb → aa): \
                    remove one of these placeholders";
    assert_eq!(errors, [expected]);
}

#[test]
fn a_resource_that_refers_to_itself_is_a_cycle() {
    let resources =
        json!({ "resources": { "db": { "type": "thing", "params": { "x": "${resources.db.x}" } } } });
    let errors = errors_of(&workload(resources));
    assert!(errors[0].contains("(db → db)"), "{errors:?}");
}

#[test]
fn declarations_of_one_resource_are_provided_together() {
    let order = order_of(json!({
        "alias": { "type": "zone", "id": "main" },
        "late": { "type": "thing" },
        "origin": { "type": "zone", "id": "main", "params": { "x": "${resources.late.x}" } },
    }));
    assert_eq!(order, ["late", "alias", "origin"]);
}

#[test]
fn a_resource_that_refers_to_itself_by_another_declaration_is_a_cycle() {
    let errors = errors_of(&workload(json!({ "resources": {
        "alias": { "type": "zone", "class": "default", "id": "main" },
        "origin": { "type": "zone", "id": "main", "params": { "x": "${resources.alias.x}" } },
    } })));
    assert!(errors.len() == 1 && errors[0].contains("(alias → alias)"), "{errors:?}");
}

#[test]
fn the_resources_that_params_need_are_found_at_any_depth_and_whether_or_not_they_are_declared() {
    let params = json!({ "a": ["${resources.one.x} ${metadata.name}", { "b": "${resources.two}" }], "c": "$${resources.x.y}" });
    let resource = api_types::Resource {
        params: serde_json::from_value(params).unwrap(),
        ..api_types::Resource::default()
    };
    assert_eq!(needed_by(&resource), BTreeSet::from(["one".to_owned(), "two".to_owned()]));
}
