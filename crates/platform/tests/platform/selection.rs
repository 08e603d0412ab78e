//! Which backend runs a Workload.

use api_types::Workload;
use platform::{
    config::Config,
    policy::Policies,
    select::{Choice, NoBackend, PassedOver, Selection},
};
use rand::{SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};

use crate::support::{annotated, config, decided, fixture, full, policies, shuffled, workload};

fn chosen<'a>(workload: &Workload, config: &'a Config) -> Choice<'a> {
    match decided(workload, config, &Policies::default()).unwrap().selection {
        Selection::Chosen(choice) => choice,
        Selection::Nothing(nothing) => panic!("{nothing}"),
    }
}

fn nothing(workload: &Workload, config: &Config) -> String {
    match decided(workload, config, &Policies::default()).unwrap().selection {
        Selection::Chosen(choice) => panic!("{choice:?}"),
        Selection::Nothing(nothing) => nothing.to_string(),
    }
}

#[test]
fn the_highest_priority_then_the_highest_version_then_the_alphabet_decides() {
    let config = full();
    let choice = chosen(&annotated(&json!({})), &config);
    assert_eq!(choice.backend.id.as_str(), "small");
    let others: Vec<_> = choice.others.iter().map(|(id, why)| format!("{id} {why}")).collect();
    assert_eq!(
        others,
        [
            "internal takes only Workloads with other labels (metadata.labels)",
            "small-next has the same priority and a lower version",
            "large takes at least 500m and at most 64 of cpu, and the containers request 0 in sum \
             (spec.containers.*.resources), and takes at least 1Gi of memory, and the containers request 0 in sum \
             (spec.containers.*.resources), and takes at least 1Gi and at most 1Ti of storage, and 0 is needed \
             (metadata.annotations[score.dev/storage])",
        ]
    );
}

#[test]
fn versions_are_compared_as_versions_and_a_release_is_above_its_candidates() {
    let backend = |id: &str, version: &str| json!({"backendId": id, "runtimeClass": "r", "template": {"kind": "manifests"}, "version": version});
    let backends =
        [backend("a", "1.9.0"), backend("b", "1.10.0-rc.1"), backend("c", "1.10.0"), backend("d", "1.10.0")];
    let config = config(&json!({"profiles": [{"name": "web", "backends": backends}]}));
    let choice = chosen(&annotated(&json!({})), &config);
    assert_eq!(choice.backend.id.as_str(), "c");
    let names: Vec<_> = choice.others.iter().map(|(id, why)| (id.as_str(), why.clone())).collect();
    assert_eq!(names, [("d", PassedOver::Name), ("b", PassedOver::Version), ("a", PassedOver::Version)]);
}

#[test]
fn one_of_the_selectors_must_match_the_labels() {
    for labels in [json!({"tier": "internal"}), json!({"team": "sre"})] {
        assert_eq!(
            chosen(&workload(&json!({"labels": labels}), &json!({})), &full()).backend.id.as_str(),
            "internal"
        );
    }
}

#[test]
fn the_sum_of_what_containers_request_must_be_in_range() {
    let config = full();
    let with = |resources: Value| {
        let spec = json!({"containers": {"main": {"resources": resources}, "side": {"image": "i", "resources": {"requests": {"cpu": "1500m"}}}}});
        workload(&json!({"annotations": {"score.dev/storage": "2Gi"}}), &spec)
    };
    let large = with(json!({"limits": {"cpu": "1", "memory": "2Gi"}}));
    assert_eq!(chosen(&large, &config).backend.id.as_str(), "large");
    let small = with(json!({"requests": {"cpu": "500m"}, "limits": {"cpu": "2"}}));
    assert_eq!(chosen(&small, &config).backend.id.as_str(), "small");
}

#[test]
fn storage_is_what_the_resources_ask_for() {
    let spec = json!({
        "containers": {"main": {"resources": {"requests": {"cpu": "3", "memory": "1Gi"}}}},
        "resources": {"one": {"type": "redis", "params": {"storage": "512Mi"}}, "two": {"type": "redis", "params": {"storage": "512Mi"}}},
    });
    assert_eq!(chosen(&workload(&json!({}), &spec), &full()).backend.id.as_str(), "large");
}

#[test]
fn a_workload_gets_the_features_and_the_region_that_it_requires_or_nothing() {
    let config = full();
    let needs = |annotations: Value| {
        workload(
            &json!({"annotations": annotations}),
            &json!({"containers": {"main": {"resources": {"requests": {"cpu": "1", "memory": "1Gi"}}}}}),
        )
    };
    let fits = needs(
        json!({"score.dev/requirements": "gpu, scale-to-zero", "score.dev/regions": "us-1,eu-west-1", "score.dev/storage": "1Gi"}),
    );
    assert_eq!(chosen(&fits, &config).backend.id.as_str(), "large");
    let message =
        nothing(&needs(json!({"score.dev/requirements": "gpu,fpga", "score.dev/regions": "us-1"})), &config);
    for words in [
        "`large` does not offer `fpga`",
        "is in `eu-central-1`, `eu-west-1` only",
        "`small` does not offer `fpga`, `gpu`",
        "names no region",
    ] {
        assert!(message.contains(words), "{message}");
    }
}

#[test]
fn a_profile_is_found_by_annotation_then_spec_then_policy_then_labels_then_default() {
    let config = full();
    let policies = policies(&[("batch-first", json!({"defaults": {"profile": "batch"}}))]);
    let with = |annotation: Option<&str>, profile: Option<&str>, label: Option<&str>| {
        let mut metadata = json!({});
        annotation.into_iter().for_each(|name| metadata["annotations"] = json!({"score.dev/profile": name}));
        label.into_iter().for_each(|value| metadata["labels"] = json!({"kind-of-work": value}));
        workload(&metadata, &json!({"profile": profile}))
    };
    let profile = |workload: &Workload, policies: &Policies| match decided(workload, &config, policies)
        .unwrap()
        .selection
    {
        Selection::Chosen(choice) => format!("{} by {}", choice.profile, choice.because),
        Selection::Nothing(nothing) => panic!("{nothing}"),
    };
    let none = Policies::default();
    assert_eq!(
        profile(&with(Some("batch"), Some("web-service"), None), &none),
        "batch by metadata.annotations[score.dev/profile]"
    );
    assert_eq!(
        profile(&with(None, Some("web-service"), Some("batch")), &policies),
        "web-service by spec.profile"
    );
    assert_eq!(profile(&with(None, None, None), &policies), "batch by policy `batch-first`");
    assert!(
        profile(&with(None, None, Some("batch")), &none).starts_with("batch by spec.defaults.selectors[0]")
    );
    assert!(
        profile(&with(None, None, Some("x")), &none).starts_with("web-service by spec.defaults.selectors[1]")
    );
    assert!(profile(&with(None, None, None), &none).starts_with("web-service by spec.defaults.profile"));
}

#[test]
fn a_profile_that_is_not_there_is_told_with_those_that_are() {
    let config = full();
    let workload = workload(&json!({}), &json!({"profile": "web"}));
    let message = nothing(&workload, &config);
    assert_eq!(
        message,
        "spec.profile: the platform offers no profile `web`: use one of `batch`, `web-service`, or leave it out."
    );
    let decision = decided(&workload, &config, &Policies::default()).unwrap();
    assert!(matches!(decision.selection, Selection::Nothing(NoBackend::NoProfile { .. })));
}

/// Lists whose order means something: the first match of `defaults.selectors` wins.
fn reordered(document: &Value, rng: &mut StdRng) -> Value {
    let mut again = shuffled(document, rng);
    again["spec"]["defaults"]["selectors"] = document["spec"]["defaults"]["selectors"].clone();
    again
}

#[test]
fn the_order_of_lists_changes_no_decision() {
    let document = platform::document::parse_all(&fixture("full.yaml")).unwrap().remove(0).value;
    let (first, mut rng) = (full(), StdRng::seed_from_u64(7));
    let workloads: Vec<Workload> = (0..64).map(|index: u32| any_workload(index)).collect();
    for _ in 0..50 {
        let other: Config = reordered(&document, &mut rng).to_string().parse().unwrap();
        for workload in &workloads {
            let (one, two) = (
                decided(workload, &first, &Policies::default()),
                decided(workload, &other, &Policies::default()),
            );
            let choice = |selection: &Selection<'_>| match selection {
                Selection::Chosen(choice) => {
                    format!("{:?}", (choice.profile, &choice.backend.id, &choice.others))
                }
                Selection::Nothing(nothing) => nothing.to_string(),
            };
            let told = |decision: &Result<platform::decide::Decision<'_>, _>| match decision {
                Ok(decision) => (choice(&decision.selection), format!("{:?}", provisioners(decision))),
                Err(refusal) => (format!("{refusal:?}"), String::new()),
            };
            assert_eq!(told(&one), told(&two));
        }
    }
}

fn provisioners(decision: &platform::decide::Decision<'_>) -> Vec<String> {
    let each = decision.resources.values().map(|provided| match provided {
        Ok(provided) => format!("{} {}", provided.provision.provisioner.name, provided.provision.class_name),
        Err(_) => "nobody".to_owned(),
    });
    each.collect()
}

/// One of 64 Workloads, by the bits of a number.
fn any_workload(bits: u32) -> Workload {
    let bit = |bit: u32| bits & (1 << bit) != 0;
    let (mut labels, mut annotations) = (json!({}), json!({}));
    if bit(0) {
        labels["tier"] = "internal".into();
    }
    if bit(1) {
        labels["kind-of-work"] = "batch".into();
    }
    if bit(2) {
        annotations["score.dev/requirements"] = "gpu".into();
    }
    let cpu = if bit(3) { "4" } else { "250m" };
    let params = if bit(4) { json!({"provider": "aws"}) } else { json!({"encoding": "UTF8"}) };
    let class = if bit(5) { "large" } else { "default" };
    workload(
        &json!({"labels": labels, "annotations": annotations}),
        &json!({
            "containers": {"main": {"resources": {"requests": {"cpu": cpu, "memory": "1Gi"}}}},
            "resources": {"db": {"type": "postgres", "class": class, "params": params}},
        }),
    )
}
