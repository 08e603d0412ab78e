use jiff::SignedDuration;

use super::*;
use crate::{
    build::ANNOTATION_TEMPLATE,
    fixtures::{PLAN, parse, plan},
    validate::{Identity, validate},
};

const NOW: &str = "2030-01-01T00:01:00Z";

/// A plan with two containers, of which `web` has both probes and `log` none.
fn valid() -> ValidPlan {
    let yaml = format!(
        "{PLAN}  containers:\n    log: {{image: 'log:1'}}\n    web:\n      image: 'web:1'\n      livenessProbe: &probe \
         {{httpGet: {{path: /, port: 80}}}}\n      readinessProbe: *probe\n"
    );
    let plan = plan(&yaml);
    validate(Identity::of(&plan).unwrap(), &plan).unwrap()
}

/// The health that follows from a Deployment of generation 2 with `status`, and `pods` of the current template.
fn health_of(replicas: i32, status: &str, pods: &[Pod]) -> Health {
    seen(replicas, status, pods).0
}

/// The same, and whether requests are answered.
fn seen(replicas: i32, status: &str, pods: &[Pod]) -> (Health, bool) {
    let deployment: k8s_openapi::api::apps::v1::Deployment = parse(&format!(
        "metadata: {{generation: 2}}\nspec: {{replicas: {replicas}, selector: {{}}, template: {CURRENT}}}\nstatus: {status}\n"
    ));
    let pods: Vec<_> = pods.iter().cloned().map(Arc::new).collect();
    let (plan, main) = (valid(), Main::Deployment(Arc::new(deployment)));
    let seen = Seen { plan: &plan, main: &main, runs: &[], pods: &pods, now: NOW.parse().unwrap() };
    let health = observe(seen);
    let serves = serves(seen, &health);
    (health, serves)
}

/// What the instances are made of that count.
const CURRENT: &str = "{metadata: {annotations: {score.dev/template-hash: current}}}";

const STARTING: &str = "{observedGeneration: 2, replicas: 1, updatedReplicas: 1, unavailableReplicas: 1}";
const COMPLETE: &str =
    "{observedGeneration: 2, replicas: 1, updatedReplicas: 1, availableReplicas: 1, readyReplicas: 1}";

fn pod(status: &str) -> Pod {
    parse(&format!(
        "metadata: {{name: hello-1, annotations: {{{ANNOTATION_TEMPLATE}: current}}}}\nstatus: {status}\n"
    ))
}

/// A pod whose container `web` has `state`, and ended before as `last` says.
fn web(state: &str, last: &str) -> Pod {
    pod(&format!(
        "{{containerStatuses: [{{name: log, image: '', imageID: '', ready: true, restartCount: 0, \
         state: {{running: {{startedAt: 2029-01-01T00:00:00Z}}}}}}, {{name: web, image: '', imageID: '', ready: false, \
         restartCount: 1, state: {state}, lastState: {last}}}]}}"
    ))
}

fn failing(pods: &[Pod]) -> Failing {
    match health_of(1, STARTING, pods) {
        Health::Failing(failing) => failing,
        other => panic!("{other:?}"),
    }
}

fn underway(status: &str, pods: &[Pod]) -> Underway {
    match health_of(1, status, pods) {
        Health::Underway(underway) => underway,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_roll_out_is_complete_only_when_all_run_the_newest_and_none_is_left_of_an_older_one() {
    assert_eq!(health_of(1, COMPLETE, &[]), Health::Running);
    for (replicas, incomplete) in [
        (1, "{}"),
        (1, STARTING),
        (1, "{observedGeneration: 1, replicas: 1, updatedReplicas: 1, availableReplicas: 1}"),
        (1, "{observedGeneration: 2, replicas: 2, updatedReplicas: 1, availableReplicas: 2}"),
        (1, "{observedGeneration: 2, replicas: 1, updatedReplicas: 0, availableReplicas: 1}"),
        (1, "{observedGeneration: 2, replicas: 2, updatedReplicas: 1, availableReplicas: 1}"),
        (3, "{observedGeneration: 2, replicas: 3, updatedReplicas: 3, availableReplicas: 2}"),
        (0, "{observedGeneration: 2}"),
    ] {
        assert!(
            matches!(health_of(replicas, incomplete, &[]), Health::Underway(_)),
            "{replicas} {incomplete}"
        );
    }
    let three = "{observedGeneration: 2, replicas: 3, updatedReplicas: 3, availableReplicas: 3}";
    assert_eq!(health_of(3, three, &[]), Health::Running);
}

#[test]
fn what_serves_during_a_roll_out_is_told_apart_from_nothing() {
    assert!(!underway(STARTING, &[]).available);
    assert!(
        underway("{observedGeneration: 2, replicas: 2, updatedReplicas: 1, availableReplicas: 1}", &[])
            .available
    );
}

/// As [`web`], of an instance that is ready.
fn ready(state: &str, last: &str) -> Pod {
    let mut pod = web(state, last);
    let statuses = pod.status.as_mut().unwrap().container_statuses.as_mut().unwrap();
    statuses.iter_mut().for_each(|status| status.ready = true);
    pod
}

#[test]
fn requests_are_answered_as_long_as_one_instance_of_the_plan_is_ready_whatever_becomes_of_others() {
    const SOME: &str = "{observedGeneration: 2, replicas: 3, updatedReplicas: 3, availableReplicas: 1}";
    let end = "{terminated: {exitCode: 3}}";
    let running = |last: &str| ready("{running: {startedAt: 2029-01-01T00:00:00Z}}", last);
    let fresh = || ready("{running: {startedAt: 2030-01-01T00:00:55Z}}", end);
    let crashed = || web("{waiting: {reason: CrashLoopBackOff}}", end);
    let mut old = running("{}");
    old.metadata.annotations = Some([(ANNOTATION_TEMPLATE.to_owned(), "older".to_owned())].into());
    for (status, pods, expected) in [
        (COMPLETE, vec![], false),
        (SOME, vec![running("{}")], true),
        (SOME, vec![running(end), crashed()], true),
        (SOME, vec![crashed(), running("{}")], true),
        (SOME, vec![crashed(), fresh()], false),
        (SOME, vec![web("{running: {startedAt: 2029-01-01T00:00:00Z}}", "{}")], false),
        (SOME, vec![old], false),
        // What was said last of an instance whose machine is lost.
        (STARTING, vec![running("{}")], false),
    ] {
        assert_eq!(seen(3, status, &pods).1, expected, "{status} {pods:?}");
    }
    assert!(seen(1, COMPLETE, &[]).1);
}

#[test]
fn a_workload_scaled_to_nothing_says_so() {
    let health = health_of(0, "{observedGeneration: 2}", &[]);
    let Health::Underway(underway) = health else { panic!("{health:?}") };
    assert_eq!(underway.hint.as_deref(), Some(messages::SCALED_TO_ZERO));
}

#[test]
fn a_roll_out_that_makes_no_progress_is_overdue_but_not_by_what_was_said_of_an_older_spec() {
    let status = |generation: i64| {
        format!(
            "{{observedGeneration: {generation}, conditions: [{{type: Progressing, status: 'False', \
             reason: ProgressDeadlineExceeded}}]}}"
        )
    };
    assert!(underway(&status(2), &[]).overdue);
    assert!(!underway(&status(1), &[]).overdue);
}

#[test]
fn each_state_of_a_container_has_its_words() {
    let exec = "failed to create containerd task: OCI runtime create failed: exec: \\\"nope\\\": executable file not \
                found in $PATH: unknown";
    for (state, last, expected) in [
        (
            "{waiting: {reason: ErrImagePull, message: 'web:1: not found'}}",
            "{}",
            "spec.containers.web.image: `web:1` cannot be pulled: there is no such image",
        ),
        (
            "{waiting: {reason: ImagePullBackOff, message: 'Back-off: 401 Unauthorized'}}",
            "{}",
            "does not let the platform read it",
        ),
        (
            "{waiting: {reason: ImagePullBackOff, message: 'dial tcp: lookup r: no such host'}}",
            "{}",
            "registry cannot be reached",
        ),
        ("{waiting: {reason: ErrImageNeverPull}}", "{}", "correct the name or the tag"),
        ("{waiting: {reason: InvalidImageName}}", "{}", "is not the name of an image"),
        (
            "{waiting: {reason: CrashLoopBackOff}}",
            "{terminated: {exitCode: 3}}",
            "web stops with exit code 3: look at what it prints",
        ),
        (
            "{waiting: {reason: CrashLoopBackOff}}",
            "{terminated: {exitCode: 137}}",
            "livenessProbe does not pass",
        ),
        (
            "{waiting: {reason: CrashLoopBackOff}}",
            "{terminated: {exitCode: 137, reason: OOMKilled}}",
            "resources.limits.memory",
        ),
        ("{terminated: {exitCode: 3}}", "{}", "web stops with exit code 3"),
        ("{terminated: {exitCode: 0}}", "{}", "web ends with exit code 0, but must keep running"),
        (
            "{waiting: {reason: CreateContainerConfigError, message: 'secret \"x\" not found'}}",
            "{}",
            "waits for an output",
        ),
        (
            "{waiting: {reason: CreateContainerConfigError, message: \"couldn't find key a in Secret b/c\"}}",
            "{}",
            "waits for an output",
        ),
        (
            "{waiting: {reason: CreateContainerConfigError, message: 'container has runAsNonRoot and image will run as root'}}",
            "{}",
            "runs as root, which the platform does not allow",
        ),
        ("{waiting: {reason: CreateContainerConfigError, message: 'else'}}", "{}", "cannot be set up"),
        (
            &format!("{{waiting: {{reason: RunContainerError, message: \"{exec}\"}}}}"),
            "{}",
            "web cannot be started (exec: \"nope\": executable file not found in $PATH): correct",
        ),
        (
            "{waiting: {reason: CrashLoopBackOff}}",
            &format!("{{terminated: {{exitCode: 128, reason: StartError, message: \"{exec}\"}}}}"),
            "web cannot be started (exec: \"nope\"",
        ),
    ] {
        let failing = failing(&[web(state, last)]);
        assert_eq!(failing.reason, Reason::RuntimeDegraded, "{state}");
        assert_eq!(failing.again, None, "{state}");
        assert!(failing.message.contains(expected), "{state} {last}: {}", failing.message);
    }
}

#[test]
fn states_on_the_way_up_are_no_failure() {
    for state in [
        "{waiting: {reason: ContainerCreating}}",
        "{waiting: {reason: PodInitializing}}",
        "{waiting: {}}",
        "{running: {startedAt: 2030-01-01T00:00:59Z}}",
        "{}",
    ] {
        assert!(matches!(health_of(1, STARTING, &[web(state, "{}")]), Health::Underway(_)), "{state}");
    }
}

#[test]
fn a_container_that_crashes_again_and_again_is_spoken_of_in_the_same_words_all_the_time() {
    let end = "{terminated: {exitCode: 3, finishedAt: 2030-01-01T00:00:58Z, containerID: one}}";
    let other_end = "{terminated: {exitCode: 3, finishedAt: 2030-01-01T00:05:00Z, containerID: two}}";
    let back_off =
        "{waiting: {reason: CrashLoopBackOff, message: 'back-off 10s restarting failed container'}}";
    let longer =
        "{waiting: {reason: CrashLoopBackOff, message: 'back-off 5m0s restarting failed container'}}";
    let running = "{running: {startedAt: 2030-01-01T00:00:59Z}}";
    let states = [(end, "{}"), (back_off, end), (running, end), (other_end, end), (longer, other_end)];
    let said: Vec<_> = states.iter().map(|(state, last)| failing(&[web(state, last)]).message).collect();
    assert!(said.iter().all(|message| message == &said[0]), "{said:?}");
}

#[test]
fn an_image_that_cannot_be_pulled_is_spoken_of_in_the_same_words_all_the_time() {
    let now = "{waiting: {reason: ErrImagePull, message: 'failed to pull web:1: not found'}}";
    let later = "{waiting: {reason: ImagePullBackOff, message: 'Back-off pulling image web:1: ErrImagePull: not found'}}";
    assert_eq!(failing(&[web(now, "{}")]), failing(&[web(later, "{}")]));
}

#[test]
fn a_container_started_again_counts_as_running_only_after_a_while() {
    let end = "{terminated: {exitCode: 3}}";
    let fresh = health_of(1, COMPLETE, &[web("{running: {startedAt: 2030-01-01T00:00:55Z}}", end)]);
    let Health::Failing(failing) = fresh else { panic!("{fresh:?}") };
    assert_eq!(failing.again, Some(Duration::from_secs(6)));
    let steady = health_of(1, COMPLETE, &[web("{running: {startedAt: 2030-01-01T00:00:50Z}}", end)]);
    assert_eq!(steady, Health::Running);
}

#[test]
fn a_container_started_for_the_first_time_counts_at_once() {
    let first = web("{running: {startedAt: 2030-01-01T00:00:59Z}}", "{}");
    assert_eq!(health_of(1, COMPLETE, &[first]), Health::Running);
}

#[test]
fn what_an_instance_says_counts_more_than_the_sum_that_is_made_of_it_later() {
    // Seen on a real cluster: the container has ended again when the Deployment still counts it as available.
    let ended = web("{terminated: {exitCode: 3}}", "{terminated: {exitCode: 3}}");
    assert!(matches!(health_of(1, COMPLETE, &[ended]), Health::Failing(_)));
}

#[test]
fn instances_that_were_given_up_have_no_say() {
    let mut evicted = web("{terminated: {exitCode: 137}}", "{}");
    evicted.status.as_mut().unwrap().phase = Some("Failed".into());
    assert_eq!(health_of(1, COMPLETE, &[evicted]), Health::Running);
}

#[test]
fn instances_of_an_older_template_and_those_being_removed_have_no_say() {
    let broken = || web("{waiting: {reason: ErrImagePull}}", "{}");
    let mut old = broken();
    old.metadata.annotations = Some([(ANNOTATION_TEMPLATE.to_owned(), "older".to_owned())].into());
    let mut leaving = broken();
    let minute_ago = NOW.parse::<Timestamp>().unwrap() - SignedDuration::from_mins(1);
    leaving.metadata.deletion_timestamp =
        Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(minute_ago));
    assert!(matches!(health_of(1, STARTING, &[old, leaving]), Health::Underway(_)));
}

#[test]
fn containers_that_the_platform_added_are_not_the_users_to_mend() {
    let sidecar = pod(
        "{containerStatuses: [{name: mesh, image: '', imageID: '', ready: false, restartCount: 0, state: {waiting: {reason: ErrImagePull}}}]}",
    );
    assert!(matches!(health_of(1, STARTING, &[sidecar]), Health::Underway(_)));
}

#[test]
fn a_container_that_runs_and_is_not_ready_is_named_with_its_probe() {
    let hint = underway(STARTING, &[web("{running: {startedAt: 2029-01-01T00:00:00Z}}", "{}")]).hint.unwrap();
    assert!(hint.contains("container web") && hint.contains("spec.containers.web.readinessProbe"), "{hint}");
}

#[test]
fn too_little_room_is_told_without_counts() {
    let unschedulable = |message: &str| {
        let pod = pod(&format!(
            "{{conditions: [{{type: PodScheduled, status: 'False', reason: Unschedulable, message: '{message}'}}]}}"
        ));
        underway(STARTING, &[pod]).hint.unwrap()
    };
    let one = unschedulable(
        "0/1 nodes are available: 1 Insufficient memory, 1 Insufficient cpu. preemption: 0/1 nodes are available",
    );
    let three = unschedulable(
        "0/3 nodes are available: 3 Insufficient cpu, 2 Insufficient memory. no new claims to deallocate",
    );
    assert_eq!(one, three);
    assert!(one.contains("too little cpu and memory"), "{one}");
    assert!(unschedulable("0/3 nodes are available: 3 node(s) had untolerated taint").contains("No machine"));
}

#[test]
fn what_instances_are_refused_for_is_told_by_who_refused_it() {
    let refused = |updated: i32, message: &str| {
        let status = format!(
            "{{observedGeneration: 2, updatedReplicas: {updated}, conditions: [{{type: ReplicaFailure, status: 'True', \
             reason: FailedCreate, message: '{message}'}}]}}"
        );
        health_of(1, &status, &[])
    };
    let quota = refused(
        0,
        "pods \"hello-7d4-\" is forbidden: exceeded quota: small, requested: pods=1, used: pods=3, limited: pods=3",
    );
    let Health::Failing(failing) = quota else { panic!("{quota:?}") };
    assert_eq!(failing.reason, Reason::QuotaExceeded);
    let security = refused(
        0,
        "pods \"hello-7d4-\" is forbidden: violates PodSecurity \"restricted:latest\": runAsNonRoot != true",
    );
    let Health::Failing(failing) = security else { panic!("{security:?}") };
    assert_eq!(failing.reason, Reason::PermissionDenied);
    let account = "pods \"x-\" is forbidden: error looking up service account a/default: serviceaccount \"default\" not found";
    assert!(matches!(refused(0, account), Health::Underway(_)), "a new namespace");
    assert!(
        matches!(refused(1, "pods is forbidden: exceeded quota: a"), Health::Underway(_)),
        "an older template's"
    );
}

#[test]
fn two_refusals_of_one_kind_are_told_together() {
    let degraded = |message: &str| Failing::degraded(message.into());
    let denied = Failing { reason: Reason::PermissionDenied, ..degraded("Two.") };
    assert_eq!(degraded("One.").and(degraded("Two.")).message, "One. Two.");
    assert_eq!(degraded("One.").and(degraded("One.")).message, "One.");
    assert_eq!(degraded("One.").and(denied).message, "One.");
}
