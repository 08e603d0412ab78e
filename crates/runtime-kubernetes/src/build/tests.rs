use serde_json::Value as Json;

use super::*;
use crate::{
    fixtures::{PLAN, parse, plan},
    validate::validate,
};

fn built(yaml: &str, security: PodSecurity) -> Resources {
    let plan = plan(yaml);
    build(&validate(Identity::of(&plan).unwrap(), &plan).unwrap(), security).unwrap()
}

const RICH: &str = include_str!("../../fixtures/plan.yaml");

fn web(extra: &str) -> String {
    format!("{PLAN}  containers:\n    web:\n      image: web:1\n{extra}")
}

fn hash(yaml: &str) -> String {
    built(yaml, PodSecurity::Baseline).main.template_hash().unwrap().to_owned()
}

/// The main object as it is sent.
fn main(yaml: &str, security: PodSecurity) -> Json {
    match built(yaml, security).main {
        Main::Deployment(object) => serde_json::to_value(&*object),
        Main::StatefulSet(object) => serde_json::to_value(&*object),
        Main::Job(object) => serde_json::to_value(&*object),
        Main::CronJob(object) => serde_json::to_value(&*object),
    }
    .unwrap()
}

/// A plan with `values` as its template's, in the syntax of YAML.
fn valued(values: &str) -> String {
    RICH.replace("{kind: manifests}", &format!("{{kind: manifests, values: {values}}}"))
}

fn assert_golden(built: &Json, golden: &str) {
    let golden: Json = parse(golden);
    assert_eq!(*built, golden, "\n{}", serde_yaml_ng::to_string(built).unwrap());
}

#[test]
fn every_field_of_a_plan_has_its_place_in_the_deployment() {
    let built = main(RICH, PodSecurity::Baseline);
    assert_golden(&built, include_str!("../../fixtures/deployment.yaml"));
}

#[test]
fn every_port_of_a_plan_has_its_place_in_the_service() {
    let built = serde_json::to_value(built(RICH, PodSecurity::Baseline).service).unwrap();
    assert_golden(&built, include_str!("../../fixtures/service.yaml"));
}

#[test]
fn the_restricted_level_adds_what_pod_security_asks_for() {
    let built = main(&web(""), PodSecurity::Restricted);
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
        let spec = built.main.template().unwrap().spec.clone().unwrap();
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
    let text = main(RICH, PodSecurity::Baseline).to_string();
    assert_eq!(text.matches("secretKeyRef").count(), 3, "{text}");
}

const JOB: &str = "{kind: Job, completions: 3, parallelism: 2, backoffLimit: 1, activeDeadlineSeconds: 60, \
                   ttlSecondsAfterFinished: 5}";

#[test]
fn instances_with_names_of_their_own_have_a_place_that_gives_them_addresses() {
    let yaml = valued("{kind: StatefulSet}");
    assert_golden(
        &spec_without_template(main(&yaml, PodSecurity::Baseline)),
        include_str!("../../fixtures/stateful-set.yaml"),
    );
    let governing = built(&yaml, PodSecurity::Baseline).governing;
    assert_golden(
        &serde_json::to_value(governing).unwrap(),
        include_str!("../../fixtures/service-headless.yaml"),
    );
    assert_eq!(built(RICH, PodSecurity::Baseline).governing, None);
}

#[test]
fn something_that_runs_once_has_its_place_in_a_job() {
    let yaml = valued(JOB);
    let built = main(&yaml, PodSecurity::Baseline);
    assert_eq!(built["spec"]["template"]["spec"]["restartPolicy"], "Never");
    assert_golden(&spec_without_template(built), &golden_run(include_str!("../../fixtures/job.yaml"), &yaml));
}

#[test]
fn something_that_runs_at_times_has_its_place_in_a_cron_job() {
    let values =
        "{kind: CronJob, schedule: '*/5 * * * *', timeZone: Europe/Berlin, concurrencyPolicy: Forbid}";
    let yaml = valued(values);
    let built = main(&yaml, PodSecurity::Baseline);
    let template = &built["spec"]["jobTemplate"]["spec"]["template"];
    assert_eq!(template["spec"]["restartPolicy"], "Never");
    assert_eq!(template["metadata"]["labels"]["score.dev/workload"], "shop");
    assert_golden(
        &spec_without_template(built),
        &golden_run(include_str!("../../fixtures/cron-job.yaml"), &yaml),
    );
}

#[test]
fn the_platform_says_how_many_runs_of_a_cron_job_are_kept() {
    let kept =
        "{kind: CronJob, schedule: '@daily', successfulJobsHistoryLimit: 0, failedJobsHistoryLimit: 4}";
    let built = main(&valued(kept), PodSecurity::Baseline);
    assert_eq!(built["spec"]["successfulJobsHistoryLimit"], 0);
    assert_eq!(built["spec"]["failedJobsHistoryLimit"], 4);
}

#[test]
fn an_autoscaler_decides_about_the_main_object_which_then_says_nothing_of_it() {
    for kind in ["Deployment", "StatefulSet"] {
        let yaml = valued(&format!("{{kind: {kind}, autoscaling: {{minReplicas: 2, maxReplicas: 5}}}}"));
        assert!(main(&yaml, PodSecurity::Baseline)["spec"].get("replicas").is_none());
        let autoscaler = serde_json::to_value(built(&yaml, PodSecurity::Baseline).autoscaler).unwrap();
        let golden = include_str!("../../fixtures/autoscaler.yaml").replace("KIND", kind);
        assert_golden(&autoscaler, &golden);
    }
    assert_eq!(built(RICH, PodSecurity::Baseline).autoscaler, None);
}

#[test]
fn a_number_of_instances_is_set_only_where_it_was_asked_for() {
    for kind in ["Deployment", "StatefulSet"] {
        let replicas =
            |values: &str| main(&valued(values), PodSecurity::Baseline)["spec"]["replicas"].clone();
        assert_eq!(replicas(&format!("{{kind: {kind}}}")), Json::Null);
        assert_eq!(replicas(&format!("{{kind: {kind}, replicas: 3}}")), 3);
    }
}

#[test]
fn instances_get_a_token_only_in_the_name_of_an_account() {
    let pod = |values: &str| main(&valued(values), PodSecurity::Baseline)["spec"]["template"]["spec"].clone();
    let (nobody, somebody) = (pod("{}"), pod("{serviceAccountName: shop}"));
    assert_eq!(
        (&nobody["serviceAccountName"], &nobody["automountServiceAccountToken"]),
        (&"default".into(), &false.into())
    );
    assert_eq!(
        (&somebody["serviceAccountName"], &somebody["automountServiceAccountToken"]),
        (&"shop".into(), &true.into())
    );
}

#[test]
fn probes_are_made_when_the_values_say() {
    let values = "{probes: {api: {liveness: {periodSeconds: 5}, startup: {failureThreshold: 30}}, \
                  cache: {readiness: {initialDelaySeconds: 1, timeoutSeconds: 2, successThreshold: 3}}}}";
    let built = main(&valued(values), PodSecurity::Baseline);
    let containers = &built["spec"]["template"]["spec"]["containers"];
    assert_eq!(containers[0]["livenessProbe"]["periodSeconds"], 5);
    assert_eq!(containers[0]["startupProbe"]["failureThreshold"], 30);
    assert_eq!(containers[0]["startupProbe"]["exec"], containers[0]["livenessProbe"]["exec"]);
    let readiness = &containers[1]["readinessProbe"];
    assert_eq!(readiness["httpGet"]["port"], 6379);
    assert_eq!(
        [&readiness["initialDelaySeconds"], &readiness["timeoutSeconds"], &readiness["successThreshold"]],
        [1, 2, 3]
    );
    assert!(containers[0]["readinessProbe"].get("periodSeconds").is_none());
}

#[test]
fn instances_of_another_kind_of_work_are_told_apart() {
    assert_ne!(hash(&valued("{kind: StatefulSet}")), hash(&valued("{kind: Deployment}")));
    assert_eq!(hash(&valued("{kind: Deployment}")), hash(RICH));
    assert_eq!(hash(&valued("{replicas: 5}")), hash(RICH));
}

/// A golden file with the digest of the run of `yaml`, which tests of its own are about.
fn golden_run(golden: &str, yaml: &str) -> String {
    let plan = plan(yaml);
    golden.replace("RUN", &validate(Identity::of(&plan).unwrap(), &plan).unwrap().run)
}

/// The pod template has a golden file of its own.
fn spec_without_template(mut object: Json) -> Json {
    for path in ["/spec", "/spec/jobTemplate/spec"] {
        if let Some(Json::Object(spec)) = object.pointer_mut(path) {
            spec.remove("template");
        }
    }
    object
}

/// The examples of the page for platform teams, as `template.values`.
fn examples() -> Vec<Json> {
    let page = include_str!("../../../../docs/runtime-kubernetes.md");
    let blocks = page.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let values = blocks.map(parse::<Json>);
    values
        .filter(|it| {
            ["patches", "objects", "service", "ingress", "gateway"].iter().any(|key| it.get(key).is_some())
        })
        .collect()
}

#[test]
fn every_example_of_the_page_for_platform_teams_fits() {
    let examples = examples();
    assert!(examples.len() >= 7, "{examples:?}");
    let plan = web("  service: {ports: [{port: 80, name: web}]}\n");
    let without = built(&plan, PodSecurity::Baseline);
    for example in examples {
        let mut plan = crate::fixtures::plan(&plan);
        plan.spec.template.values = serde_json::from_value(example.clone()).unwrap();
        let valid = validate(Identity::of(&plan).unwrap(), &plan).unwrap();
        let built =
            build(&valid, PodSecurity::Baseline).unwrap_or_else(|misfit| panic!("{misfit} in {example}"));
        assert_ne!(built, without, "{example}");
    }
}

#[test]
fn patches_are_part_of_what_instances_are_told_apart_by() {
    let with = |patch: &str| {
        let plan = web("").replace(
            "{kind: manifests}",
            &format!(
                "{{kind: manifests, values: {{patches: [{{target: {{kind: Deployment}}, merge: {patch}}}]}}}}"
            ),
        );
        hash(&plan)
    };
    let none = with("{}");
    assert_eq!(none, hash(&web("")));
    assert_ne!(with("{spec: {template: {spec: {priorityClassName: high}}}}"), none);
    assert_eq!(with("{spec: {minReadySeconds: 5}}"), none);
}
