use serde_json::Value as Json;

use super::*;
use crate::{
    fixtures::{PLAN, parse, plan},
    validate::validate,
};

fn built(yaml: &str, security: PodSecurity) -> Resources {
    let plan = plan(yaml);
    build(&validate(Identity::of(&plan).unwrap(), &plan).unwrap(), security)
}

const RICH: &str = include_str!("../../fixtures/plan.yaml");

fn web(extra: &str) -> String {
    format!("{PLAN}  containers:\n    web:\n      image: web:1\n{extra}")
}

fn hash(yaml: &str) -> String {
    built(yaml, PodSecurity::Baseline).template_hash().unwrap().to_owned()
}

#[test]
fn every_field_of_a_plan_has_its_place_in_the_deployment() {
    let built = serde_json::to_value(built(RICH, PodSecurity::Baseline).deployment).unwrap();
    let golden: Json = parse(include_str!("../../fixtures/deployment.yaml"));
    assert_eq!(built, golden, "\n{}", serde_yaml_ng::to_string(&built).unwrap());
}

#[test]
fn every_port_of_a_plan_has_its_place_in_the_service() {
    let built = serde_json::to_value(built(RICH, PodSecurity::Baseline).service).unwrap();
    let golden: Json = parse(include_str!("../../fixtures/service.yaml"));
    assert_eq!(built, golden, "\n{}", serde_yaml_ng::to_string(&built).unwrap());
}

#[test]
fn the_restricted_level_adds_what_pod_security_asks_for() {
    let built = serde_json::to_value(built(&web(""), PodSecurity::Restricted).deployment).unwrap();
    let pod = &built["spec"]["template"]["spec"];
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
    let container = &pod["containers"][0]["securityContext"];
    assert_eq!(container["allowPrivilegeEscalation"], false);
    assert_eq!(container["capabilities"]["drop"][0], "ALL");
}

#[test]
fn a_plan_without_ports_has_no_service() {
    assert_eq!(built(&web(""), PodSecurity::Baseline).service, None);
    assert_eq!(built(&web("  service: {ports: []}\n"), PodSecurity::Baseline).service, None);
}

#[test]
fn nothing_rolls_for_a_change_that_is_none_for_the_instances() {
    let before = hash(&web(""));
    assert_eq!(hash(&web("  service: {ports: [{port: 80}]}\n")), before);
    let generation =
        web("").replace("generation: 3", "generation: 4").replace("Generation: 7", "Generation: 8");
    assert_eq!(hash(&generation), before);
    let traced =
        web("").replace("generation: 3", "generation: 3, annotations: {score.dev/traceparent: 00-1-1-01}");
    assert_eq!(hash(&traced), before);
}

#[test]
fn an_output_that_changes_makes_every_instance_roll() {
    let claims = |revision: &str| {
        web(&format!(
            "  claims: [{{key: db, type: postgres, class: default, outputsRevision: {revision}}}]\n"
        ))
    };
    assert_ne!(hash(&claims("one")), hash(&claims("two")));
    assert_eq!(hash(&claims("one")), hash(&claims("one")));
}

#[test]
fn hidden_variables_make_way_for_the_users() {
    let variable = "        A: [{value: x}, {secretKeyRef: {name: db, key: uri}}]\n";
    let names = |variables: &str| {
        let built = built(&web(&format!("      variables:\n{variables}")), PodSecurity::Baseline);
        let spec = built.deployment.spec.unwrap().template.spec.unwrap();
        let env = spec.containers[0].env.clone().unwrap();
        env.into_iter().map(|variable| (variable.name, variable.value)).collect::<Vec<_>>()
    };
    let hidden = names(variable)[0].0.clone();
    assert!(hidden.starts_with("__SCORE_SECRET_"), "{hidden}");
    let crowded = names(&format!("{variable}        {hidden}: mine\n"));
    let (moved, referring) = (&crowded[0].0, &crowded[1]);
    assert_eq!(*moved, format!("{hidden}_"));
    assert_eq!(referring, &("A".to_owned(), Some(format!("x$({moved})"))));
    assert!(crowded.contains(&(hidden, Some("mine".into()))));
}

#[test]
fn no_object_holds_more_than_references_to_secrets() {
    let built = built(RICH, PodSecurity::Baseline);
    let text = serde_json::to_string(&built.deployment).unwrap();
    assert_eq!(text.matches("secretKeyRef").count(), 3, "{text}");
}
