//! Random Workloads, made from the schema of the kind: whatever is valid is taken all the way, whatever is not is
//! refused, and it does not matter by which way a spec was reached.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use api_types::metadata::{ANNOTATION_APPLIED, ANNOTATION_ASKED_AT, ANNOTATION_TRACEPARENT};
use api_types::{ConditionType, Reason, Workload, WorkloadExposure, WorkloadPlan};
use e2e::inventory::{self, Found};
use e2e::{Context, Result, audit, controllers, namespace, seed, wait, with_namespace};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use kube::ResourceExt as _;
use kube::api::{DynamicObject, ListParams, Patch, PatchParams, ValidationDirective};
use score_spec::project::{Resolution, containers};
use score_spec::validate::validate;
use serde_json::{Value, json};
use workload_gen::{Generator, Invalid, Settings, applied};

const WORKLOADS: usize = 1_000;
/// Requests under way at once, of each test.
const AT_ONCE: usize = 8;
/// How many valid ones are created in earnest.
const SAMPLE: usize = 24;
const EDITS: usize = 12;
const IMAGE: &str = "localhost/score/sample-app:dev";
const GOOD: &str = "
apiVersion: score.dev/v1b1
kind: Workload
metadata: {name: good}
spec: {containers: {main: {image: 'IMAGE'}}}
";
/// For hundreds of objects on a small machine.
const PATIENCE: Duration = Duration::from_secs(240);

/// Everything but dependencies: which of them there are is for the platform to say.
fn without_resources() -> Settings {
    Settings { resources: 0, ..Settings::default() }
}

fn generator(settings: Settings) -> Result<Generator> {
    Ok(Generator::new(seed::seed()?, settings)?)
}

/// Creates a Workload that need not fit the type, as `kubectl create` does.
async fn create(context: &Context, object: &Value, dry_run: bool) -> Result<kube::Result<DynamicObject>> {
    create_in(context, "workloads", object, dry_run).await
}

async fn create_in(
    context: &Context,
    resource: &str,
    object: &Value,
    dry_run: bool,
) -> Result<kube::Result<DynamicObject>> {
    let dry_run = if dry_run { "&dryRun=All" } else { "" };
    let namespace = &context.namespace;
    let uri =
        format!("/apis/score.dev/v1b1/namespaces/{namespace}/{resource}?fieldValidation=Strict{dry_run}");
    let request = http::Request::post(uri).header(http::header::CONTENT_TYPE, "application/json");
    Ok(context.client.request(request.body(serde_json::to_vec(object)?)?).await)
}

#[tokio::test]
async fn random_valid_workloads_are_accepted() -> Result {
    with_namespace("random", async |context: Context| {
        let mut generator = generator(Settings::default())?;
        let objects = (0..WORKLOADS).map(|_| Ok(applied(&generator.valid()?, &context.namespace)?));
        let objects: Vec<Value> = objects.collect::<Result<_>>()?;
        let accepted = stream::iter(&objects).map(async |object| {
            let outcome = create(&context, object, true).await?;
            outcome.with_context(|| format!("refused although it is valid:\n{object:#}"))
        });
        accepted.buffer_unordered(AT_ONCE).try_for_each(async |_| Ok(())).await
    })
    .await
}

/// The plan of a Workload of the generator, once its dependencies have answered.
fn plan(generator: &Generator, workload: &Workload, namespace: &str) -> Result<Value> {
    let valid = validate(workload).map_err(|errors| anyhow::anyhow!("{errors:?}"))?;
    let Resolution::Resolved(containers) = containers(&valid, &generator.outputs(workload)) else {
        anyhow::bail!("some outputs are missing: {workload:#?}");
    };
    let reference = json!({"name": valid.name.as_str(), "uid": "u"});
    Ok(json!({
        "apiVersion": "score.dev/v1b1",
        "kind": "WorkloadPlan",
        "metadata": {"name": valid.name.as_str(), "namespace": namespace},
        "spec": {
            "workloadRef": reference,
            "observedWorkloadGeneration": 1,
            "runtimeClass": "none",
            "backendId": "none",
            "template": {"kind": "manifests"},
            "containers": containers,
            "service": valid.service(),
        },
    }))
}

#[tokio::test]
async fn the_plans_of_random_valid_workloads_are_accepted() -> Result {
    with_namespace("random-plans", async |context: Context| {
        let mut generator = generator(Settings::default())?;
        let plans = (0..WORKLOADS).map(|_| {
            let workload = generator.valid()?;
            plan(&generator, &workload, &context.namespace)
        });
        let plans: Vec<Value> = plans.collect::<Result<_>>()?;
        let accepted = stream::iter(&plans).map(async |object| {
            let outcome = create_in(&context, "workloadplans", object, true).await?;
            outcome.with_context(|| format!("the API server refuses the plan:\n{object:#}"))
        });
        accepted.buffer_unordered(AT_ONCE).try_for_each(async |_| Ok(())).await
    })
    .await
}

#[tokio::test]
async fn random_invalid_workloads_are_refused_and_disturb_nobody() -> Result {
    with_namespace("random-invalid", async |context: Context| {
        let before = controllers::restarts(&context.client).await?;
        let mut generator = generator(Settings::default())?;
        let invalid = (0..WORKLOADS).map(|_| Ok(generator.invalid()?)).collect::<Result<Vec<Invalid>>>()?;
        context.apply(&GOOD.replace("IMAGE", IMAGE)).await?;
        let refused = stream::iter(&invalid).map(async |invalid| let_in(&context, invalid).await);
        let let_in: Vec<Option<String>> = refused.buffer_unordered(AT_ONCE).try_collect().await?;
        let let_in: BTreeSet<String> = let_in.into_iter().flatten().collect();
        all_are_told_that_they_are_invalid(&context, &let_in).await?;
        context.wait_ready("good").await?;
        let plans = context.api::<WorkloadPlan>().list(&ListParams::default()).await?;
        let planned: Vec<String> = plans.iter().map(|plan| plan.name_any()).collect();
        ensure!(planned == ["good"], "an invalid Workload has a plan: {planned:?}");
        ensure!(controllers::restarts(&context.client).await? == before, "a controller was restarted");
        Ok(())
    })
    .await
}

/// Creates it. The name, if the API server does not see what is wrong: then its status has to tell.
async fn let_in(context: &Context, invalid: &Invalid) -> Result<Option<String>> {
    let mut object = invalid.object.clone();
    object["metadata"] = json!({"name": object["metadata"]["name"], "namespace": context.namespace});
    match create(context, &object, false).await? {
        Ok(accepted) => Ok(Some(accepted.name_any())),
        Err(kube::Error::Api(status)) if matches!(status.code, 400 | 422) => Ok(None),
        Err(error) => Err(error).with_context(|| format!("{:?} was refused in another way", invalid.rule)),
    }
}

async fn all_are_told_that_they_are_invalid(context: &Context, names: &BTreeSet<String>) -> Result {
    let what = "InputsValid=False of every invalid Workload";
    let waiting = wait::eventually(what, PATIENCE, async || {
        let all = context.api::<Workload>().list(&ListParams::default()).await?;
        let told = |workload: &&Workload| {
            namespace::says(workload, ConditionType::InputsValid, "False", Reason::SpecInvalid)
        };
        let told: BTreeSet<String> = all.iter().filter(told).map(|workload| workload.name_any()).collect();
        Ok((told == *names).then_some(()))
    });
    waiting.await
}

#[tokio::test]
async fn random_valid_workloads_leave_no_write_that_the_api_server_refuses() -> Result {
    with_namespace("random-run", async |context: Context| {
        let mut generator = generator(without_resources())?;
        let start = audit::mark(&context).await?;
        let mut names = BTreeSet::new();
        for _ in 0..SAMPLE {
            let object = applied(&generator.valid()?, &context.namespace)?;
            names.insert(create(&context, &object, false).await??.name_any());
        }
        all_are_answered(&context, &names).await?;
        let end = audit::mark(&context).await?;
        let mut writes = audit::writes_of(&controllers::NAMES, &start, &end).await?;
        writes.retain(|write| write.object_ref.namespace == context.namespace);
        ensure!(writes.len() >= SAMPLE, "the audit log shows too few writes: {}", audit::summary(&writes));
        writes.retain(audit::Write::was_refused);
        ensure!(writes.is_empty(), "refused by the API server: {writes:#?}");
        Ok(())
    })
    .await
}

/// Waits until the runtime has said something about the plan of each, whatever it is.
async fn all_are_answered(context: &Context, names: &BTreeSet<String>) -> Result {
    wait::eventually("an answer for every plan", PATIENCE, async || {
        let plans = context.api::<WorkloadPlan>().list(&ListParams::default()).await?;
        let exposures = context.api::<WorkloadExposure>().list(&ListParams::default()).await?;
        let answers: BTreeMap<String, Option<i64>> = exposures
            .iter()
            .map(|exposure| {
                (
                    exposure.name_any(),
                    exposure.status.as_ref().and_then(|status| status.observed_plan_generation),
                )
            })
            .collect();
        let is_answered = |plan: &&WorkloadPlan| {
            plan.metadata.generation.is_some()
                && answers.get(&plan.name_any()) == Some(&plan.metadata.generation)
        };
        let answered: BTreeSet<String> =
            plans.iter().filter(is_answered).map(|plan| plan.name_any()).collect();
        Ok((answered == *names).then_some(()))
    })
    .await
}

#[tokio::test]
async fn a_random_walk_of_changes_ends_where_its_last_spec_leads() -> Result {
    with_namespace("random-walk", async |walked: Context| {
        with_namespace("random-fresh", async |fresh: Context| {
            let mut generator =
                generator(Settings { containers: 1, image: Some(IMAGE.to_owned()), ..without_resources() })?;
            let mut workload = generator.valid()?;
            runnable(&mut workload);
            create(&walked, &applied(&workload, &walked.namespace)?, false).await??;
            for _ in 0..EDITS {
                workload = generator.edited(&workload)?;
                runnable(&mut workload);
                edit(&walked, &workload).await?;
            }
            create(&fresh, &applied(&workload, &fresh.namespace)?, false).await??;
            let name = workload.name_any();
            tokio::try_join!(walked.wait_ready(&name), fresh.wait_ready(&name))?;
            same_objects(&walked, &fresh).await
        })
        .await
    })
    .await
}

/// As `kubectl edit` does. Not by an apply: its body is read as YAML, which cannot hold every character that JSON can.
async fn edit(context: &Context, workload: &Workload) -> Result {
    let object = applied(workload, &context.namespace)?;
    let annotations = object["metadata"].get("annotations").cloned().unwrap_or_else(|| json!({}));
    let edits: json_patch::Patch = serde_json::from_value(json!([
        {"op": "add", "path": "/metadata/annotations", "value": annotations},
        {"op": "add", "path": "/spec", "value": object["spec"]},
    ]))?;
    let strict =
        PatchParams { field_validation: Some(ValidationDirective::Strict), ..PatchParams::default() };
    let workloads = context.api::<Workload>();
    workloads.patch(&workload.name_any(), &strict, &Patch::<()>::Json(edits)).await?;
    Ok(())
}

/// Takes away what the image of the tests cannot run with.
fn runnable(workload: &mut Workload) {
    for container in workload.spec.containers.values_mut() {
        (container.command, container.args) = (Vec::new(), Vec::new());
        (container.liveness_probe, container.readiness_probe, container.resources) = (None, None, None);
        container.before.clear();
        container.variables.retain(|name, _| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'));
        let files = std::mem::take(&mut container.files).into_values().enumerate();
        container.files = files.map(|(number, file)| (format!("/etc/random/{number}"), file)).collect();
    }
}

/// Waits until the same is in both namespaces.
async fn same_objects(one: &Context, other: &Context) -> Result {
    let mut last = (BTreeMap::new(), BTreeMap::new());
    let same = wait::eventually("the same objects in both namespaces", PATIENCE, async || {
        last = (comparable(one).await?, comparable(other).await?);
        Ok((last.0 == last.1).then_some(()))
    });
    let outcome = same.await;
    let differing = last.0.keys().chain(last.1.keys()).filter(|key| last.0.get(*key) != last.1.get(*key));
    let differing: BTreeMap<_, _> = differing.map(|key| (key, (last.0.get(key), last.1.get(key)))).collect();
    outcome.with_context(|| format!("after the walk, and fresh: {differing:#?}"))?;
    ensure!(last.0.len() >= 3, "nothing was compared: {:?}", last.0.keys());
    Ok(())
}

/// What was made in a namespace, without what the API server and other controllers set.
async fn comparable(context: &Context) -> Result<BTreeMap<String, Value>> {
    const KINDS: [&str; 11] = [
        "WorkloadPlan",
        "WorkloadExposure",
        "ResourceClaim",
        "Deployment",
        "StatefulSet",
        "Job",
        "CronJob",
        "Service",
        "ConfigMap",
        "Secret",
        "PersistentVolumeClaim",
    ];
    let found = inventory::of_namespace(&context.client, &context.namespace).await?.into_iter();
    let made = found.filter(|found| KINDS.contains(&found.kind.as_str()) && found.name != "kube-root-ca.crt");
    made.map(|found| Ok((format!("{}/{}", found.kind, found.name), without_identity(found)?))).collect()
}

fn without_identity(found: Found) -> Result<Value> {
    let Found { namespace, mut content, .. } = found;
    let metadata = content["metadata"].take();
    let mut annotations = metadata["annotations"].clone();
    if let Some(annotations) = annotations.as_object_mut() {
        let changing = [
            ANNOTATION_APPLIED,
            ANNOTATION_ASKED_AT,
            ANNOTATION_TRACEPARENT,
            "deployment.kubernetes.io/revision",
        ];
        annotations.retain(|key, _| !changing.contains(&key.as_str()));
    }
    content["metadata"] = json!({"labels": metadata["labels"], "annotations": annotations});
    if let Some(fields) = content.as_object_mut() {
        fields.remove("status");
    }
    if let Some(spec) = content["spec"].as_object_mut() {
        spec.retain(|field, _| {
            !matches!(field.as_str(), "clusterIP" | "clusterIPs" | "observedWorkloadGeneration")
        });
        spec.get_mut("workloadRef").into_iter().for_each(|workload| workload["uid"] = Value::Null);
    }
    Ok(serde_json::from_str(&content.to_string().replace(&namespace, "NAMESPACE"))?)
}
