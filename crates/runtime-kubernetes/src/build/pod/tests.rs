use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{ConfigMap, PodSpec, PodTemplateSpec};
use kube::ResourceExt;
use serde_json::{Value as Json, json};

use super::*;
use crate::{
    build::{ANNOTATION_OUTPUTS, ANNOTATION_TEMPLATE, Resources, build, joiner_name},
    fixtures::{PLAN, parse, plan},
    validate::{Identity, MAX_FILE, validate},
};

const RICH: &str = include_str!("../../../fixtures/mounts-plan.yaml");

fn valid(yaml: &str) -> ValidPlan {
    let plan = plan(yaml);
    validate(Identity::of(&plan).unwrap(), &plan).unwrap().with_joiner(Some("runtime:1")).unwrap()
}

fn built(yaml: &str) -> Resources {
    build(&valid(yaml), PodSecurity::Restricted).unwrap()
}

fn template(yaml: &str) -> PodTemplateSpec {
    built(yaml).main.template().unwrap().clone()
}

fn pod(yaml: &str) -> PodSpec {
    template(yaml).spec.unwrap()
}

/// A plan whose container `web` has `files` (YAML).
fn with_files(files: &str) -> String {
    format!("{PLAN}  containers: {{web: {{image: 'web:1', files: {files}}}}}\n")
}

fn config_map_names(yaml: &str) -> BTreeSet<String> {
    built(yaml).config_maps.iter().map(ResourceExt::name_any).collect()
}

/// Both as JSON, so that a difference can be read.
fn assert_golden(built: &Json, golden: &str) {
    let golden: Json = parse(golden);
    assert_eq!(*built, golden, "\n{}", serde_yaml_ng::to_string(&built).unwrap());
}

#[test]
fn files_volumes_and_order_have_their_place_in_the_instance() {
    let pod = pod(RICH);
    let built = json!({
        "initContainers": pod.init_containers, "containers": pod.containers, "volumes": pod.volumes,
    });
    assert_golden(&built, include_str!("../../../fixtures/mounts-pod.yaml"));
}

#[test]
fn what_is_not_secret_of_the_files_stands_in_objects_that_never_change() {
    let built = serde_json::to_value(built(RICH).config_maps).unwrap();
    assert_golden(&built, include_str!("../../../fixtures/mounts-config-maps.yaml"));
}

#[test]
fn instances_roll_exactly_when_a_file_changes() {
    let hash = |files: &str| built(&with_files(files)).main.template_hash().unwrap().to_owned();
    let before = hash("{/a: {content: one}, /b: {content: b}}");
    assert_eq!(hash("{/b: {content: b}, /a: {content: one, mode: '0644'}}"), before);
    for files in [
        "{/a: {content: two}, /b: {content: b}}",
        "{/a: {content: b}, /b: {content: one}}",
        "{/a: {content: one, mode: '0600'}, /b: {content: b}}",
        "{/a: {content: one}}",
        "{/a: {content: one}, /c: {content: b}}",
        "{/a: {binaryContent: b25lAA==}, /b: {content: b}}",
        "{/a: {content: [{value: one}, {secretKeyRef: {name: a, key: b}}]}, /b: {content: b}}",
    ] {
        assert_ne!(hash(files), before, "{files}");
    }
    let joined = |text: &str, key: &str| {
        hash(&format!("{{/a: {{content: [{{value: {text}}}, {{secretKeyRef: {{name: a, key: {key}}}}}]}}}}"))
    };
    assert_eq!(joined("x", "k"), joined("x", "k"));
    assert_ne!(joined("x", "k"), joined("y", "k"));
    assert_ne!(joined("x", "k"), joined("x", "l"));
}

#[test]
fn a_container_whose_files_stay_keeps_its_objects() {
    let yaml = |content: &str| {
        format!(
            "{PLAN}  containers:\n    aa: {{image: 'a:1', files: {{/a: {{content: same}}}}}}\n    bb: {{image: 'b:1', files: \
             {{/b: {{content: {content}}}}}}}\n"
        )
    };
    let (one, two) = (config_map_names(&yaml("one")), config_map_names(&yaml("two")));
    assert_eq!(one.intersection(&two).count(), 1);
    assert!(one.intersection(&two).all(|name| name.starts_with("hello-aa-")));
}

#[test]
fn files_that_are_too_many_for_one_object_are_spread_over_several() {
    let large = "x".repeat(MAX_FILE / 2);
    let files: String = (0..5).map(|number| format!("/{number}: {{content: '{large}'}}, ")).collect();
    let yaml = with_files(&format!("{{{files}/small: {{content: x}}, /empty: {{content: ''}}}}"));
    let built = built(&yaml);
    let size = |it: &ConfigMap| it.data.iter().flatten().map(|(_, text)| text.len()).sum::<usize>();
    let sizes: Vec<_> = built.config_maps.iter().map(size).collect();
    assert_eq!(sizes, [MAX_FILE, MAX_FILE, MAX_FILE / 2 + 1]);
    assert_eq!(config_map_names(&yaml).len(), 3, "each has its own name");
    let projected: usize = pod(&yaml).volumes.unwrap()[0]
        .projected
        .as_ref()
        .unwrap()
        .sources
        .as_ref()
        .unwrap()
        .iter()
        .map(|source| source.config_map.as_ref().unwrap().items.as_ref().unwrap().len())
        .sum();
    assert_eq!(projected, 7);
}

#[test]
fn what_others_call_the_same_is_told_apart() {
    let named = |workload: &str, container: &str| {
        let yaml = PLAN.replace("name: hello", &format!("name: {workload}"));
        let files = "{/a: {content: x}}";
        config_map_names(&format!("{yaml}  containers: {{{container}: {{image: 'i:1', files: {files}}}}}\n"))
    };
    assert!(named("aa-bb", "cc").is_disjoint(&named("aa", "bb-cc")));
    let pod = pod(&with_files("{/a/conf: {content: x}, /b/conf: {content: y}}"));
    let keys: BTreeSet<_> =
        pod.containers[0].volume_mounts.iter().flatten().map(|it| it.sub_path.clone()).collect();
    assert_eq!(keys.len(), 2);
}

#[test]
fn names_that_are_as_long_as_score_lets_them_be_are_shortened_where_kubernetes_wants_it() {
    let (long, path) = ("n".repeat(63), format!("/{}", "ä".repeat(300)));
    let secret = format!("[{{value: x}}, {{secretKeyRef: {{name: {long}, key: k}}}}]");
    let yaml = format!(
        "{}  containers:\n    {long}:\n      image: i:1\n      files: {{'{path}': {{content: x}}, /b: {{content: {secret}}}}}\n      \
         volumes: {{/data: {{claim: {long}, outputs: {{source: {{emptyDir: {{}}}}}}}}}}\n  service: {{ports: [{{port: 80, \
         name: {long}}}]}}\n",
        PLAN.replace("name: hello", &format!("name: {long}"))
    );
    let built = built(&yaml);
    assert!(built.config_maps.iter().all(|it| it.name_any().len() <= 253));
    let keys = built.config_maps.iter().flat_map(|it| it.data.iter().flatten()).map(|(key, _)| key);
    let valid_key = |key: &String| {
        key.len() <= 253 && key.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c))
    };
    assert!(keys.clone().count() == 2 && keys.clone().all(valid_key));
    let volumes = pod(&yaml).volumes.unwrap();
    assert!(volumes.iter().all(|volume| volume.name.len() <= 63), "{volumes:?}");
    // A port of a Service may have a name as long as a label, unlike one of a container.
    assert_eq!(built.service.unwrap().spec.unwrap().ports.unwrap()[0].name.as_deref(), Some(long.as_str()));
}

#[test]
fn the_joiner_is_there_only_where_it_has_work_and_makes_way_for_the_users_names() {
    assert_eq!(
        joiner_name(&valid(&with_files("{/a: {content: [{secretKeyRef: {name: a, key: b}}]}}"))),
        None
    );
    let joined = "{/a: {content: [{value: x}, {secretKeyRef: {name: a, key: b}}]}}";
    assert_eq!(joiner_name(&valid(&with_files(joined))).as_deref(), Some("join-files"));
    let crowded = with_files(joined).replace("web:", "join-files:");
    assert_eq!(joiner_name(&valid(&crowded)).as_deref(), Some("join-filesx"));
    let names: Vec<_> = pod(RICH).init_containers.unwrap().into_iter().map(|it| it.name).collect();
    assert_eq!(names, ["join-files", "proxy", "migrate", "tail"]);
}

#[test]
fn the_joiner_asks_for_what_it_may_use_and_may_do_nothing_else() {
    let joiner = pod(RICH).init_containers.unwrap().remove(0);
    let resources = joiner.resources.unwrap();
    assert_eq!(resources.requests, resources.limits);
    assert_eq!(resources.limits.unwrap().len(), 2);
    let security = joiner.security_context.unwrap();
    assert_eq!(security.capabilities.unwrap().drop, Some(vec!["ALL".into()]));
    assert_eq!(security.allow_privilege_escalation, Some(false));
    assert_eq!(security.read_only_root_filesystem, Some(true));
    assert_eq!(joiner.env, None);
}

#[test]
fn annotations_reach_the_instances_but_not_in_the_place_of_the_runtimes_own() {
    let yaml = |claims: &str| {
        format!(
            "{PLAN}  annotations: {{example.com/a: b, {ANNOTATION_OUTPUTS}: x, {ANNOTATION_TEMPLATE}: y}}\n  containers: \
             {{web: {{image: 'web:1'}}}}\n{claims}"
        )
    };
    let annotations = |claims: &str| template(&yaml(claims)).metadata.unwrap().annotations.unwrap();
    let without = annotations("");
    assert_eq!(without["example.com/a"], "b");
    assert_eq!(without.get(ANNOTATION_OUTPUTS), None);
    assert_ne!(without[ANNOTATION_TEMPLATE], "y");
    let with = annotations("  claims: [{key: db, type: postgres, class: default, outputsRevision: r}]\n");
    assert_ne!(with[ANNOTATION_OUTPUTS], "x");
}

#[test]
fn one_resource_is_one_volume_whoever_mounts_it() {
    let volumes = pod(RICH).volumes.unwrap();
    assert_eq!(volumes.iter().filter(|volume| volume.name == "volume-data").count(), 1);
}
