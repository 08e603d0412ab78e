use std::time::Duration;

use super::*;
use crate::fixtures::parse;

fn read(yaml: &str) -> Result<Values, Vec<String>> {
    let mut problems = Vec::new();
    let values = Values::read(&OpenObject(parse(yaml)), &mut problems);
    if problems.is_empty() { Ok(values) } else { Err(problems) }
}

/// What is said of the only problem of `yaml`.
fn refused(yaml: &str) -> String {
    let problems = read(yaml).unwrap_err();
    assert_eq!(problems.len(), 1, "{yaml}: {problems:?}");
    problems[0].clone()
}

#[test]
fn without_values_there_is_one_kind_of_work_and_whoever_scales_decides() {
    assert_eq!(read("{}").unwrap(), Values::default());
    assert_eq!(Values::default().work, Work::Deployment(Scaling::Whoever));
    assert_eq!(read("{kind: null, replicas: null}").unwrap(), Values::default());
}

#[test]
fn each_kind_of_work_takes_what_belongs_to_it() {
    assert_eq!(read("{kind: Deployment, replicas: 0}").unwrap().work, Work::Deployment(Scaling::Fixed(0)));
    let autoscaling = Autoscaling { min_replicas: 1, max_replicas: 5, target_cpu_utilization_percentage: 80 };
    assert_eq!(
        read("{kind: StatefulSet, autoscaling: {maxReplicas: 5}}").unwrap().work,
        Work::StatefulSet(Scaling::Automatic(autoscaling))
    );
    let run = Run {
        completions: 3,
        parallelism: 2,
        backoff_limit: Some(0),
        active_deadline_seconds: Some(60),
        ttl_after_completed: Some(Duration::from_secs(600)),
    };
    let numbers = "completions: 3, parallelism: 2, backoffLimit: 0, activeDeadlineSeconds: 60, \
                   ttlSecondsAfterFinished: 600";
    assert_eq!(read(&format!("{{kind: Job, {numbers}}}")).unwrap().work, Work::Job(run.clone()));
    let schedule = Schedule {
        schedule: "*/5 * * * *".into(),
        time_zone: Some("Europe/Berlin".into()),
        concurrency_policy: ConcurrencyPolicy::Forbid,
        completed_kept: 3,
        failed_kept: 1,
    };
    let cron = "kind: CronJob, schedule: '*/5 * * * *', timeZone: Europe/Berlin, concurrencyPolicy: Forbid";
    let work = |yaml: &str| read(&format!("{{{cron}, {numbers}{yaml}}}")).unwrap().work;
    assert_eq!(work(""), Work::CronJob(schedule.clone(), run.clone()));
    let kept = Schedule { completed_kept: 0, failed_kept: 5, ..schedule };
    assert_eq!(work(", successfulJobsHistoryLimit: 0, failedJobsHistoryLimit: 5"), Work::CronJob(kept, run));
}

#[test]
fn what_belongs_to_another_kind_is_refused() {
    for (yaml, annotation) in [
        ("{schedule: '* * * * *'}", "score.dev/schedule"),
        ("{timeZone: UTC}", "score.dev/time-zone"),
        ("{kind: Job, concurrencyPolicy: Forbid}", "score.dev/concurrency-policy"),
        ("{kind: StatefulSet, completions: 1}", "score.dev/completions"),
        ("{parallelism: 1}", "score.dev/parallelism"),
        ("{backoffLimit: 1}", "score.dev/backoff-limit"),
        ("{activeDeadlineSeconds: 1}", "score.dev/active-deadline-seconds"),
        ("{kind: Job, replicas: 1}", "score.dev/replicas"),
        ("{kind: CronJob, schedule: '* * * * *', autoscaling: {maxReplicas: 1}}", "score.dev/autoscaling"),
    ] {
        let problem = refused(yaml);
        assert!(problem.starts_with(&format!("`{annotation}`: goes with the kind ")), "{problem}");
    }
    assert!(refused("{kind: CronJob}").contains("must be set for the kind `CronJob`"));
    assert!(refused("{replicas: 1, autoscaling: {maxReplicas: 2}}").contains("cannot be set together"));
}

#[test]
fn a_value_of_the_wrong_form_is_refused_by_the_annotation_that_sets_it() {
    for (yaml, expected) in [
        (
            "{kind: DaemonSet}",
            "`score.dev/kind`: must be one of `Deployment`, `StatefulSet`, `Job`, `CronJob`: ",
        ),
        ("{replicas: '2'}", "`score.dev/replicas`: must be a whole number of at least 0: "),
        ("{replicas: -1}", "`score.dev/replicas`: must be a whole number of at least 0: "),
        ("{replicas: 3000000000}", "`score.dev/replicas`: must be a whole number"),
        ("{autoscaling: 5}", "`score.dev/autoscaling`: must be a map: "),
        ("{autoscaling: {}}", "`score.dev/autoscaling`: maxReplicas must be set: "),
        (
            "{autoscaling: {maxReplicas: 0}}",
            "`score.dev/autoscaling`: maxReplicas must be a whole number of at least 1",
        ),
        ("{autoscaling: {minReplicas: 3, maxReplicas: 2}}", "maxReplicas must not be less than minReplicas"),
        ("{autoscaling: {maxReplicas: 2, metric: x}}", "`score.dev/autoscaling`: metric is not known"),
        ("{kind: Job, completions: 0}", "`score.dev/completions`: must be a whole number of at least 1"),
        ("{kind: CronJob, schedule: 5}", "`score.dev/schedule`: must be a text"),
        ("{serviceAccountName: ''}", "`score.dev/service-account`: must be a text"),
        ("{probes: {web: {ready: {}}}}", "`score.dev/probes`: web.ready is not known"),
        (
            "{probes: {web: {liveness: {periodSeconds: 0}}}}",
            "web.liveness.periodSeconds must be a whole number",
        ),
        ("{probes: {web: {startup: {successThreshold: 2}}}}", "web.startup.successThreshold can only be 1"),
    ] {
        let problem = refused(yaml);
        assert!(problem.contains(expected), "{problem}");
        assert!(problem.ends_with("or ask your platform team if the workload has none."), "{problem}");
    }
}

#[test]
fn what_no_annotation_sets_is_for_the_platform_team() {
    assert_eq!(
        refused("{tier: gold}"),
        "The platform's profile sets `tier`, which is not known: ask your platform team."
    );
    for yaml in [
        "{kind: Job, ttlSecondsAfterFinished: -1}",
        "{kind: Job, successfulJobsHistoryLimit: 1}",
        "{kind: CronJob, schedule: '@daily', failedJobsHistoryLimit: 0}",
    ] {
        assert!(refused(yaml).ends_with(": ask your platform team."), "{yaml}");
    }
}

#[test]
fn everything_that_is_wrong_is_listed_at_once() {
    let problems =
        read("{kind: Cron, schedule: 5, replicas: x, probes: {web: {startup: 1}}, tier: 1, zone: 2}")
            .unwrap_err();
    assert_eq!(problems.len(), 6, "{problems:?}");
}

#[test]
fn the_timing_of_probes_is_kept_by_container() {
    let yaml = "{probes: {web: {readiness: {initialDelaySeconds: 0, periodSeconds: 5, timeoutSeconds: 1, \
                successThreshold: 2, failureThreshold: 3}, startup: {}}}}";
    let timing = Timing {
        initial_delay_seconds: Some(0),
        period_seconds: Some(5),
        timeout_seconds: Some(1),
        success_threshold: Some(2),
        failure_threshold: Some(3),
    };
    let expected = ProbeTimings { readiness: Some(timing), startup: Some(Timing::default()), liveness: None };
    assert_eq!(read(yaml).unwrap().probes, [("web".to_owned(), expected)].into());
}

#[test]
fn what_others_read_is_handed_on_as_it_is() {
    let values = read("{ingress: {host: a.example.org}, claims: {db: {host: x}}}").unwrap();
    assert_eq!(values.ingress.unwrap()["host"], "a.example.org");
    assert_eq!(values.claims.unwrap()["db"]["host"], "x");
}
