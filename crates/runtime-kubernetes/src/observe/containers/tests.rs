//! Containers that run before others, and the one that joins files.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::Deployment;

use super::*;
use crate::{
    build::ANNOTATION_TEMPLATE,
    fixtures::{PLAN, parse, plan},
    main_object::Main,
    observe::{Health, observe},
    validate::{Identity, ValidPlan, validate},
};

/// `migrate` completes, `proxy` becomes healthy, and `app` is last, with a file to be joined.
fn valid() -> ValidPlan {
    let yaml = format!(
        "{PLAN}  containers:\n    app: {{image: 'app:1', files: {{/a: {{content: [{{value: x}}, {{secretKeyRef: {{name: a, \
         key: b}}}}]}}}}}}\n    migrate: {{image: 'migrate:1', before: {{app: {{ready: complete}}}}}}\n    proxy: {{image: \
         'proxy:1', before: {{app: {{ready: healthy}}}}, readinessProbe: {{exec: {{command: [check]}}}}}}\n"
    );
    let plan = plan(&yaml);
    validate(Identity::of(&plan).unwrap(), &plan).unwrap().with_joiner(Some("runtime:1")).unwrap()
}

/// The health that follows from what is known of one container that runs before others, while `app` waits for it.
fn health(name: &str, status: &str) -> Health {
    let deployment: Deployment = parse(
        "metadata: {generation: 2}\nspec: {replicas: 1, selector: {}, template: {metadata: \
         {annotations: {score.dev/template-hash: current}}}}\nstatus: {observedGeneration: 2, \
         replicas: 1, updatedReplicas: 1, unavailableReplicas: 1}\n",
    );
    let pod: Pod = parse(&format!(
        "metadata: {{name: hello-1, annotations: {{{ANNOTATION_TEMPLATE}: current}}}}\nstatus:\n  initContainerStatuses: [{{name: \
         {name}, image: '', imageID: '', ready: false, restartCount: 1, {status}}}]\n  containerStatuses: [{{name: app, image: '', \
         imageID: '', ready: false, restartCount: 0, state: {{waiting: {{reason: PodInitializing}}}}}}]\n"
    ));
    let now = "2030-01-01T00:01:00Z".parse().unwrap();
    let main = Main::Deployment(Arc::new(deployment));
    observe(Seen { plan: &valid(), main: &main, runs: &[], pods: &[Arc::new(pod)], now })
}

fn failing(name: &str, status: &str) -> String {
    match health(name, status) {
        Health::Failing(failing) => failing.message,
        other => panic!("{other:?}"),
    }
}

fn hint(name: &str, status: &str) -> Option<String> {
    match health(name, status) {
        Health::Underway(underway) => underway.hint,
        other => panic!("{other:?}"),
    }
}

const RUNNING: &str = "{running: {startedAt: 2029-01-01T00:00:00Z}}";

#[test]
fn a_container_that_completed_is_as_it_should_be() {
    assert_eq!(hint("migrate", "state: {terminated: {exitCode: 0, reason: Completed}}"), None);
    let second_try = "state: {terminated: {exitCode: 0}}, lastState: {terminated: {exitCode: 1}}";
    assert_eq!(hint("migrate", second_try), None);
}

#[test]
fn a_container_that_does_not_complete_is_told_in_the_same_words_all_the_time() {
    let expected = "The container migrate must complete before others start (spec.containers.migrate.before), but stops \
                    with exit code 2: look at what it prints.";
    for status in [
        "state: {terminated: {exitCode: 2}}",
        "state: {waiting: {reason: CrashLoopBackOff}}, lastState: {terminated: {exitCode: 2}}",
        "state: {running: {startedAt: 2030-01-01T00:00:59Z}}, lastState: {terminated: {exitCode: 2}}",
    ] {
        assert_eq!(failing("migrate", status), expected, "{status}");
    }
}

#[test]
fn an_image_that_cannot_be_pulled_is_told_whenever_the_container_runs() {
    for name in ["migrate", "proxy"] {
        let message = failing(name, "state: {waiting: {reason: ErrImagePull, message: not found}}");
        assert!(message.starts_with(&format!("spec.containers.{name}.image: ")), "{message}");
    }
}

#[test]
fn a_file_that_does_not_fit_into_the_image_is_told_by_its_path() {
    let detail = "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create \
                  failed: unable to start container process: error during container init: error mounting \
                  \\\"/var/lib/kubelet/pods/x/volume-subpaths/files-proxy/proxy/0\\\" to rootfs at \\\"/etc\\\": not a \
                  directory: unknown";
    let message = failing(
        "proxy",
        &format!("state: {{waiting: {{reason: RunContainerError, message: \"{detail}\"}}}}"),
    );
    assert!(message.contains("nothing can be mounted at `/etc` in its image"), "{message}");
}

#[test]
fn what_others_wait_for_is_told() {
    let completing = hint("migrate", &format!("state: {RUNNING}, started: true")).unwrap();
    assert!(completing.starts_with("Others start when the container migrate has completed"), "{completing}");
    let unhealthy = hint("proxy", &format!("state: {RUNNING}, started: false")).unwrap();
    assert!(unhealthy.contains("spec.containers.proxy.readinessProbe does not pass yet"), "{unhealthy}");
    let unready = hint("proxy", &format!("state: {RUNNING}, started: true")).unwrap();
    assert!(unready.starts_with("The container proxy runs, but"), "{unready}");
}

#[test]
fn a_container_stopped_because_it_did_not_become_healthy_is_told_with_its_probe() {
    let stopped = failing(
        "proxy",
        "state: {waiting: {reason: CrashLoopBackOff}}, lastState: {terminated: {exitCode: 137}}",
    );
    assert!(stopped.contains("spec.containers.proxy.readinessProbe does not pass"), "{stopped}");
}

#[test]
fn a_container_that_runs_beside_others_must_not_end() {
    let ended = failing("proxy", "state: {terminated: {exitCode: 0}}");
    assert!(ended.contains("ends with exit code 0, but must keep running"), "{ended}");
}

#[test]
fn what_the_joiner_prints_is_told_to_the_user_in_the_same_words_all_the_time() {
    let printed =
        "spec.containers.app.files[\"/a\"]: an output of a resource that the file uses is not there.";
    let end = format!("{{terminated: {{exitCode: 1, message: '{printed}\n\n'}}}}");
    for status in [
        format!("state: {end}"),
        format!("state: {{waiting: {{reason: CrashLoopBackOff}}}}, lastState: {end}"),
    ] {
        assert_eq!(failing("join-files", &status), printed, "{status}");
    }
}

#[test]
fn a_joiner_that_cannot_speak_is_for_the_platform_team() {
    for status in [
        "state: {waiting: {reason: ImagePullBackOff, message: secret words}}",
        "state: {terminated: {exitCode: 137, reason: OOMKilled}}",
        "state: {waiting: {reason: CreateContainerConfigError}}",
    ] {
        let message = failing("join-files", status);
        assert!(message.contains("ask your platform team") && !message.contains("secret"), "{message}");
    }
}

#[test]
fn a_joiner_on_its_way_or_done_is_no_failure() {
    for status in [
        "state: {waiting: {reason: PodInitializing}}".to_owned(),
        format!("state: {RUNNING}"),
        "state: {terminated: {exitCode: 0}}".to_owned(),
        "state: {terminated: {exitCode: 0}}, lastState: {terminated: {exitCode: 1}}".to_owned(),
    ] {
        assert_eq!(hint("join-files", &status), None, "{status}");
    }
}

#[test]
fn what_was_stopped_because_the_others_ended_is_no_cause() {
    let pod: Pod = parse(
        "status: {initContainerStatuses: [{name: proxy, image: '', imageID: '', ready: false, restartCount: 0, state: \
         {terminated: {exitCode: 143}}}], containerStatuses: [{name: app, image: '', imageID: '', ready: false, \
         restartCount: 0, state: {terminated: {exitCode: 3}}}]}",
    );
    let cause = failure(&valid(), &pod).unwrap();
    assert!(cause.starts_with("The container app stops with exit code 3"), "{cause}");
}
