use super::*;
use crate::fixtures::{PLAN, plan};

fn validated(yaml: &str) -> Result<ValidPlan, Vec<String>> {
    let plan = plan(yaml);
    validate(Identity::of(&plan).unwrap(), &plan)
}

fn valid(yaml: &str) -> ValidPlan {
    validated(yaml).unwrap()
}

/// A plan whose only container has `extra` (YAML at the level of the container's fields).
fn with_container(extra: &str) -> String {
    format!("{PLAN}  containers:\n    web:\n      image: web:1\n{extra}")
}

#[test]
fn the_identity_is_the_plans_and_its_workloads() {
    let identity = Identity::of(&plan(&with_container(""))).unwrap();
    assert_eq!((identity.namespace.as_str(), identity.name.as_str()), ("team-a", "hello"));
    assert_eq!((identity.uid.as_str(), identity.workload_uid.as_str()), ("plan-uid", "workload-uid"));
    assert_eq!(identity.generation, 3);
}

#[test]
fn a_plan_without_what_the_api_server_gives_is_an_error() {
    let mut plan = plan(&with_container(""));
    plan.metadata.uid = None;
    assert!(Identity::of(&plan).unwrap_err().to_string().contains("uid"));
}

#[test]
fn text_without_a_secret_is_plain_even_in_segments() {
    let plan =
        valid(&with_container("      variables:\n        A: [{value: a}, {value: b}]\n        B: []\n"));
    assert_eq!(plan.containers[0].variables["A"], Value::Plain("ab".into()));
    assert_eq!(plan.containers[0].variables["B"], Value::Plain(String::new()));
}

#[test]
fn one_secret_and_nothing_else_is_a_secret() {
    let yaml = "      variables:\n        A: [{value: ''}, {secretKeyRef: {name: db, key: uri}}]\n";
    let secret = SecretKeyRef { name: "db".into(), key: "uri".into() };
    assert_eq!(valid(&with_container(yaml)).containers[0].variables["A"], Value::Secret(secret));
}

#[test]
fn the_same_secret_twice_is_joined_text() {
    let yaml = "      variables:\n        A: [{secretKeyRef: {name: db, key: p}}, {secretKeyRef: {name: db, key: p}}]\n";
    assert!(
        matches!(&valid(&with_container(yaml)).containers[0].variables["A"], Value::Joined(two) if two.len() == 2)
    );
}

#[test]
fn quantities_take_the_form_that_the_api_server_stores() {
    let yaml =
        "      resources: {limits: {cpu: 1000m, memory: 1.5Gi}, requests: {cpu: '0.1', memory: 128K}}\n";
    let container = &valid(&with_container(yaml)).containers[0];
    assert_eq!(container.limits["cpu"].0, "1");
    assert_eq!(container.limits["memory"].0, "1536Mi");
    assert_eq!(container.requests["cpu"].0, "100m");
    assert_eq!(container.requests["memory"].0, "128k");
}

#[test]
fn everything_that_is_wrong_is_listed_at_once_by_field() {
    let yaml = "      variables: {'ÄH': x}\n      resources: {limits: {cpu: much, memory: '1Zi'}}\n      \
                livenessProbe: {exec: {command: []}}\n";
    let problems = validated(&with_container(yaml)).unwrap_err();
    let paths: Vec<_> = problems.iter().map(|problem| problem.split(':').next().unwrap()).collect();
    assert_eq!(
        paths,
        [
            "spec.containers.web.variables",
            "spec.containers.web.resources.limits.cpu",
            "spec.containers.web.resources.limits.memory",
            "spec.containers.web.livenessProbe"
        ]
    );
}

#[test]
fn a_header_that_kubernetes_cannot_send_is_named() {
    let yaml = "      readinessProbe: {httpGet: {path: /, port: 80, httpHeaders: [{name: X-Good, value: a}, {name: X_Bad, value: a}]}}\n";
    let problems = validated(&with_container(yaml)).unwrap_err();
    assert_eq!(
        problems,
        [
            "spec.containers.web.readinessProbe.httpGet.httpHeaders[1].name: `X_Bad` cannot be used here: use letters, digits and - alone."
        ]
    );
}

#[test]
fn a_plan_without_containers_is_refused() {
    assert!(
        validated(&format!("{PLAN}  containers: {{}}\n")).unwrap_err()[0].starts_with("spec.containers:")
    );
}

#[test]
fn a_template_is_refused_because_this_runtime_renders_none() {
    let helm = with_container("").replace("{kind: manifests}", "{kind: helm, ref: oci://example.org/chart}");
    assert!(validated(&helm).unwrap_err()[0].contains("template"));
}

#[test]
fn an_http_probe_is_preferred_to_a_command() {
    let yaml = "      readinessProbe: {httpGet: {path: /, port: 80}, exec: {command: [test]}}\n";
    let probe = valid(&with_container(yaml)).containers[0].readiness.clone().unwrap();
    assert!(matches!(probe.check, Check::HttpGet(_)));
}

fn ports(yaml: &str) -> Vec<ValidPort> {
    valid(&with_container(&format!("  service:\n    ports: {yaml}\n"))).ports
}

#[test]
fn a_port_without_a_name_gets_one_that_nobody_has() {
    let ports = ports(
        "[{port: 53}, {port: 53, protocol: UDP}, {port: 80, name: port-53}, {port: 81, targetPort: 8081}]",
    );
    let names: Vec<_> = ports.iter().map(|port| port.name.as_str()).collect();
    assert_eq!(names, ["port-53x", "port-53-udp", "port-53", "port-81"]);
    let labels: Vec<_> = ports.iter().map(|port| port.label.as_str()).collect();
    assert_eq!(labels, ["53", "53", "port-53", "81"]);
    assert_eq!(ports.iter().map(|port| port.target).collect::<Vec<_>>(), [53, 53, 80, 8081]);
}

#[test]
fn the_revision_follows_the_outputs_and_not_their_order() {
    let revision = |claims: &str| valid(&with_container(&format!("  claims: {claims}\n"))).outputs_revision;
    let one = "{key: db, type: postgres, class: default, outputsRevision: a}";
    let two = "{key: mq, type: amqp, class: default, outputsRevision: b}";
    assert_eq!(revision("[]"), None);
    assert_eq!(revision(&format!("[{one}, {two}]")), revision(&format!("[{two}, {one}]")));
    assert_ne!(revision(&format!("[{one}]")), revision(&format!("[{}]", one.replace(": a", ": b"))));
}

/// A plan with `values` as its template's.
fn with_values(values: &str) -> String {
    with_container("").replace("{kind: manifests}", &format!("{{kind: manifests, values: {values}}}"))
}

#[test]
fn a_template_that_cannot_be_read_is_refused() {
    for key in ["service", "ingress", "gateway", "patches", "objects"] {
        let problems = validated(&with_values(&format!("{{{key}: 7}}"))).unwrap_err();
        assert!(problems[0].contains(&format!("`{key}`")), "{problems:?}");
    }
    assert!(validated(&with_values("{claims: {db: {host: x}}}")).is_ok());
}

#[test]
fn the_timing_of_probes_needs_a_container_and_something_to_check() {
    let problems =
        validated(&with_values("{probes: {wep: {}, web: {liveness: {}, readiness: {}, startup: {}}}}"))
            .unwrap_err();
    let expected = [
        "`score.dev/probes`: wep is not the name of a container of the workload: ",
        "`score.dev/probes`: web.liveness needs a check, and there is no spec.containers.web.livenessProbe: ",
        "`score.dev/probes`: web.readiness needs a check, and there is no spec.containers.web.readinessProbe: ",
        "`score.dev/probes`: web.startup needs a check, and there is no spec.containers.web.livenessProbe or ",
    ];
    assert_eq!(problems.len(), expected.len(), "{problems:?}");
    for (problem, expected) in problems.iter().zip(expected) {
        assert!(problem.starts_with(expected), "{problem}");
    }
}

#[test]
fn the_start_is_checked_as_being_ready_where_nothing_says_how_to_be_alive() {
    let yaml = with_values("{probes: {web: {startup: {failureThreshold: 30}}}}")
        .replace("image: web:1\n", "image: web:1\n      readinessProbe: {httpGet: {path: /, port: 80}}\n");
    let container = &valid(&yaml).containers[0];
    assert_eq!(container.startup.clone().unwrap().check, container.readiness.clone().unwrap().check);
    assert_eq!(container.startup.clone().unwrap().timing.failure_threshold, Some(30));
}

#[test]
fn a_name_that_kubernetes_makes_longer_names_of_must_leave_room() {
    let named = |length: usize, values: &str| {
        validated(&with_values(values).replace("name: hello, ", &format!("name: {}, ", "a".repeat(length))))
    };
    for values in ["{kind: StatefulSet}", "{kind: CronJob, schedule: '* * * * *'}"] {
        assert!(named(52, values).is_ok());
        assert!(named(53, values).unwrap_err()[0].starts_with("metadata.name: "));
    }
    assert!(named(63, "{kind: Job}").is_ok());
}

#[test]
fn a_run_is_another_one_only_if_it_does_something_else() {
    let run = |yaml: &str| valid(yaml).run;
    let job = with_values("{kind: Job, completions: 2}");
    for same in [
        with_values("{kind: Job, completions: 2, backoffLimit: 1, activeDeadlineSeconds: 5, parallelism: 2}"),
        with_values("{kind: Job, completions: 2, ttlSecondsAfterFinished: 5, claims: {db: {host: x}}}"),
        with_values(
            "{kind: Job, completions: 2, patches: [{target: {kind: Job}, merge: {metadata: {labels: {cost: a}}}}]}",
        ),
        job.replace("generation: 3", "generation: 4").replace("Generation: 7", "Generation: 8"),
        format!("{job}  service: {{ports: [{{port: 80}}]}}\n"),
        job.replace("backendId: kubernetes", "backendId: other"),
    ] {
        assert_eq!(run(&same), run(&job), "{same}");
    }
    let probed = |values: &str| {
        let yaml = with_container("      readinessProbe: {httpGet: {path: /, port: 80}}\n");
        run(&yaml
            .replace("{kind: manifests}", &format!("{{kind: manifests, values: {{kind: Job{values}}}}}")))
    };
    assert_eq!(probed(", probes: {web: {readiness: {periodSeconds: 5}}}"), probed(""));
    for other in [
        with_values("{kind: Job, completions: 3}"),
        with_values("{kind: Job, completions: 2, serviceAccountName: x}"),
        job.replace("web:1", "web:2"),
        job.replace("  backendId", "  annotations: {again: please}\n  backendId"),
        format!("{job}  claims: [{{key: db, type: postgres, class: default, outputsRevision: a}}]\n"),
    ] {
        assert_ne!(run(&other), run(&job), "{other}");
    }
}
