use serde_json::json;

use super::*;

#[track_caller]
fn assert_holds(live: Value, desired: Value) {
    assert!(holds(&live, &desired), "{live} should hold {desired}");
}

#[track_caller]
fn assert_lacks(live: Value, desired: Value) {
    assert!(!holds(&live, &desired), "{live} should not hold {desired}");
}

#[test]
fn what_others_add_is_no_difference() {
    assert_holds(json!({"a": 1, "b": {"c": 2, "d": 3}}), json!({"b": {"c": 2}}));
}

#[test]
fn a_missing_or_changed_field_is_a_difference() {
    assert_lacks(json!({"a": 1}), json!({"a": 1, "b": 2}));
    assert_lacks(json!({"a": {"b": 1}}), json!({"a": {"b": 2}}));
    assert_lacks(json!({"a": "1"}), json!({"a": 1}));
}

#[test]
fn environment_variables_are_told_apart_by_name() {
    let live = json!({"env": [{"name": "INJECTED", "value": "x"}, {"name": "B", "value": "2"}, {"name": "A", "value": "1"}]});
    assert_holds(live.clone(), json!({"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}));
    assert_lacks(live.clone(), json!({"env": [{"name": "A", "value": "9"}]}));
    assert_lacks(live, json!({"env": [{"name": "C", "value": "3"}]}));
}

#[test]
fn containers_that_a_webhook_adds_are_no_difference() {
    let live = json!({"containers": [{"name": "sidecar"}, {"name": "web", "image": "a", "imagePullPolicy": "Always"}]});
    assert_holds(live.clone(), json!({"containers": [{"name": "web", "image": "a"}]}));
    assert_lacks(live, json!({"containers": [{"name": "web", "image": "b"}]}));
}

#[test]
fn a_port_is_its_number_and_its_protocol_which_is_tcp_by_default() {
    let live = json!({"ports": [
        {"containerPort": 53, "protocol": "UDP", "hostPort": 1},
        {"containerPort": 53, "protocol": "TCP", "hostPort": 2},
    ]});
    assert_holds(live.clone(), json!({"ports": [{"containerPort": 53, "hostPort": 2}]}));
    assert_lacks(live, json!({"ports": [{"containerPort": 53, "hostPort": 1}]}));

    let service = json!({"ports": [{"port": 80, "protocol": "TCP", "targetPort": 8080, "nodePort": 30000}]});
    assert_holds(service.clone(), json!({"ports": [{"port": 80, "targetPort": 8080}]}));
    assert_lacks(service, json!({"ports": [{"port": 81, "targetPort": 8080}]}));
}

#[test]
fn named_ports_are_told_apart_by_name() {
    let live = json!({"ports": [{"name": "web", "port": 80, "targetPort": 8080}]});
    assert_lacks(live, json!({"ports": [{"name": "web", "port": 81, "targetPort": 8080}]}));
}

#[test]
fn one_volume_may_be_mounted_twice() {
    let live = json!({"volumeMounts": [
        {"name": "injected", "mountPath": "/var/run"},
        {"name": "data", "mountPath": "/b", "readOnly": true},
        {"name": "data", "mountPath": "/a"},
    ]});
    let desired = json!({"volumeMounts": [
        {"name": "data", "mountPath": "/a"},
        {"name": "data", "mountPath": "/b", "readOnly": true},
    ]});
    assert_holds(live.clone(), desired);
    assert_lacks(live, json!({"volumeMounts": [{"name": "data", "mountPath": "/c"}]}));
}

#[test]
fn owners_are_told_apart_by_uid() {
    let live = json!({"ownerReferences": [{"uid": "1", "name": "a"}, {"uid": "2", "name": "a"}]});
    assert_holds(live.clone(), json!({"ownerReferences": [{"uid": "2", "name": "a"}]}));
    assert_lacks(live, json!({"ownerReferences": [{"uid": "3", "name": "a"}]}));
}

#[test]
fn conditions_and_key_references_are_told_apart_by_type_and_key() {
    assert_holds(json!({"l": [{"type": "A"}, {"type": "B", "v": 1}]}), json!({"l": [{"type": "B", "v": 1}]}));
    assert_holds(
        json!({"l": [{"key": "a"}, {"key": "b", "path": "p"}]}),
        json!({"l": [{"key": "b", "path": "p"}]}),
    );
}

#[test]
fn lists_without_keys_are_compared_by_position_and_length() {
    assert_holds(json!({"args": ["a", "b"]}), json!({"args": ["a", "b"]}));
    for other in [json!(["b", "a"]), json!(["a"]), json!(["a", "b", "c"])] {
        assert_lacks(json!({"args": other}), json!({"args": ["a", "b"]}));
    }
    let from = |name: &str| json!({"envFrom": [{"secretRef": {"name": name}}]});
    assert_holds(from("a"), from("a"));
    assert_lacks(from("a"), from("b"));
}

#[test]
fn a_list_whose_keys_repeat_is_compared_by_position() {
    let rules =
        |first: &str| json!({"tolerations": [{"key": "k", "value": first}, {"key": "k", "value": "2"}]});
    assert_holds(rules("1"), rules("1"));
    assert_lacks(rules("1"), rules("3"));
}

#[test]
fn others_may_add_finalizers() {
    assert_holds(json!({"finalizers": ["theirs", "ours"]}), json!({"finalizers": ["ours"]}));
    assert_lacks(json!({"finalizers": ["theirs"]}), json!({"finalizers": ["ours"]}));
}

#[test]
fn what_the_api_server_leaves_out_is_no_difference() {
    let desired = json!({"a": null, "b": false, "c": 0, "d": "", "e": [], "f": {}, "g": {"h": {}}});
    assert_holds(json!({}), desired);
    assert_lacks(json!({}), json!({"a": true}));
    assert_lacks(json!({}), json!({"a": [0]}));
    assert_lacks(json!({"a": true}), json!({"a": false}));
}

#[test]
fn an_empty_text_in_a_map_of_the_user_is_a_value() {
    for field in ["data", "labels", "annotations"] {
        assert_lacks(json!({field: {}}), json!({field: {"key": ""}}));
        assert_holds(json!({field: {"key": "", "other": "x"}}), json!({field: {"key": ""}}));
    }
}

#[test]
fn quantities_may_be_spelled_otherwise_where_quantities_are_expected() {
    let limits = |cpu: Value, memory: &str| json!({"resources": {"limits": {"cpu": cpu, "memory": memory}}});
    assert_holds(limits(json!("1"), "1Gi"), limits(json!("1000m"), "1024Mi"));
    assert_holds(limits(json!("1"), "1Gi"), limits(json!(1), "1Gi"));
    assert_lacks(limits(json!("2"), "1Gi"), limits(json!("1000m"), "1Gi"));
    assert_holds(json!({"emptyDir": {"sizeLimit": "1Gi"}}), json!({"emptyDir": {"sizeLimit": "1024Mi"}}));
    assert_lacks(
        json!({"env": [{"name": "A", "value": "1"}]}),
        json!({"env": [{"name": "A", "value": "1000m"}]}),
    );
    assert_lacks(json!({"data": {"limits": "1"}}), json!({"data": {"limits": "1000m"}}));
}

#[test]
fn numbers_are_compared_as_numbers() {
    assert_holds(json!({"a": 1}), json!({"a": 1.0}));
    assert_lacks(json!({"a": 1}), json!({"a": 2.0}));
}
