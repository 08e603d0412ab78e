//! What a platform allows.

use std::collections::BTreeMap;

use api_types::Workload;
use platform::policy::Policies;
use rand::{SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};
use serde_json::{Value, json};

use crate::support::{annotated, assert_lines, decided, full, policies, refusals, workload};

fn refused(workload: &Workload, policies: &Policies) -> Vec<String> {
    refusals(decided(workload, &full(), policies))
}

fn one(spec: Value) -> Policies {
    policies(&[("strict", spec)])
}

#[test]
fn every_limit_of_every_policy_holds_and_all_violations_are_told() {
    let policies = policies(&[
        ("limits", json!({"priority": 5, "limits": {"cpu": "1", "memory": "512Mi", "containers": 1}})),
        (
            "sources",
            json!({"allowedImages": ["registry.example.com/team"], "allowedResources": [{"type": "postgres", "classes": ["default"]}]}),
        ),
    ]);
    let spec = json!({
        "containers": {
            "main": {"resources": {"limits": {"cpu": "2", "memory": "512Mi"}}},
            "side": {"image": "registry.example.com/team/side:1", "resources": {"limits": {"cpu": "500m"}}},
        },
        "resources": {"cache": {"type": "redis"}, "db": {"type": "postgres", "class": "small"}, "ok": {"type": "postgres"}},
    });
    assert_lines(
        &refused(&workload(&json!({}), &spec), &policies),
        &[
            "spec.containers: has 2 containers, at most 1 are allowed: remove some (policy `limits`)",
            "spec.containers.main.resources.limits.cpu: is 2, and must be at most 1: lower it (policy `limits`)",
            "spec.containers.side.resources.limits.memory: is missing, and must be at most 512Mi: set it (policy `limits`)",
            "spec.containers.main.image: is not from an allowed registry or repository: use an image from `registry.example.com/team` (policy `sources`)",
            "spec.resources.cache.type: is not allowed: use one of `postgres`, or remove the resource (policy `sources`)",
            "spec.resources.db.class: is not allowed: use one of `default`, or remove the resource (policy `sources`)",
        ],
    );
}

#[test]
fn a_workload_that_keeps_within_is_let_through() {
    let policies = one(json!({
        "limits": {"cpu": "1", "memory": "1Gi", "containers": 2}, "allowedImages": ["registry.example.com"],
        "allowedResources": [{"type": "postgres"}],
    }));
    let spec = json!({
        "containers": {"main": {"resources": {"limits": {"cpu": "1000m", "memory": "1024Mi"}}}},
        "resources": {"db": {"type": "postgres", "class": "small"}},
    });
    assert!(decided(&workload(&json!({}), &spec), &full(), &policies).is_ok());
}

#[test]
fn an_empty_list_of_resources_allows_none() {
    let spec = json!({"resources": {"db": {"type": "postgres"}}});
    let lines = refused(&workload(&json!({}), &spec), &one(json!({"allowedResources": []})));
    assert_lines(&lines, &["spec.resources.db.type: is not allowed: remove the resource"]);
}

#[test]
fn an_identity_must_be_in_every_list_and_in_one_at_least() {
    let asks = annotated(&json!({"score.dev/service-account": "web"}));
    let path = "metadata.annotations[score.dev/service-account]";
    let none = refused(&asks, &Policies::default());
    assert!(none[0].starts_with(&format!("{path}: no policy of the platform allows")), "{none:?}");
    assert!(refused(&asks, &one(json!({})))[0].contains("(policy `strict`)"));
    let both = policies(&[
        ("a", json!({"allowedServiceAccounts": ["web", "api"]})),
        ("b", json!({"allowedServiceAccounts": ["api"]})),
    ]);
    assert_lines(
        &refused(&asks, &both),
        &[&format!("{path}: is not allowed: use one of `api`, or remove it (policy `b`)")],
    );
    let config = full();
    let allowed = one(json!({"allowedServiceAccounts": ["web"]}));
    assert_eq!(decided(&asks, &config, &allowed).unwrap().values.0["serviceAccountName"], "web");
}

#[test]
fn each_default_comes_from_the_highest_priority_that_has_it_and_never_replaces_what_is_said() {
    let policies = policies(&[
        (
            "low",
            json!({"priority": 1, "defaults": {"containers": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"cpu": "4"}}, "annotations": {"example.com/a": "low", "example.com/b": "low"}}}),
        ),
        (
            "high",
            json!({"priority": 2, "defaults": {"containers": {"requests": {"cpu": "200m"}, "limits": {"memory": "128Mi"}}, "annotations": {"example.com/a": "high", "example.com/c": "high"}}}),
        ),
    ]);
    let spec = json!({"containers": {
        "main": {},
        "says": {"image": "i", "resources": {"requests": {"memory": "1Gi"}, "limits": {"cpu": "50m"}}},
    }});
    let workload = workload(&json!({"annotations": {"example.com/c": "own"}}), &spec);
    let config = full();
    let decision = decided(&workload, &config, &policies).unwrap();
    let compute =
        |name: &str| serde_json::to_value(decision.workload.containers[name].compute.to_api()).unwrap();
    assert_eq!(
        compute("main"),
        json!({"requests": {"cpu": "200m", "memory": "64Mi"}, "limits": {"cpu": "4", "memory": "128Mi"}})
    );
    assert_eq!(
        compute("says"),
        json!({"requests": {"cpu": "50m", "memory": "1Gi"}, "limits": {"cpu": "50m", "memory": "1Gi"}})
    );
    let annotations: Vec<_> =
        decision.annotations.into_iter().map(|(key, value)| format!("{key}={value}")).collect();
    assert_eq!(annotations, ["example.com/a=high", "example.com/b=low", "example.com/c=own"]);
}

#[test]
fn a_default_annotation_asks_as_the_workload_itself_does() {
    let policies = one(json!({"defaults": {"annotations": {"score.dev/replicas": "7"}}}));
    let config = full();
    assert_eq!(decided(&annotated(&json!({})), &config, &policies).unwrap().values.0["replicas"], 7);
    let own = annotated(&json!({"score.dev/replicas": "1"}));
    assert_eq!(decided(&own, &config, &policies).unwrap().values.0["replicas"], 1);
}

#[test]
fn a_default_annotation_that_does_not_fit_a_workload_is_none_of_its() {
    let values = |workload: &Workload, policies: &Policies| {
        Value::Object(decided(workload, &full(), policies).unwrap().values.0)
    };
    let replicas = one(json!({"defaults": {"annotations": {"score.dev/replicas": "7"}}}));
    let autoscaling =
        one(json!({"defaults": {"annotations": {"score.dev/autoscaling": "{maxReplicas: 5}"}}}));
    let both = policies(&[
        (
            "low",
            json!({"priority": 1, "defaults": {"annotations": {"score.dev/autoscaling": "{maxReplicas: 5}"}}}),
        ),
        ("high", json!({"priority": 2, "defaults": {"annotations": {"score.dev/replicas": "7"}}})),
    ]);
    let service = json!({"type": "ClusterIP"});
    let load = json!({"minReplicas": 1, "maxReplicas": 5});
    for (own, policies, expected) in [
        (json!({}), &both, json!({"replicas": 7, "service": service})),
        (
            json!({"score.dev/autoscaling": "{maxReplicas: 5}"}),
            &replicas,
            json!({"autoscaling": load, "service": service}),
        ),
        (json!({"score.dev/replicas": "1"}), &autoscaling, json!({"replicas": 1, "service": service})),
        (json!({"score.dev/kind": "Job"}), &replicas, json!({"kind": "Job", "service": service})),
        (json!({"score.dev/profile": "batch"}), &autoscaling, json!({"kind": "Job", "backoffLimit": 3})),
    ] {
        assert_eq!(values(&annotated(&own), policies), expected, "{own}");
    }
    let lines =
        refused(&annotated(&json!({"score.dev/profile": "batch", "score.dev/replicas": "1"})), &replicas);
    assert_lines(&lines, &["[score.dev/replicas]: has no meaning for a `Job`"]);
}

#[test]
fn default_probes_are_for_the_containers_and_probes_that_there_are() {
    let probes =
        "{main: {liveness: {periodSeconds: 5}, readiness: {periodSeconds: 7}}, side: {liveness: {}}}";
    let policies = one(json!({"defaults": {"annotations": {"score.dev/probes": probes}}}));
    let config = full();
    let values = |workload: &Workload| decided(workload, &config, &policies).unwrap().values.0;
    let probe = json!({"exec": {"command": ["true"]}});
    let ready = workload(&json!({}), &json!({"containers": {"main": {"readinessProbe": probe}}}));
    assert_eq!(values(&ready)["probes"], json!({"main": {"readiness": {"periodSeconds": 7}}}));
    assert_eq!(values(&annotated(&json!({}))).get("probes"), None);
    let own = annotated(&json!({"score.dev/probes": probes}));
    assert_eq!(refused(&own, &policies).len(), 3);
}

#[test]
fn a_policy_applies_where_its_selector_matches_the_namespace() {
    let labels = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<BTreeMap<_, _>>()
    };
    let policies = policies(&[
        ("all", json!({})),
        ("prod", json!({"priority": -1, "namespaceSelector": {"matchLabels": {"env": "prod"}}})),
        (
            "not-prod",
            json!({"namespaceSelector": {"matchExpressions": [{"key": "env", "operator": "NotIn", "values": ["prod"]}]}}),
        ),
        (
            "labelled",
            json!({"priority": 9, "namespaceSelector": {"matchExpressions": [{"key": "env", "operator": "Exists"}]}}),
        ),
    ]);
    let names = |pairs: &[(&str, &str)]| {
        policies.terms(&labels(pairs)).names().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(names(&[("env", "prod")]), ["labelled", "all", "prod"]);
    assert_eq!(names(&[]), ["all", "not-prod"]);
}

#[test]
fn a_policy_that_is_not_valid_blocks_what_it_matches() {
    let policies =
        one(json!({"limits": {"cpu": "lots"}, "defaults": {"annotations": {"score.dev/replicas": "many"}}}));
    let errors: Vec<_> =
        policies.iter().flat_map(|policy| policy.errors()).map(ToString::to_string).collect();
    assert_lines(
        &errors,
        &[
            "spec.limits.cpu: must be a number of cores",
            "spec.defaults.annotations: metadata.annotations[score.dev/replicas]",
        ],
    );
    assert_lines(
        &refused(&annotated(&json!({})), &policies),
        &["metadata.namespace: the policy of the platform for this namespace is not valid"],
    );
}

fn errors_of(policies: &Policies) -> Vec<String> {
    policies.iter().flat_map(|policy| policy.errors()).map(ToString::to_string).collect()
}

#[test]
fn a_default_annotation_that_no_object_can_have_is_told_with_its_key() {
    for key in ["cost centre", "/x", "example.com/", "team:"] {
        let policies = one(json!({"defaults": {"annotations": {key: "shop"}}}));
        let expected = format!("spec.defaults.annotations[{key:?}]: no annotation can have this key");
        assert_lines(&errors_of(&policies), &[expected.as_str()]);
    }
    let right = json!({"example.com/cost-centre": "any text: 1", "team": ""});
    assert_eq!(errors_of(&one(json!({"defaults": {"annotations": right}}))), [""; 0]);
}

#[test]
fn a_default_identity_is_one_of_those_that_its_policy_lists_if_it_lists_any() {
    let defaults = json!({"annotations": {"score.dev/service-account": "web"}});
    let contradicting = one(json!({"defaults": defaults, "allowedServiceAccounts": ["api"]}));
    assert_lines(
        &errors_of(&contradicting),
        &["spec.defaults.annotations[\"score.dev/service-account\"]: allowedServiceAccounts of this policy"],
    );
    let config = full();
    for policies in [
        one(json!({"defaults": defaults, "allowedServiceAccounts": ["api", "web"]})),
        policies(&[
            ("gives", json!({"defaults": defaults})),
            ("allows", json!({"allowedServiceAccounts": ["web"]})),
        ]),
    ] {
        assert_eq!(errors_of(&policies), [""; 0]);
        let decision = decided(&annotated(&json!({})), &config, &policies).unwrap();
        assert_eq!(decision.values.0["serviceAccountName"], "web");
    }
}

#[test]
fn who_asks_for_no_identity_is_not_told_to_remove_the_one_that_a_policy_gives() {
    let gives = json!({"priority": 1, "defaults": {"annotations": {"score.dev/service-account": "web"}}});
    let allows = json!({"allowedServiceAccounts": ["api"]});
    for policies in [policies(&[("gives", gives.clone())]), policies(&[("gives", gives), ("allows", allows)])]
    {
        let lines = refused(&annotated(&json!({})), &policies);
        assert_lines(&lines, &["[score.dev/service-account]: is set by the defaults of this policy"]);
        assert!(
            lines[0].contains("your platform team") && lines[0].ends_with("(policy `gives`)"),
            "{lines:?}"
        );
        let own = refused(&annotated(&json!({"score.dev/service-account": "web"})), &policies);
        assert!(own[0].contains("remove it"), "{own:?}");
    }
}

#[test]
fn a_spec_that_is_not_valid_is_told_before_what_is_not_allowed() {
    let workload = workload(
        &json!({"annotations": {"score.dev/kind": "x"}}),
        &json!({"containers": {"main": {"image": "."}}}),
    );
    let lines = refused(&workload, &one(json!({"allowedImages": ["registry.example.com"]})));
    assert_lines(
        &lines,
        &["spec.containers.main.image: must name an image", "metadata.annotations[score.dev/kind]"],
    );
}

#[test]
fn the_order_of_policies_changes_nothing() {
    let mut specs: Vec<_> = ["a", "b", "c", "d", "e"].into_iter().enumerate().map(|(index, name)| {
        let spec = json!({"priority": index % 2, "limits": {"containers": 1}, "defaults": {
            "annotations": {"example.com/of": name}, "containers": {"requests": {"cpu": format!("{index}m")}},
        }});
        (name, spec)
    }).collect();
    let spec = json!({"containers": {"main": {}, "side": {"image": "i"}}});
    let (allowed, refused_one) = (annotated(&json!({})), workload(&json!({}), &spec));
    let (config, first, mut rng) = (full(), policies(&specs), StdRng::seed_from_u64(3));
    for _ in 0..20 {
        specs.shuffle(&mut rng);
        let again = policies(&specs);
        assert_eq!(decided(&allowed, &config, &first), decided(&allowed, &config, &again));
        assert_eq!(refused(&refused_one, &first), refused(&refused_one, &again));
    }
    assert_eq!(decided(&allowed, &config, &first).unwrap().annotations["example.com/of"], "b");
}
