//! Who provides a resource.

use api_types::{DeprovisionPolicy, OpenObject, Workload};
use platform::{
    config::{Config, Provisioner},
    decide::GivenParams,
    params::errors,
    policy::Policies,
};
use serde_json::{Value, json};

use crate::support::{assert_lines, config, decided, decided_given, full, policies, refusals, workload};

fn needing(resource: &Value) -> Workload {
    workload(&json!({}), &json!({"resources": {"db": resource}}))
}

/// `provisioner class`, or why nobody.
fn provider(workload: &Workload) -> String {
    let config = full();
    let decision = decided(workload, &config, &Policies::default()).unwrap();
    match &decision.resources["db"] {
        Ok(provided) => format!("{} {}", provided.provision.provisioner.name, provided.provision.class_name),
        Err(nobody) => nobody.to_string(),
    }
}

#[test]
fn the_most_specific_match_wins() {
    for (resource, expected) in [
        (json!({"type": "postgres"}), "provisioner-postgres small"),
        (json!({"type": "postgres", "class": "small"}), "provisioner-postgres small"),
        (json!({"type": "postgres", "params": {"provider": "aws", "size": "xl"}}), "provisioner-rds default"),
        (json!({"type": "postgres", "id": "company"}), "provisioner-shared default"),
        (
            json!({"type": "postgres", "id": "company", "params": {"provider": "aws"}}),
            "provisioner-shared default",
        ),
        (json!({"type": "postgres", "id": "other"}), "provisioner-postgres small"),
        (json!({"type": "redis"}), "provisioner-redis default"),
    ] {
        assert_eq!(provider(&needing(&resource)), expected, "{resource}");
    }
}

#[test]
fn why_the_others_were_not_chosen_is_told() {
    let config = full();
    let decision = decided(&needing(&json!({"type": "postgres"})), &config, &Policies::default()).unwrap();
    let others = &decision.resources["db"].as_ref().unwrap().provision.others;
    let others: Vec<_> = others.iter().map(|(name, why)| format!("{name} {why}")).collect();
    assert_eq!(
        others,
        ["provisioner-rds is for params with `provider: \"aws\"`", "provisioner-shared is for another id"]
    );
}

#[test]
fn what_nobody_provides_is_told_with_what_there_is() {
    let message = provider(&needing(&json!({"type": "mysql"})));
    assert!(
        message.starts_with("the platform offers no `mysql` of class `default`: use one of"),
        "{message}"
    );
    assert!(message.contains("`postgres (small)`") && message.contains("`redis (default)`"), "{message}");
    let message = provider(&needing(&json!({"type": "postgres", "class": "huge"})));
    assert!(message.contains("`provisioner-postgres` does not serve the class"), "{message}");
}

#[test]
fn a_class_may_be_for_some_workloads_only() {
    let large = json!({"resources": {"db": {"type": "postgres", "class": "large"}}});
    assert!(provider(&workload(&json!({}), &large)).contains("is for Workloads with other labels"));
    assert_eq!(
        provider(&workload(&json!({"labels": {"tier": "internal"}}), &large)),
        "provisioner-postgres large"
    );
    let replicated = json!({"resources": {"db": {"type": "postgres", "class": "replicated"}}});
    assert!(provider(&workload(&json!({}), &replicated)).contains("that require `gpu`"));
    let elsewhere = json!({"annotations": {"score.dev/requirements": "gpu", "score.dev/regions": "us-1"}});
    assert!(provider(&workload(&elsewhere, &replicated)).contains("in `eu-west-1` only"));
    let here =
        json!({"annotations": {"score.dev/requirements": "gpu", "score.dev/regions": "us-1, eu-west-1"}});
    assert_eq!(provider(&workload(&here, &replicated)), "provisioner-postgres replicated");
}

#[test]
fn what_a_class_is_told_lies_on_top_of_what_all_classes_are_told() {
    let config = full();
    let workload = workload(
        &json!({"labels": {"tier": "internal"}}),
        &json!({"resources": {"db": {"type": "postgres", "class": "large"}}}),
    );
    let decision = decided(&workload, &config, &Policies::default()).unwrap();
    let provision = &decision.resources["db"].as_ref().unwrap().provision;
    assert_eq!(
        Value::Object(provision.class.parameters.0.clone()),
        json!({"backup": true, "image": "postgres", "storage": "100Gi"})
    );
}

#[test]
fn what_becomes_of_a_resource_is_said_by_the_policy_then_the_configuration_then_caution() {
    let config = full();
    let orphan = policies(&[("orphans", json!({"defaults": {"deprovisionPolicy": "Orphan"}}))]);
    let workload =
        workload(&json!({}), &json!({"resources": {"db": {"type": "postgres"}, "cache": {"type": "redis"}}}));
    let policy = |key: &str, policies: &Policies| {
        decided(&workload, &config, policies).unwrap().resources[key].as_ref().unwrap().deprovision_policy
    };
    assert_eq!(policy("db", &orphan), DeprovisionPolicy::Orphan);
    assert_eq!(policy("db", &Policies::default()), DeprovisionPolicy::Retain);
    assert_eq!(policy("cache", &Policies::default()), DeprovisionPolicy::Retain);
}

#[test]
fn a_protected_class_retains_what_would_be_deleted_until_it_is_released() {
    let offering = |protect: bool, policy: &str| {
        config(&json!({
            "profiles": [{"name": "web", "backends": [
                {"backendId": "b", "runtimeClass": "r", "template": {"kind": "manifests"}},
            ]}],
            "provisioners": [{"type": "postgres", "provisioner": "p", "deprovisionPolicy": policy,
                              "classes": [{"name": "default", "protect": protect}]}],
        }))
    };
    let needing = needing(&json!({"type": "postgres"}));
    for (protect, policy, kept, released) in [
        (true, "Delete", DeprovisionPolicy::Retain, DeprovisionPolicy::Delete),
        (true, "Orphan", DeprovisionPolicy::Orphan, DeprovisionPolicy::Orphan),
        (false, "Delete", DeprovisionPolicy::Delete, DeprovisionPolicy::Delete),
    ] {
        let config = offering(protect, policy);
        let decision = decided(&needing, &config, &Policies::default()).unwrap();
        let provided = decision.resources["db"].as_ref().unwrap();
        assert_eq!((provided.policy(false), provided.policy(true)), (kept, released), "{protect}, {policy}");
    }
    // A policy of the platform for some namespaces goes before the configuration, and not before its protection.
    let config = offering(true, "Retain");
    let deleting = policies(&[("dev", json!({"defaults": {"deprovisionPolicy": "Delete"}}))]);
    let decision = decided(&needing, &config, &deleting).unwrap();
    assert!(decision.resources["db"].as_ref().unwrap().is_protected());
}

#[test]
fn params_are_held_to_the_schema_of_their_provisioner() {
    let spec = json!({"resources": {
        "db": {"type": "postgres", "params": {"encoding": "EBCDIC", "tuning": 5, "sise": 1, "near": "${resources.cache.host}"}},
        "cache": {"type": "redis"},
    }});
    let config = full();
    let mut lines = refusals(decided(&workload(&json!({}), &spec), &config, &Policies::default()));
    lines.sort();
    assert_lines(
        &lines,
        &[
            "spec.resources.db.params.encoding: \"EBCDIC\"",
            "spec.resources.db.params.tuning: 5",
            "spec.resources.db.params: ",
        ],
    );
    assert!(lines[2].contains("'sise'"), "{lines:?}");
}

#[test]
fn what_metadata_brings_into_params_is_held_to_the_schema_too() {
    let spec = |encoding: &str, near: &str| {
        json!({
            "metadata": {"good": "UTF8", "bad": "EBCDIC", "lines": "db\nadmin: true"},
            "resources": {
                "db": {"type": "postgres", "params": {"encoding": encoding, "near": near}}, "cache": {"type": "redis"},
            },
        })
    };
    let config = full();
    for near in ["${metadata.lines}", "$${resources.cache.host}"] {
        let wrong = workload(&json!({}), &spec("${metadata.bad}", near));
        let mut lines = refusals(decided(&wrong, &config, &Policies::default()));
        lines.sort();
        assert_lines(&lines, &["spec.resources.db.params.encoding: ", "spec.resources.db.params.near: "]);
    }
    for near in ["${resources.cache.host}", "db.${resources.cache.host}${metadata.lines}"] {
        let right = workload(&json!({}), &spec("${metadata.good}", near));
        assert!(decided(&right, &config, &Policies::default()).is_ok(), "{near}");
    }
}

/// A platform whose only provisioner takes params with this schema.
fn offering(schema: &Value) -> Config {
    config(&json!({
        "profiles": [{"name": "web", "backends": [
            {"backendId": "b", "runtimeClass": "r", "template": {"kind": "manifests"}},
        ]}],
        "provisioners": [{"type": "postgres", "provisioner": "p", "params": schema}],
    }))
}

/// The provisioner of params with this schema.
fn taking(schema: &Value) -> Provisioner {
    offering(schema).provisioners[0].clone()
}

fn open(value: Value) -> OpenObject {
    serde_json::from_value(value).unwrap()
}

#[test]
fn params_with_outputs_put_in_are_held_to_the_schema_but_for_secrets() {
    let schema = json!({"properties": {
        "size": {"type": "integer", "maximum": 9}, "on": {"type": "boolean"}, "name": {"type": "string", "pattern": "^[a-z]+$"},
        "any": {"pattern": "^[a-z]+$"}, "list": {"items": {"type": "string", "maxLength": 3}},
        "one": {"anyOf": [{"required": ["key"], "properties": {"key": {"type": "string"}}}]},
    }});
    let (output, secret) =
        ("${resources.x.y}", json!([{"value": "p="}, {"secretKeyRef": {"name": "s", "key": "k"}}]));
    for (written, known, wrong) in [
        (json!({"size": output}), json!({"size": "5"}), ""),
        (json!({"size": output}), json!({"size": "50"}), "size: 50"),
        (json!({"size": output}), json!({"size": "5\nx: y"}), "size: "),
        (json!({"size": "5"}), json!({"size": "5"}), "size: \"5\""),
        (json!({"on": output}), json!({"on": "true"}), ""),
        (json!({"on": output}), json!({"on": "5"}), "on: "),
        (json!({"name": output}), json!({"name": "a\nb: c"}), "name: "),
        (json!({"name": output}), json!({"name": "5"}), "name: \"5\""),
        (json!({"any": output}), json!({"any": "5"}), "any: \"5\""),
        (json!({"name": output}), json!({"name": secret}), ""),
        (json!({"one": {"key": output}}), json!({"one": {"key": secret}}), ""),
        (json!({"list": [output, "abcd"]}), json!({"list": [secret, "abcd"]}), "list[1]: "),
        (json!({"list": [output]}), json!({"list": ["abcd"]}), "list[0]: "),
    ] {
        let found = errors(&taking(&schema), &"db".parse().unwrap(), Some(&open(written)), Some(open(known)));
        let found: Vec<_> = found.iter().map(ToString::to_string).collect();
        let expected: &[&str] = if wrong.is_empty() { &[] } else { &[wrong] };
        assert_lines(&found, expected);
    }
}

#[test]
fn params_that_another_workload_gives_to_a_shared_resource_decide_who_provides_it() {
    let spec = json!({
        "containers": {"main": {"variables": {"ANY": "${resources.db.any}"}}},
        "resources": {"db": {"type": "postgres", "id": "main"}},
    });
    let (config, user, none) = (full(), workload(&json!({}), &spec), Policies::default());
    let alone = refusals(decided(&user, &config, &none));
    assert_lines(&alone, &["spec.containers.main.variables.ANY: resource 'db' has no output 'any'"]);
    let params = open(json!({"provider": "aws"}));
    let given = GivenParams::from([("db", &params)]);
    let decision = decided_given(&user, &given, &config, &none).unwrap();
    assert_eq!(
        decision.resources["db"].as_ref().unwrap().provision.provisioner.name.as_str(),
        "provisioner-rds"
    );
}

#[test]
fn who_leaves_out_params_of_a_shared_resource_is_not_held_to_their_schema_where_another_gives_them() {
    let config = offering(&json!({"required": ["size"]}));
    let declaring = |resources: Value| workload(&json!({}), &json!({"resources": resources}));
    let user = declaring(json!({"db": {"type": "postgres", "id": "main"}}));
    let none = Policies::default();
    assert_lines(
        &refusals(decided(&user, &config, &none)),
        &["spec.resources.db.params: \"size\" is a required"],
    );
    let params = open(json!({"size": "s"}));
    let given = GivenParams::from([("db", &params)]);
    assert!(decided_given(&user, &given, &config, &none).is_ok());
    let twice = |params: Value| {
        declaring(json!({
            "one": {"type": "postgres", "id": "main"},
            "two": {"type": "postgres", "id": "main", "params": params},
        }))
    };
    assert!(decided(&twice(json!({"size": "s"})), &config, &none).is_ok());
    // What it gives itself is judged, whatever others give.
    let wrong = refusals(decided_given(&twice(json!({})), &given, &config, &none));
    assert_lines(&wrong, &["spec.resources.two.params: \"size\" is a required"]);
}

#[test]
fn what_is_wrong_with_resources_is_told_beside_what_is_wrong_elsewhere() {
    let wrong = |annotations: Value, image: &str, policies: &Policies| {
        let spec = json!({
            "containers": {"main": {"image": image, "variables": {"DB": "${resources.db.hots}"}}},
            "resources": {"db": {"type": "postgres", "params": {"encoding": "EBCDIC"}}},
        });
        refusals(decided(&workload(&json!({"annotations": annotations}), &spec), &full(), policies))
    };
    let (params, output) = (
        "spec.resources.db.params.encoding: ",
        "spec.containers.main.variables.DB: resource 'db' has no output",
    );
    let image = "spec.containers.main.image: must name an image";
    let none = Policies::default();
    assert_lines(
        &wrong(json!({"score.dev/replica": "1"}), "registry.example.com/shop:1", &none),
        &["[score.dev/replica]: unknown annotation", params, output],
    );
    let job = json!({"score.dev/kind": "Job", "score.dev/replicas": "2"});
    assert_lines(&wrong(job, ".", &none), &[image, params, output, "[score.dev/replicas]: "]);
    // Nobody can remove what they did not write.
    let replicas = json!({"defaults": {"annotations": {"score.dev/replicas": "2"}}});
    let preset = policies(&[("preset", replicas)]);
    assert_lines(&wrong(json!({"score.dev/kind": "Job"}), ".", &preset), &[image, params, output]);
}

#[test]
fn an_output_that_is_not_listed_is_refused_with_those_that_are() {
    let spec = json!({
        "containers": {"main": {"variables": {"DB": "${resources.db.hots}", "OK": "${resources.db.host} ${resources.cache.any}"}}},
        "resources": {"db": {"type": "postgres"}, "cache": {"type": "redis", "params": {"of": ["$${x} ${resources.db.nmae}"]}}},
    });
    let config = full();
    let lines = refusals(decided(&workload(&json!({}), &spec), &config, &Policies::default()));
    assert_lines(
        &lines,
        &[
            "spec.containers.main.variables.DB: resource 'db' has no output 'hots': use one of `host`, `password`, `port`",
            "spec.resources.cache.params.of[0]: resource 'db' has no output 'nmae'",
        ],
    );
}
