//! What a Workload asks for beyond Score.

use platform::policy::Policies;
use serde_json::{Value, json};

use crate::support::{annotated, assert_lines, decided, full, refusals, workload};

fn values(workload: &api_types::Workload) -> Value {
    Value::Object(decided(workload, &full(), &Policies::default()).unwrap().values.0)
}

fn refused(annotations: Value) -> Vec<String> {
    refusals(decided(&annotated(&annotations), &full(), &Policies::default()))
}

#[test]
fn what_is_asked_for_lies_on_top_of_what_the_platform_says() {
    let asked = json!({"score.dev/replicas": "5", "score.dev/kind": "StatefulSet"});
    assert_eq!(
        values(&annotated(&asked)),
        json!({"kind": "StatefulSet", "replicas": 5, "service": {"type": "ClusterIP"}})
    );
}

#[test]
fn a_number_chosen_by_load_takes_the_place_of_a_fixed_one() {
    let asked = json!({"score.dev/autoscaling": "{minReplicas: 2, maxReplicas: 5, targetCPUUtilizationPercentage: 80}"});
    assert_eq!(
        values(&annotated(&asked)),
        json!({
            "autoscaling": {"minReplicas": 2, "maxReplicas": 5, "targetCPUUtilizationPercentage": 80},
            "service": {"type": "ClusterIP"},
        })
    );
}

#[test]
fn what_the_platform_says_gives_way_where_the_kind_asked_for_does_not_take_it() {
    for (asked, expected) in [
        (json!({"score.dev/kind": "Job"}), json!({"kind": "Job", "service": {"type": "ClusterIP"}})),
        (
            json!({"score.dev/profile": "batch", "score.dev/kind": "Deployment"}),
            json!({"kind": "Deployment"}),
        ),
    ] {
        assert_eq!(values(&annotated(&asked)), expected);
    }
}

#[test]
fn every_annotation_becomes_its_value() {
    let asked = json!({
        "score.dev/profile": "batch", "score.dev/kind": "CronJob", "score.dev/schedule": "*/5 8-18 * * MON-FRI",
        "score.dev/time-zone": "Europe/Berlin", "score.dev/concurrency-policy": "Forbid", "score.dev/completions": "1",
        "score.dev/parallelism": "1", "score.dev/backoff-limit": "0", "score.dev/active-deadline-seconds": "600",
    });
    assert_eq!(
        values(&annotated(&asked)),
        json!({
            "kind": "CronJob", "schedule": "*/5 8-18 * * MON-FRI", "timeZone": "Europe/Berlin",
            "concurrencyPolicy": "Forbid", "completions": 1, "parallelism": 1, "backoffLimit": 0,
            "activeDeadlineSeconds": 600,
        })
    );
}

#[test]
fn timing_of_probes_becomes_a_value() {
    let spec = json!({"containers": {"main": {"readinessProbe": {"exec": {"command": ["true"]}}}}});
    let probes =
        "main:\n  readiness: {periodSeconds: 5, successThreshold: 2}\n  startup: {failureThreshold: 30}\n";
    let workload = workload(&json!({"annotations": {"score.dev/probes": probes}}), &spec);
    assert_eq!(
        values(&workload)["probes"],
        json!({"main": {"readiness": {"periodSeconds": 5, "successThreshold": 2}, "startup": {"failureThreshold": 30}}})
    );
}

#[test]
fn every_wrong_value_is_told_at_once_with_its_annotation() {
    let lines = refused(json!({
        "score.dev/active-deadline-seconds": "0",
        "score.dev/autoscaling": "{minReplicas: 3, maxReplicas: 2, max: 1}",
        "score.dev/concurrency-policy": "Never",
        "score.dev/kind": "DaemonSet",
        "score.dev/probes": "{side: {}, main: {liveness: {}}}",
        "score.dev/regions": "eu west",
        "score.dev/replica": "1",
        "score.dev/replicas": "-1",
        "score.dev/schedule": "* * * *",
        "score.dev/service-account": "Web_1",
        "score.dev/storage": "lots",
        "score.dev/time-zone": "Europe/Bielefeld",
    }));
    let at = |key: &str, rest: &str| format!("metadata.annotations[score.dev/{key}]{rest}");
    let expected = [
        at("active-deadline-seconds", ": must be a whole number of at least 1"),
        at("autoscaling", ".maxReplicas: is below minReplicas (3)"),
        at("autoscaling", ".max: unknown field"),
        at("concurrency-policy", ": must be one of `Allow`, `Forbid`, `Replace`"),
        at("kind", ": must be one of `Deployment`, `StatefulSet`, `Job`, `CronJob`"),
        at("probes", ".main.liveness: the container has no livenessProbe"),
        at("probes", ".side: names no container: use one of `main`"),
        at("regions", ": \"eu west\" must be"),
        at("replica", ": unknown annotation: remove it, or use one of `score.dev/profile`"),
        at("replicas", ": must be a whole number of at least 0"),
        at("schedule", ": must be five fields of cron"),
        at("service-account", ": must be a name"),
        at("storage", ": `lots` is not a quantity"),
        at("time-zone", ": must be the name of a time zone"),
        at("replicas", ": the number is either fixed or chosen by load"),
    ];
    assert_lines(&lines, &expected.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn schedules_are_those_that_cron_knows() {
    let with =
        |schedule: &str| annotated(&json!({"score.dev/kind": "CronJob", "score.dev/schedule": schedule}));
    for schedule in [
        "* * * * *",
        "0 0 1 1 ?",
        "*/15 0-6,12 1-15 JAN-MAR,jul SUN",
        "@hourly",
        "@midnight",
        " 5 4 * * 6-6 ",
        "7 7 7 7 0,MON-SAT/2",
        "*/60 */24 * * */7",
        "5/100 0-23/99 * * *",
    ] {
        assert_eq!(values(&with(schedule))["schedule"], schedule.trim(), "{schedule}");
    }
    for schedule in [
        "",
        "* * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * L * *",
        "* * 15W * *",
        "* * * * 5#2",
        "* * * * 5L",
        "@every 5m",
        "@reboot",
        "TZ=UTC * * * * *",
        "a b c d e",
        "*/0 * * * *",
        "*/ * * * *",
        "/5 * * * *",
        "0 5-3 * * *",
        "0 0 * * FRI-SUN",
    ] {
        let lines = refusals(decided(&with(schedule), &full(), &Policies::default()));
        assert!(
            lines[0].contains("[score.dev/schedule]: must be five fields of cron"),
            "{schedule}: {lines:?}"
        );
    }
}

#[test]
fn sunday_is_day_0_as_it_is_for_kubernetes() {
    for days in ["7", "1-7", "7-7", "1,07", "0-7/2"] {
        let asked = json!({"score.dev/kind": "CronJob", "score.dev/schedule": format!("0 3 * * {days}")});
        assert_lines(&refused(asked), &["(days of the week are 0 to 6: write 0 for Sunday)"]);
    }
}

#[test]
fn the_name_of_a_time_zone_is_written_as_kubernetes_finds_it() {
    let with = |zone: &str| json!({"score.dev/kind": "CronJob", "score.dev/schedule": "@daily", "score.dev/time-zone": zone});
    for zone in ["UTC", "Etc/UTC", "Europe/Berlin", "America/New_York"] {
        assert_eq!(values(&annotated(&with(zone)))["timeZone"], zone);
    }
    for (zone, right) in
        [("utc", "UTC"), ("europe/berlin", "Europe/Berlin"), ("EUROPE/BERLIN", "Europe/Berlin")]
    {
        let expected = format!("[score.dev/time-zone]: must be written `{right}`");
        assert_lines(&refused(with(zone)), &[expected.as_str()]);
    }
    for zone in ["Local", "Etc/Unknown", "Europe/Bielefeld", ""] {
        assert_lines(&refused(with(zone)), &["must be the name of a time zone"]);
    }
}

#[test]
fn what_means_nothing_for_the_kind_of_work_is_refused() {
    assert_lines(
        &refused(json!({"score.dev/kind": "CronJob", "score.dev/replicas": "2"})),
        &[
            "metadata.annotations[score.dev/replicas]: has no meaning for a `CronJob`, which this Workload is by score.dev/kind",
            "metadata.annotations[score.dev/schedule]: is missing, and a `CronJob` needs it",
        ],
    );
    assert_lines(
        &refused(json!({"score.dev/schedule": "* * * * *", "score.dev/time-zone": "UTC"})),
        &[
            "[score.dev/schedule]: has no meaning for a `Deployment`, which this Workload is by its profile",
            "[score.dev/time-zone]: has no meaning",
        ],
    );
    assert_lines(
        &refused(json!({"score.dev/profile": "batch", "score.dev/replicas": "2"})),
        &["[score.dev/replicas]: has no meaning for a `Job`, which this Workload is by its profile"],
    );
}

#[test]
fn the_annotations_of_others_are_passed_on() {
    let workload = annotated(&json!({
        "example.com/team": "checkout", "dapr.io/enabled": "true", "score.dev/replicas": "1",
        "kubectl.kubernetes.io/last-applied-configuration": "{}", "score.dev/traceparent": "00-0-0-00",
    }));
    let config = full();
    let decision = decided(&workload, &config, &Policies::default()).unwrap();
    assert_eq!(decision.annotations.keys().collect::<Vec<_>>(), ["dapr.io/enabled", "example.com/team"]);
}
