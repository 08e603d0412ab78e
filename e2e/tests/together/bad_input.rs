//! Invalid Workloads are refused with the field and what to do, and disturb nobody.

use std::collections::BTreeSet;

use anyhow::{Context as _, ensure};
use api_types::{ConditionType, Reason, Workload, WorkloadPlan};
use e2e::{Context, Result, apply, cluster, controllers, namespace, with_namespace};
use futures::{StreamExt as _, stream};
use kube::api::{DynamicObject, ListParams, Patch};
use kube::core::ApiResource;
use kube::{Api, ResourceExt as _};
use serde::Deserialize;
use serde_json::{Value, json};

const AT_LEAST: usize = 40;
const AT_ONCE: usize = 8;

const GOOD: &str = "
apiVersion: score.dev/v1b1
kind: Workload
metadata: {name: good}
spec:
  containers:
    main: {image: localhost/score/sample-app:dev}
  service:
    ports: [{port: 8080}]
";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// What is wrong, and the Workload's name.
    case: String,
    refused: Refused,
    field: String,
    #[serde(default)]
    says: String,
    patch: Value,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Refused {
    Admission,
    Status,
}

impl Case {
    fn manifest(&self) -> Result<DynamicObject> {
        let mut spec = json!({"containers": {"main": {"image": "localhost/score/sample-app:dev"}}});
        json_patch::merge(&mut spec, &self.patch);
        Ok(serde_json::from_value(json!({
            "apiVersion": "score.dev/v1b1", "kind": "Workload", "metadata": {"name": self.case}, "spec": spec,
        }))?)
    }

    /// What is wrong with how it was refused, if anything.
    async fn check(&self, context: &Context) -> Result {
        let kind = ApiResource::erase::<Workload>(&());
        let api: Api<DynamicObject> = Api::namespaced_with(context.client.clone(), &context.namespace, &kind);
        let applied = api.patch(&self.case, &apply::params(), &Patch::Apply(self.manifest()?)).await;
        let message = match (self.refused, applied) {
            (Refused::Admission, Err(kube::Error::Api(status))) => status.message.clone(),
            (Refused::Admission, Ok(_)) => anyhow::bail!("was not refused at admission"),
            (Refused::Status, Ok(_)) => self.message_in_status(context).await?,
            (_, Err(error)) => return Err(error).context("was refused in another way"),
        };
        // The API server names unknown fields as `.spec.x`, others as `spec.x`.
        ensure!(message.contains(&self.field), "{} is not named: {message}", self.field);
        ensure!(message.contains(&self.says), "{:?} is not said: {message}", self.says);
        Ok(())
    }

    async fn message_in_status(&self, context: &Context) -> Result<String> {
        let (type_, reason) = (ConditionType::InputsValid, Reason::SpecInvalid);
        let workload = context.wait_condition(&self.case, type_, "False", reason).await?;
        Ok(namespace::message(&workload, type_))
    }
}

fn cases() -> Result<Vec<Case>> {
    let folder = cluster::repository().join("e2e/tests/fixtures/invalid");
    let mut cases = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let text = std::fs::read_to_string(&path)?;
            let of_file: Vec<Case> =
                serde_yaml_ng::from_str(&text).with_context(|| path.display().to_string())?;
            cases.extend(of_file);
        }
    }
    Ok(cases)
}

#[test]
fn the_table_is_long_enough_and_names_no_case_twice() {
    let cases = cases().unwrap();
    let names: BTreeSet<&str> = cases.iter().map(|case| case.case.as_str()).collect();
    assert!(names.len() == cases.len() && cases.len() >= AT_LEAST, "{} of {}", names.len(), cases.len());
}

#[tokio::test]
async fn every_invalid_workload_is_refused_with_its_field_while_a_valid_one_becomes_ready() -> Result {
    with_namespace("invalid", async |context: Context| {
        let before = controllers::restarts(&context.client).await?;
        let cases = cases()?;
        context.apply(GOOD).await?;
        let checks = stream::iter(&cases).map(async |case| (case, case.check(&context).await));
        let (outcomes, good) =
            tokio::join!(checks.buffer_unordered(AT_ONCE).collect::<Vec<_>>(), context.wait_ready("good"));
        let wrong = outcomes.iter().filter_map(|(case, outcome)| Some((case, outcome.as_ref().err()?)));
        let wrong: Vec<String> = wrong.map(|(case, error)| format!("{}: {error:#}", case.case)).collect();
        ensure!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
        good?;
        let plans = context.api::<WorkloadPlan>().list(&ListParams::default()).await?;
        let planned: Vec<String> = plans.iter().map(|plan| plan.name_any()).collect();
        ensure!(planned == ["good"], "an invalid Workload has a plan: {planned:?}");
        ensure!(controllers::restarts(&context.client).await? == before, "a controller was restarted");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn params_that_nest_too_deep_to_be_read_are_refused_like_others() -> Result {
    with_namespace("deep", async |context: Context| {
        let nested = (0..105).fold(json!("a"), |within, _| json!({"a": within}));
        let params = json!({"tree": nested});
        let case = Case {
            case: "deep".to_owned(),
            refused: Refused::Status,
            field: "spec.resources.db.params.tree".to_owned(),
            says: "levels deep".to_owned(),
            patch: json!({"resources": {"db": {"type": "postgres", "params": params}}}),
        };
        case.check(&context).await
    })
    .await
}

#[tokio::test]
async fn a_workload_that_becomes_invalid_goes_on_running_as_it_was_until_it_is_valid_again() -> Result {
    with_namespace("spoilt", async |context: Context| {
        context.apply(GOOD).await?;
        let endpoint = context.wait_ready("good").await?.status.and_then(|status| status.endpoint);
        context.patch("good", json!({"spec": {"containers": {"main": {"image": "."}}}})).await?;
        let spoilt =
            context.wait_condition("good", ConditionType::Ready, "False", Reason::SpecInvalid).await?;
        ensure!(spoilt.status.and_then(|status| status.endpoint) == endpoint, "the endpoint went");
        let plan = context.api::<WorkloadPlan>().get("good").await?;
        ensure!(plan.spec.containers["main"].image != ".", "the last good plan was overwritten");
        context.apply(GOOD).await?;
        context.wait_ready("good").await?;
        Ok(())
    })
    .await
}
