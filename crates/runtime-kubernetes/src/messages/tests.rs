use std::sync::Arc;

use api_types::Reason;
use kube::core::Status;

use super::*;
use crate::{fixtures::parse, main_object::Main};

/// Texts of API servers as they were seen, and the reason and some of the words that they become.
const REFUSALS: &[(&str, Reason, &str)] = &[
    (
        r#"pods "hello-5d4f7-" is forbidden: exceeded quota: team, requested: pods=1,requests.cpu=2, used: pods=4,requests.cpu=3, limited: pods=4,requests.cpu=4"#,
        Reason::QuotaExceeded,
        "The quota `team` leaves no room for the workload: it needs instances=1,requests.cpu=2, and the limit is instances=4,requests.cpu=4: ",
    ),
    (
        r#"deployments.apps "hello" is forbidden: exceeded quota: objects, requested: count/deployments.apps=1, used: count/deployments.apps=1, limited: count/deployments.apps=1"#,
        Reason::QuotaExceeded,
        "it needs workloads=1, and the limit is workloads=1: ",
    ),
    (
        r#"pods "hello-5d4f7-" is forbidden: failed quota: team: must specify limits.cpu for: web; limits.memory for: web"#,
        Reason::QuotaExceeded,
        "set limits.cpu for: web; limits.memory for: web (in spec.containers.*.resources)",
    ),
    (
        r#"pods "hello-5d4f7-" is forbidden: violates PodSecurity "restricted:latest": unrestricted capabilities (container "web" must set securityContext.capabilities.drop=["ALL"]), runAsNonRoot != true (pod or container "web" must set securityContext.runAsNonRoot=true)"#,
        Reason::PermissionDenied,
        "The security level `restricted:latest` of this namespace does not allow the workload",
    ),
    (
        r#"deployments.apps "hello" is forbidden: ValidatingAdmissionPolicy 'images' with binding 'images-all' denied request: every Pod must come from registry.example.org"#,
        Reason::PermissionDenied,
        "The rule `images` of the platform does not allow the workload: every instance must come from registry.example.org.",
    ),
    (
        r#"pods "hello-5d4f7-" is forbidden: error looking up service account team-a/shop: serviceaccount "shop" not found"#,
        Reason::PermissionDenied,
        "The account `shop`, which the workload is to run as, does not exist: ",
    ),
    (
        r#"jobs.batch "hello" is forbidden: exceeded quota: objects, requested: count/jobs.batch=1, used: count/jobs.batch=1, limited: count/jobs.batch=1"#,
        Reason::QuotaExceeded,
        "it needs workloads=1, and the limit is workloads=1: ",
    ),
    (
        r#"admission webhook "validate.kyverno.svc" denied the request: the label team is missing."#,
        Reason::PermissionDenied,
        "The rule `validate.kyverno.svc` of the platform does not allow the workload: the label team is missing.",
    ),
    (
        r#"deployments.apps "hello" is forbidden: unable to create new content in namespace a because it is being terminated"#,
        Reason::PermissionDenied,
        "The namespace is being deleted",
    ),
    (
        r#"deployments.apps "hello" is forbidden: User "system:serviceaccount:score-system:runtime" cannot patch resource "deployments" in API group "apps" in the namespace "a""#,
        Reason::PermissionDenied,
        "The platform's runtime has no rights in this namespace: ask your platform team to grant them.",
    ),
    (
        r#"pods "hello-5d4f7-" is forbidden: [maximum cpu usage per Container is 1, but limit is 2]"#,
        Reason::PermissionDenied,
        "maximum cpu usage per Container is 1, but limit is 2",
    ),
];

#[test]
fn a_refusal_is_told_by_who_refused_and_what_to_do() {
    for (text, reason, expected) in REFUSALS {
        let refusal = refusal(text).unwrap();
        assert_eq!(refusal.reason, *reason, "{text}");
        assert!(refusal.message.contains(expected), "{}", refusal.message);
    }
}

#[test]
fn what_is_used_of_a_quota_is_left_out_because_it_changes() {
    let text = REFUSALS[0].0;
    assert_eq!(refusal(text), refusal(&text.replace("used: pods=4", "used: pods=5")));
}

#[test]
fn generated_names_are_left_out() {
    for (text, ..) in REFUSALS {
        assert!(!refusal(text).unwrap().message.contains("5d4f7"), "{text}");
    }
}

#[test]
fn a_text_without_a_decision_is_no_refusal() {
    for text in ["", "Internal error occurred: failed calling webhook \"x\": context deadline exceeded"] {
        assert_eq!(refusal(text), None, "{text}");
    }
}

fn status(causes: &str) -> Status {
    parse(&format!(
        "{{status: Failure, code: 422, reason: Invalid, message: 'Deployment.apps \"hello\" is invalid: all of it', \
         details: {{kind: Deployment, name: hello, causes: {causes}}}}}"
    ))
}

const TEMPLATE: &str = "template: {spec: {containers: [{name: log}, {name: web, env: [{name: A}, {name: B C}], \
                        volumeMounts: [{name: files-web, mountPath: /a}, {name: volume-data, mountPath: /b}]}], \
                        initContainers: [{name: init}], volumes: [{name: files-web}, {name: volume-data}]}}";

fn built() -> Main {
    Main::Deployment(Arc::new(parse(&format!("spec: {{selector: {{}}, {TEMPLATE}}}"))))
}

#[test]
fn what_the_api_server_finds_invalid_is_told_by_the_users_fields() {
    for (field, expected) in [
        ("spec.template.spec.containers[1].image", "spec.containers.web.image: must be right."),
        ("spec.template.spec.containers[1].env[1].name", "spec.containers.web.variables.B C: must be right."),
        (
            "spec.template.spec.containers[0].resources.requests",
            "spec.containers.log.resources.requests: must be right.",
        ),
        (
            "spec.template.spec.containers[1].volumeMounts[0].subPath",
            "spec.containers.web.files[\"/a\"]: must be right.",
        ),
        (
            "spec.template.spec.containers[1].volumeMounts[1].mountPath",
            "spec.containers.web.volumes[\"/b\"]: must be right.",
        ),
        ("spec.template.spec.initContainers[0].image", "spec.containers.init.image: must be right."),
        ("spec.template.spec.volumes[1].csi.driver", "spec.resources.data: must be right."),
        ("spec.template.spec.volumes[0].projected", "The platform cannot take the workload: must be right."),
        ("spec.template.spec.containers[9].image", "spec.containers: must be right."),
        ("spec.template.spec.somethingElse", "The platform cannot take the workload: must be right."),
        ("spec.ports[1].name", "spec.service.ports[1].name: must be right."),
        ("metadata.name", "metadata.name: must be right."),
    ] {
        let status =
            status(&format!("[{{reason: FieldValueInvalid, field: '{field}', message: must be right}}]"));
        assert_eq!(invalid(&status, &built()), expected);
    }
}

#[test]
fn what_is_invalid_in_something_that_runs_at_times_is_told_by_the_users_fields_too() {
    let spec = format!("spec: {{schedule: x, jobTemplate: {{spec: {{{TEMPLATE}}}}}}}");
    let built = Main::CronJob(Arc::new(parse(&spec)));
    for (field, expected) in [
        (
            "spec.jobTemplate.spec.template.spec.containers[1].image",
            "spec.containers.web.image: must be right.",
        ),
        ("spec.schedule", "`score.dev/schedule`: must be right."),
        ("spec.timeZone", "`score.dev/time-zone`: must be right."),
        ("spec.jobTemplate.spec.backoffLimit", "`score.dev/backoff-limit`: must be right."),
    ] {
        let status =
            status(&format!("[{{reason: FieldValueInvalid, field: '{field}', message: must be right}}]"));
        assert_eq!(invalid(&status, &built), expected);
    }
}

#[test]
fn what_was_chosen_for_good_is_told_without_the_words_of_the_api_server() {
    let status = status(
        "[{reason: FieldValueForbidden, field: spec, message: \"Forbidden: updates to statefulset spec for fields other \
         than 'replicas', 'template' are forbidden\"}]",
    );
    assert!(invalid(&status, &built()).starts_with("spec.containers.*.volumes: what holds the data"));
}

#[test]
fn everything_invalid_is_listed() {
    let causes = "[{field: metadata.name, message: one}, {field: 'spec.ports[0].port', message: two}]";
    assert_eq!(invalid(&status(causes), &built()), "metadata.name: one. spec.service.ports[0].port: two.");
}

#[test]
fn invalid_without_causes_says_what_the_api_server_says() {
    assert_eq!(invalid(&status("[]"), &built()), "The platform cannot take the workload: all of it.");
}

/// Every sentence that this module can make of its own, and what it makes of others' texts.
fn sentences() -> Vec<String> {
    let details =
        ["", "not found", "unauthorized", "no such host", "couldn't find key k in Secret a/b", "run as root"];
    let fixed = [
        RUNNING,
        UNDERWAY,
        UNAVAILABLE,
        INCOMPLETE,
        OVERDUE,
        PARTLY_OVERDUE,
        UNMEASURED,
        NO_WAY_IN,
        OUT_OF_ORDER,
        SCALED_TO_ZERO,
        NAME_TAKEN,
        NOT_ALLOWED,
        PREDECESSOR,
        COMPLETED,
        RUNS_TO_ITS_END,
        SCHEDULED,
        NOT_RUN_YET,
        FORMER_RUNS,
        SUSPENDED,
    ];
    let of_details = details.into_iter().flat_map(|detail| {
        [
            image("web", "web:1", detail),
            cannot_set_up("web", detail),
            cannot_start("web", detail),
            no_room(detail),
        ]
    });
    let of_codes = [0, 1, 137]
        .into_iter()
        .flat_map(|code| [stopped("web", code, Some("livenessProbe")), stopped("web", code, None)]);
    let others =
        [image_name("web", "!"), out_of_memory("web"), not_ready("web"), no_room("3 Insufficient cpu")];
    let of_order = [not_completed("web", 1), completing("web"), not_healthy("web", "readinessProbe")];
    let of_files =
        [joiner(None), joiner(Some("")), joiner(Some("spec.containers.web.files: a Secret is gone.\n"))];
    let runs =
        [None, Some("BackoffLimitExceeded"), Some("DeadlineExceeded")].into_iter().flat_map(|reason| {
            [None, Some(stopped("web", 3, None))].into_iter().flat_map(move |cause| {
                let again = cause.clone().map(tried_again);
                [run_failed(reason, cause.clone()), last_run_failed(reason, cause)].into_iter().chain(again)
            })
        });
    let refusals = REFUSALS.iter().filter_map(|(text, ..)| refusal(text)).map(|refusal| refusal.message);
    fixed
        .map(str::to_owned)
        .into_iter()
        .chain(of_details)
        .chain(of_codes)
        .chain(others)
        .chain(of_order)
        .chain(of_files)
        .chain(runs)
        .chain(refusals)
        .collect()
}

#[test]
fn no_sentence_holds_a_noun_of_the_runtime() {
    let nouns = [
        "pod",
        "pods",
        "deployment",
        "deployments",
        "replicaset",
        "service",
        "services",
        "secret",
        "secrets",
        "node",
        "nodes",
        "kubelet",
        "kubernetes",
        "containerd",
        "serviceaccount",
        "statefulset",
        "job",
        "jobs",
        "cronjob",
    ];
    for sentence in sentences() {
        // What is quoted is the user's own.
        let unquoted: String = sentence.split('`').step_by(2).collect();
        let own_words = unquoted.to_lowercase().replace("spec.service.", "spec.");
        let word = own_words.split(|c: char| !c.is_ascii_alphabetic()).find(|word| nouns.contains(word));
        assert_eq!(word, None, "{sentence}");
    }
}

#[test]
fn every_sentence_ends_as_one() {
    for sentence in sentences() {
        assert!(sentence.ends_with('.') && !sentence.ends_with(".."), "{sentence}");
    }
}
