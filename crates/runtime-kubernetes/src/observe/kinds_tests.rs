//! What is said of each kind of work in each state that Kubernetes reports.

use super::*;
use crate::{
    fixtures::{PLAN, parse, plan},
    messages::{FORMER_RUNS, RUNS_TO_ITS_END, SUSPENDED},
    validate::{Identity, validate},
};

const NOW: &str = "2030-01-01T00:20:00Z";

/// A plan with the container `web` and `values`.
fn valid(values: &str) -> ValidPlan {
    let yaml = format!("{PLAN}  containers: {{web: {{image: 'web:1'}}}}\n")
        .replace("{kind: manifests}", &format!("{{kind: manifests, values: {values}}}"));
    let plan = plan(&yaml);
    validate(Identity::of(&plan).unwrap(), &plan).unwrap()
}

/// An instance made by `owner`, of which `status` is known.
fn pod(name: &str, owner: &str, status: &str) -> Arc<Pod> {
    Arc::new(parse(&format!(
        "metadata: {{name: {name}, creationTimestamp: '2030-01-01T00:00:00Z', annotations: {{score.dev/template-hash: \
         current}}, ownerReferences: [{{apiVersion: v1, kind: Owner, name: x, uid: {owner}}}]}}\nstatus: {status}\n"
    )))
}

/// What is known of an instance whose container is in `state`.
fn web(phase: &str, state: &str) -> String {
    format!(
        "{{phase: {phase}, containerStatuses: [{{name: web, image: '', imageID: '', ready: false, restartCount: 0, \
         state: {state}}}]}}"
    )
}

mod stateful_set {
    use super::*;

    fn health(replicas: i32, status: &str, pods: &[Arc<Pod>]) -> Health {
        seen(replicas, status, pods).0
    }

    /// How it is doing, and if it is to be asked why instances are not there, when the last one was made.
    fn seen(replicas: i32, status: &str, pods: &[Arc<Pod>]) -> (Health, Option<Option<Timestamp>>) {
        let set = parse(&format!(
            "metadata: {{generation: 2, uid: set, creationTimestamp: '2030-01-01T00:00:00Z'}}\nspec: {{replicas: {replicas}, \
             selector: {{}}, template: {{metadata: {{annotations: {{score.dev/template-hash: current}}}}}}}}\nstatus: \
             {status}\n"
        ));
        let (plan, main) = (valid("{kind: StatefulSet}"), Main::StatefulSet(Arc::new(set)));
        let seen = Seen { plan: &plan, main: &main, runs: &[], pods, now: NOW.parse().unwrap() };
        (observe(seen), unmade(seen).map(|unmade| unmade.made))
    }

    const COMPLETE: &str = "{observedGeneration: 2, replicas: 2, updatedReplicas: 2, availableReplicas: 2, \
                            currentRevision: b, updateRevision: b}";

    #[test]
    fn a_roll_out_is_complete_only_when_all_run_the_newest_revision() {
        assert_eq!(health(2, COMPLETE, &[]), Health::Running);
        for (replicas, incomplete) in [
            (2, "{replicas: 0}".to_owned()),
            (2, COMPLETE.replace("observedGeneration: 2", "observedGeneration: 1")),
            (2, COMPLETE.replace("currentRevision: b", "currentRevision: a")),
            (2, COMPLETE.replace("updatedReplicas: 2", "updatedReplicas: 1")),
            (2, COMPLETE.replace("availableReplicas: 2", "availableReplicas: 1")),
            (3, COMPLETE.to_owned()),
            (1, COMPLETE.to_owned()),
        ] {
            assert!(
                matches!(health(replicas, &incomplete, &[]), Health::Underway(_)),
                "{replicas} {incomplete}"
            );
        }
    }

    #[test]
    fn an_instance_that_does_not_get_ready_is_overdue_after_a_while_and_looked_at_then() {
        let starting = |created: &str| {
            let mut pod = Pod::clone(&pod("hello-0", "set", &web("Running", "{running: {}}")));
            pod.metadata.creation_timestamp = Some(parse(created));
            match health(1, "{observedGeneration: 2, replicas: 1}", &[Arc::new(pod)]) {
                Health::Underway(underway) => (underway.overdue, underway.again),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(starting("'2030-01-01T00:19:00Z'"), (false, Some(Duration::from_secs(540))));
        assert_eq!(starting("'2030-01-01T00:10:00Z'"), (true, None));
    }

    #[test]
    fn as_long_as_there_are_fewer_instances_than_wanted_some_are_missing_and_why_is_to_be_asked() {
        let there = || pod("hello-0", "set", &web("Running", "{running: {}}"));
        let leaving = || {
            let mut pod = Pod::clone(&there());
            pod.metadata.deletion_timestamp = Some(parse("'2030-01-01T00:19:00Z'"));
            Arc::new(pod)
        };
        let of_another = || pod("hello-1", "other", &web("Running", "{running: {}}"));
        let made: Option<Timestamp> = Some("2030-01-01T00:00:00Z".parse().unwrap());
        for (replicas, pods, asked) in [
            (1, vec![], Some(None)),
            (2, vec![there()], Some(made)),
            (2, vec![there(), of_another()], Some(made)),
            (2, vec![there(), leaving()], None),
            (1, vec![there()], None),
            (0, vec![], None),
        ] {
            let (health, unmade) = seen(replicas, "{observedGeneration: 2, replicas: 1}", &pods);
            let Health::Underway(underway) = health else { panic!("{health:?}") };
            assert_eq!((underway.missing, unmade), (asked.is_some(), asked), "{replicas} {pods:?}");
        }
    }

    #[test]
    fn what_an_instance_fails_for_is_told_as_with_any_that_keeps_running() {
        let crashed = pod("hello-0", "set", &web("Running", "{terminated: {exitCode: 3}}"));
        let health = health(1, COMPLETE, &[crashed]);
        assert!(matches!(&health, Health::Failing(it) if it.message.contains("exit code 3")), "{health:?}");
    }

    #[test]
    fn scaled_to_nothing_is_said() {
        let health = health(0, "{observedGeneration: 2, replicas: 0}", &[]);
        let Health::Underway(underway) = health else { panic!("{health:?}") };
        assert_eq!(underway.hint.as_deref(), Some(messages::SCALED_TO_ZERO));
    }
}

mod job {
    use super::*;

    fn seen(spec: &str, status: &str, pods: &[Arc<Pod>]) -> (Health, bool) {
        let job =
            parse(&format!("metadata: {{uid: run}}\nspec: {{template: {{}}{spec}}}\nstatus: {status}\n"));
        let (plan, main) = (valid("{kind: Job}"), Main::Job(Arc::new(job)));
        let seen = Seen { plan: &plan, main: &main, runs: &[], pods, now: NOW.parse().unwrap() };
        let health = observe(seen);
        let serves = serves(seen, &health);
        (health, serves)
    }

    fn health(status: &str, pods: &[Arc<Pod>]) -> Health {
        seen("", status, pods).0
    }

    fn failed(reason: &str, pods: &[Arc<Pod>]) -> String {
        let status = format!("{{conditions: [{{type: Failed, status: 'True', reason: {reason}}}]}}");
        match health(&status, pods) {
            Health::Failing(failing) if failing.reason == Reason::RuntimeDegraded => failing.message,
            other => panic!("{other:?}"),
        }
    }

    fn underway(status: &str, pods: &[Arc<Pod>]) -> Option<String> {
        match health(status, pods) {
            Health::Underway(Underway { hint, expected: true, .. }) => hint,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn it_is_ready_when_it_completed_and_not_when_it_is_about_to() {
        assert_eq!(health("{conditions: [{type: Complete, status: 'True'}]}", &[]), Health::Completed);
        for status in [
            "{}",
            "{active: 1}",
            "{conditions: [{type: SuccessCriteriaMet, status: 'True'}]}",
            "{conditions: [{type: FailureTarget, status: 'True'}]}",
            "{conditions: [{type: Complete, status: 'False'}]}",
        ] {
            assert_eq!(underway(status, &[]), None, "{status}");
        }
    }

    #[test]
    fn while_it_runs_that_is_said_and_no_decline() {
        let running = pod("hello-1", "run", &web("Running", "{running: {}}"));
        assert_eq!(underway("{active: 1}", &[running]).as_deref(), Some(RUNS_TO_ITS_END));
        let stranger = pod("other", "other", &web("Running", "{running: {}}"));
        assert_eq!(underway("{active: 1}", &[stranger]), None);
    }

    #[test]
    fn a_container_that_ended_while_others_run_is_no_failure() {
        let done = pod("hello-1", "run", &web("Running", "{terminated: {exitCode: 0}}"));
        assert_eq!(underway("{active: 1}", &[done]).as_deref(), Some(RUNS_TO_ITS_END));
    }

    #[test]
    fn an_attempt_that_failed_is_named_while_the_next_is_made() {
        let first = pod("hello-1", "run", &web("Failed", "{terminated: {exitCode: 3}}"));
        let next = pod("hello-2", "run", &web("Running", "{running: {}}"));
        let hint = underway("{active: 1, failed: 1}", &[first, next]).unwrap();
        assert!(hint.contains("tried again") && hint.contains("exit code 3"), "{hint}");
    }

    #[test]
    fn what_waiting_does_not_cure_is_told_at_once() {
        let stuck =
            pod("hello-1", "run", &web("Pending", "{waiting: {reason: ErrImagePull, message: not found}}"));
        let health = health("{active: 1}", &[stuck]);
        assert!(
            matches!(&health, Health::Failing(it) if it.message.contains("`web:1` cannot be pulled")),
            "{health:?}"
        );
    }

    #[test]
    fn why_it_failed_is_told_by_the_last_attempt() {
        let mut attempts = [3, 4].map(|code| {
            let status = web("Failed", &format!("{{terminated: {{exitCode: {code}}}}}"));
            Pod::clone(&pod(&format!("hello-{code}"), "run", &status))
        });
        attempts[0].metadata.creation_timestamp = Some(parse("'2030-01-01T00:05:00Z'"));
        let attempts = attempts.map(Arc::new);
        let message = failed("BackoffLimitExceeded", &attempts);
        assert!(message.contains("exit code 3") && message.contains("score.dev/backoff-limit"), "{message}");
        assert!(failed("DeadlineExceeded", &[]).contains("score.dev/active-deadline-seconds"));
        assert!(failed("PodFailurePolicy", &attempts).contains("exit code 3"));
        assert!(failed("BackoffLimitExceeded", &[]).contains("Look at what its containers print."));
    }

    #[test]
    fn too_little_memory_is_told_as_that() {
        let killed =
            pod("hello-1", "run", &web("Failed", "{terminated: {exitCode: 137, reason: OOMKilled}}"));
        assert!(failed("BackoffLimitExceeded", &[killed]).contains("resources.limits.memory"));
    }

    #[test]
    fn what_somebody_suspended_is_said_to_be() {
        let (health, _) = seen(", suspend: true", "{}", &[]);
        assert!(matches!(&health, Health::Failing(it) if it.message == SUSPENDED), "{health:?}");
    }

    #[test]
    fn it_answers_requests_only_while_an_instance_is_ready() {
        assert!(seen("", "{active: 1, ready: 1}", &[]).1);
        assert!(!seen("", "{active: 1}", &[]).1);
        assert!(!seen("", "{conditions: [{type: Complete, status: 'True'}], ready: 0}", &[]).1);
    }
}

mod cron_job {
    use super::*;

    const VALUES: &str = "{kind: CronJob, schedule: '* * * * *'}";

    /// A run that `minute` started, with `status`.
    fn run(minute: u8, status: &str) -> Job {
        parse(&format!(
            "metadata: {{name: hello-{minute}, uid: run-{minute}, creationTimestamp: '2030-01-01T00:{minute:02}:00Z', \
             annotations: {{score.dev/run: {}}}, ownerReferences: [{{apiVersion: batch/v1, kind: CronJob, name: hello, uid: \
             cron}}]}}\nspec: {{template: {{}}}}\nstatus: {status}\n",
            valid(VALUES).run
        ))
    }

    fn completed(minute: u8) -> Job {
        run(minute, "{conditions: [{type: Complete, status: 'True'}]}")
    }

    fn failed(minute: u8) -> Job {
        run(
            minute,
            &format!(
                "{{conditions: [{{type: Failed, status: 'True', reason: BackoffLimitExceeded, lastTransitionTime: \
                 '2030-01-01T00:{minute:02}:30Z'}}]}}"
            ),
        )
    }

    fn seen(spec: &str, status: &str, runs: &[Job], pods: &[Arc<Pod>]) -> (Health, bool) {
        let cron_job = parse(&format!(
            "metadata: {{uid: cron}}\nspec: {{schedule: '* * * * *', jobTemplate: {{}}{spec}}}\nstatus: {status}\n"
        ));
        let runs: Vec<_> = runs.iter().cloned().map(Arc::new).collect();
        let (plan, main) = (valid(VALUES), Main::CronJob(Arc::new(cron_job)));
        let seen = Seen { plan: &plan, main: &main, runs: &runs, pods, now: NOW.parse().unwrap() };
        let health = observe(seen);
        let serves = serves(seen, &health);
        (health, serves)
    }

    fn health(status: &str, runs: &[Job], pods: &[Arc<Pod>]) -> Health {
        seen("", status, runs, pods).0
    }

    fn is_failing(health: &Health, words: &str) -> bool {
        matches!(health, Health::Failing(it) if it.reason == Reason::RuntimeDegraded && it.message.contains(words))
    }

    #[test]
    fn it_is_ready_once_it_is_scheduled_and_says_whether_it_ran() {
        assert_eq!(health("{}", &[], &[]), Health::Scheduled { ran: false });
        assert_eq!(health("{}", &[run(1, "{active: 1}")], &[]), Health::Scheduled { ran: false });
        assert_eq!(health("{}", &[completed(1)], &[]), Health::Scheduled { ran: true });
        let removed =
            "{lastScheduleTime: '2030-01-01T00:01:00Z', lastSuccessfulTime: '2030-01-01T00:01:30Z'}";
        assert_eq!(health(removed, &[], &[]), Health::Scheduled { ran: true });
    }

    #[test]
    fn the_last_run_decides_until_another_ends() {
        let crashed = pod("hello-2-x", "run-2", &web("Failed", "{terminated: {exitCode: 3}}"));
        let pods = [crashed];
        assert!(is_failing(&health("{}", &[completed(1), failed(2)], &pods), "exit code 3"));
        let again = [completed(1), failed(2), run(3, "{active: 1}")];
        assert!(is_failing(&health("{}", &again, &pods), "next time of its schedule"));
        assert_eq!(health("{}", &[failed(2), completed(3)], &pods), Health::Scheduled { ran: true });
        let later_success = "{lastSuccessfulTime: '2030-01-01T00:03:10Z'}";
        assert_eq!(health(later_success, &[failed(2)], &pods), Health::Scheduled { ran: true });
        let earlier_success = "{lastSuccessfulTime: '2030-01-01T00:01:10Z'}";
        assert!(is_failing(&health(earlier_success, &[failed(2)], &pods), "exit code 3"));
    }

    #[test]
    fn a_plan_has_not_rolled_out_before_the_runs_of_another_have_ended_and_that_is_no_decline() {
        let of_another = |mut run: Job| {
            run.metadata.annotations = Some([("score.dev/run".to_owned(), "other".to_owned())].into());
            run
        };
        let waits = |health: &Health| {
            let hint = Some(FORMER_RUNS.to_owned());
            *health == Health::Underway(Underway { hint, expected: true, ..Underway::default() })
        };
        let former = of_another(run(1, "{active: 1}"));
        let between_attempts = of_another(run(1, "{failed: 1}"));
        for runs in [vec![former.clone()], vec![between_attempts], vec![former.clone(), completed(2)]] {
            let health = health("{}", &runs, &[]);
            assert!(waits(&health), "{health:?}");
        }
        let mut strange = former;
        strange.metadata.owner_references = None;
        for ended in [of_another(completed(1)), of_another(failed(1)), strange] {
            assert_eq!(health("{}", &[ended], &[]), Health::Scheduled { ran: false });
        }
    }

    #[test]
    fn runs_of_another_plan_or_of_somebody_else_have_no_say() {
        let mut earlier = failed(2);
        earlier.metadata.annotations = Some([("score.dev/run".to_owned(), "other".to_owned())].into());
        let mut strange = failed(2);
        strange.metadata.owner_references = None;
        assert_eq!(health("{}", &[earlier, strange], &[]), Health::Scheduled { ran: false });
    }

    #[test]
    fn what_keeps_a_run_from_starting_is_told_while_it_lasts() {
        let stuck =
            [pod("x", "run-2", &web("Pending", "{waiting: {reason: ErrImagePull, message: not found}}"))];
        assert!(is_failing(&health("{}", &[run(2, "{active: 1}")], &stuck), "cannot be pulled"));
        assert_eq!(health("{}", &[completed(2)], &stuck), Health::Scheduled { ran: true });
    }

    #[test]
    fn what_somebody_suspended_is_said_to_be() {
        assert!(is_failing(&seen(", suspend: true", "{}", &[completed(1)], &[]).0, SUSPENDED));
    }

    #[test]
    fn it_answers_requests_only_while_a_run_does() {
        assert!(seen("", "{}", &[run(1, "{active: 1, ready: 1}")], &[]).1);
        assert!(!seen("", "{}", &[completed(1)], &[]).1);
    }
}
