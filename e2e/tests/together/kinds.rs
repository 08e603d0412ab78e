//! Kinds of work beyond a service that always runs, asked for with annotations.

use anyhow::{Context as _, ensure};
use api_types::{ConditionType, Reason, Workload};
use e2e::busybox::{WAIT, workload};
use e2e::wait::{PATIENCE, eventually, until_there};
use e2e::{Context, Result, namespace, with_namespace};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::ListParams;

/// Workload `it` with one container that runs a line of shell, and these annotations (YAML).
fn annotated(annotations: &str, line: &str) -> String {
    let spec =
        format!("  containers: {{main: {{image: BUSYBOX, command: [/bin/busybox, sh, -c, {line:?}]}}}}\n");
    workload("it", &spec).replace("{name: it}", &format!("{{name: it, annotations: {{{annotations}}}}}"))
}

async fn pods(context: &Context) -> Result<Vec<Pod>> {
    let pods = context.api::<Pod>().list(&ListParams::default().labels("app=it")).await?;
    Ok(pods.items.into_iter().filter(|pod| pod.metadata.deletion_timestamp.is_none()).collect())
}

#[tokio::test]
async fn work_that_is_done_once_is_ready_when_it_is_done_and_runs_again_only_when_it_changes() -> Result {
    with_namespace("once", async |context: Context| {
        context.apply(&annotated("score.dev/kind: Job", "echo one")).await?;
        context.wait_ready("it").await?;
        let first = context.api::<Job>().get("it").await?;
        let log = context.kubectl(&["logs", "--selector=app=it"]).await?;
        ensure!(log == "one\n", "{log:?}");
        context.apply(&annotated("score.dev/kind: Job, example.com/note: x", "echo one")).await?;
        context.wait_ready("it").await?;
        context.apply(&annotated("score.dev/kind: Job", "echo two")).await?;
        context.wait_ready("it").await?;
        let second = context.api::<Job>().get("it").await?;
        ensure!(first.uid() != second.uid(), "a changed command did not run");
        let log = context.kubectl(&["logs", "--selector=app=it"]).await?;
        ensure!(log == "two\n", "{log:?}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn work_that_fails_says_why() -> Result {
    with_namespace("fails", async |context: Context| {
        context.apply(&annotated("score.dev/kind: Job, score.dev/backoff-limit: '0'", "exit 7")).await?;
        let told = context
            .wait_condition("it", ConditionType::RuntimeReady, "False", Reason::RuntimeDegraded)
            .await?;
        let message = namespace::message(&told, ConditionType::RuntimeReady);
        ensure!(message.contains("main") && message.contains("exit code 7"), "{message}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn scheduled_work_is_ready_and_runs_at_its_time() -> Result {
    with_namespace("schedule", async |context: Context| {
        let annotations =
            "score.dev/kind: CronJob, score.dev/schedule: '* * * * *', score.dev/concurrency-policy: Forbid";
        context.apply(&annotated(annotations, "echo ran")).await?;
        context.wait_ready("it").await?;
        let cron = context.api::<CronJob>().get("it").await?.spec;
        ensure!(cron.concurrency_policy.as_deref() == Some("Forbid"), "{cron:?}");
        let ran =
            |cron: &CronJob| cron.status.as_ref().is_some_and(|status| status.last_successful_time.is_some());
        until_there(&context.api(), "it", "run once", PATIENCE, ran).await?;
        context.wait_ready("it").await.map(drop)
    })
    .await
}

#[tokio::test]
async fn a_schedule_that_is_none_is_refused_with_its_annotation() -> Result {
    with_namespace("bad-schedule", async |context: Context| {
        let annotations =
            "score.dev/kind: CronJob, score.dev/schedule: every minute, score.dev/replicas: many";
        context.apply(&annotated(annotations, "echo never")).await?;
        let told =
            context.wait_condition("it", ConditionType::InputsValid, "False", Reason::SpecInvalid).await?;
        let message = namespace::message(&told, ConditionType::InputsValid);
        for key in ["score.dev/schedule", "score.dev/replicas"] {
            ensure!(message.contains(key), "{key} is not in {message}");
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn replicas_are_as_many_as_asked_for_and_else_as_somebody_scales() -> Result {
    with_namespace("replicas", async |context: Context| {
        context.apply(&annotated("score.dev/replicas: '2'", WAIT)).await?;
        context.wait_ready("it").await?;
        ensure!(pods(&context).await?.len() == 2, "not two");
        context.apply(&annotated("", WAIT)).await?;
        // Until the status speaks of it, the runtime may still make two of however many there are.
        let is_free = |it: &Workload| {
            it.status
                .as_ref()
                .is_some_and(|status| !status.observed_annotations.contains_key("score.dev/replicas"))
        };
        until_there(&context.api(), "it", "without the annotation", PATIENCE, is_free).await?;
        context.wait_ready("it").await?;
        context.kubectl(&["scale", "deployment/it", "--replicas=3"]).await?;
        let three =
            |it: &Deployment| it.status.as_ref().is_some_and(|status| status.available_replicas == Some(3));
        until_there(&context.api(), "it", "three", PATIENCE, three).await?;
        // Anything that makes the runtime look again leaves them alone.
        context.apply(&annotated("example.com/look: again", WAIT)).await?;
        context.wait_ready("it").await?;
        let spec = context.api::<Deployment>().get("it").await?.spec.context("no spec")?;
        ensure!(spec.replicas == Some(3), "{:?}", spec.replicas);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_change_of_an_annotation_is_waited_for_as_the_documentation_says() -> Result {
    with_namespace("annotation", async |context: Context| {
        context.apply(&annotated("score.dev/replicas: '1'", WAIT)).await?;
        context.wait_ready("it").await?;
        context.kubectl(&["annotate", "--overwrite", "workload/it", "score.dev/replicas=2"]).await?;
        let observed = r"--for=jsonpath={.status.observedAnnotations.score\.dev/replicas}=2";
        context.kubectl(&["wait", observed, "--timeout=240s", "workload/it"]).await?;
        context.kubectl(&["wait", "--for=condition=Ready", "--timeout=240s", "workload/it"]).await?;
        let running = pods(&context).await?.len();
        ensure!(running == 2, "{running} run when it is said that two do");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn an_autoscaler_decides_about_replicas_alone() -> Result {
    with_namespace("autoscaling", async |context: Context| {
        let annotations =
            "score.dev/autoscaling: '{minReplicas: 2, maxReplicas: 4, targetCPUUtilizationPercentage: 70}'";
        context.apply(&annotated(annotations, WAIT)).await?;
        let two =
            |it: &Deployment| it.status.as_ref().is_some_and(|status| status.available_replicas == Some(2));
        until_there(&context.api(), "it", "two", PATIENCE, two).await?;
        context.wait_ready("it").await?;
        let spec = context.api::<HorizontalPodAutoscaler>().get("it").await?.spec;
        ensure!((spec.min_replicas, spec.max_replicas) == (Some(2), 4), "{spec:?}");
        context.apply(&annotated("", WAIT)).await?;
        context.wait_ready("it").await?;
        eventually("the autoscaler goes when nobody asks for it", PATIENCE, async || {
            let found = context.api::<HorizontalPodAutoscaler>().get_opt("it").await?;
            Ok(found.is_none().then_some(()))
        })
        .await
    })
    .await
}

#[tokio::test]
async fn stateful_work_has_names_that_stay() -> Result {
    with_namespace("stateful", async |context: Context| {
        context.apply(&annotated("score.dev/kind: StatefulSet, score.dev/replicas: '2'", WAIT)).await?;
        context.wait_ready("it").await?;
        let names: Vec<String> = pods(&context).await?.iter().map(ResourceExt::name_any).collect();
        ensure!(names == ["it-0", "it-1"], "{names:?}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn another_kind_of_work_replaces_the_one_before() -> Result {
    with_namespace("change-kind", async |context: Context| {
        context.apply(&annotated("", WAIT)).await?;
        context.wait_ready("it").await?;
        context.apply(&annotated("score.dev/kind: StatefulSet", WAIT)).await?;
        context.wait_ready("it").await?;
        eventually("the first one goes", PATIENCE, async || {
            Ok(context.api::<Deployment>().get_opt("it").await?.is_none().then_some(()))
        })
        .await
    })
    .await
}

#[tokio::test]
async fn probes_have_the_timing_that_is_asked_for() -> Result {
    with_namespace("timing", async |context: Context| {
        let probes = r#"score.dev/probes: '{"main": {"readiness": {"initialDelaySeconds": 1, "periodSeconds": 3, "failureThreshold": 5}}}'"#;
        let with_probe = annotated(probes, WAIT)
            .replace("{image:", "{readinessProbe: {exec: {command: [/bin/busybox, 'true']}}, image:");
        context.apply(&with_probe).await?;
        context.wait_ready("it").await?;
        let pods = pods(&context).await?;
        let container = &pods.first().context("no pod")?.spec.as_ref().context("no spec")?.containers[0];
        let probe = container.readiness_probe.clone().context("no probe")?;
        let timing = (probe.initial_delay_seconds, probe.period_seconds, probe.failure_threshold);
        ensure!(timing == (Some(1), Some(3), Some(5)), "{probe:?}");
        Ok(())
    })
    .await
}
