//! A rule of an organisation that Kubernetes itself holds Workloads to: the one of `docs/platform.md`.

use anyhow::{Context as _, bail};
use api_types::Workload;
use e2e::apply::{repository_file, with_object};
use e2e::busybox::workload;
use e2e::wait::{PATIENCE, eventually};
use e2e::{Context, Result, with_namespace};
use k8s_openapi::api::admissionregistration::v1::{
    MatchResources, ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::Error;
use kube::api::{Api, Patch, PatchParams, PostParams};
use serde::Deserialize as _;
use serde_json::json;

/// What the rule of the guide says to a Workload without the label.
const REFUSAL: &str = "metadata.labels.team is missing: name the team";

/// The policy and the binding of the guide, under the name of the namespace and, as Workloads of all tests are in the
/// cluster, for that namespace alone.
fn rule_of_the_guide(
    namespace: &str,
) -> Result<(ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding)> {
    let text = repository_file("docs/examples/platform/admission-policy.yaml")?
        .replace("workloads-name-their-team", namespace);
    let mut documents = serde_yaml_ng::Deserializer::from_str(&text);
    let policy = ValidatingAdmissionPolicy::deserialize(documents.next().context("no policy")?)?;
    let binding = documents.next().context("no binding")?;
    let mut binding = ValidatingAdmissionPolicyBinding::deserialize(binding)?;
    let only_here = [("kubernetes.io/metadata.name".to_owned(), namespace.to_owned())].into();
    binding.spec.match_resources = Some(MatchResources {
        namespace_selector: Some(LabelSelector { match_labels: Some(only_here), ..LabelSelector::default() }),
        ..MatchResources::default()
    });
    Ok((policy, binding))
}

/// Runs a test while the rule holds.
async fn with_the_rule(context: &Context, test: impl Future<Output = Result>) -> Result {
    let policies: Api<ValidatingAdmissionPolicy> = Api::all(context.client.clone());
    let bindings: Api<ValidatingAdmissionPolicyBinding> = Api::all(context.client.clone());
    let (policy, binding) = rule_of_the_guide(&context.namespace)?;
    with_object(&policies, &policy, with_object(&bindings, &binding, test)).await
}

/// Whether the API server refused what it was asked for, as the rule says.
fn is_refused(answer: kube::Result<Workload>) -> Result<bool> {
    match answer {
        Ok(_) => Ok(false),
        Err(Error::Api(status)) if status.message.contains(REFUSAL) => Ok(true),
        Err(other) => bail!("refused, but not by the rule: {other}"),
    }
}

#[tokio::test]
async fn a_rule_of_the_organisation_refuses_a_workload_before_it_is_stored() -> Result {
    with_namespace("rule", async |context: Context| {
        let idle = "  containers: {main: {image: BUSYBOX, command: SLEEP}}\n";
        let unlabelled: Workload = serde_yaml_ng::from_str(&workload("it", idle))?;
        let labelled = workload("it", idle).replace("{name: it}", "{name: it, labels: {team: checkout}}");
        with_the_rule(&context, async {
            let workloads = context.api::<Workload>();
            // A policy takes effect some time after it is stored.
            let trial = PostParams { dry_run: true, ..PostParams::default() };
            eventually("the rule refuses a Workload without a team", PATIENCE, async || {
                Ok(is_refused(workloads.create(&trial, &unlabelled).await)?.then_some(()))
            })
            .await?;
            context.apply(&labelled).await?;
            context.wait_ready("it").await?;
            let without = Patch::Merge(json!({"metadata": {"labels": {"team": null}}}));
            let patched = workloads.patch("it", &PatchParams::default(), &without).await;
            anyhow::ensure!(is_refused(patched)?, "a Workload lost its team");
            Ok(())
        })
        .await
    })
    .await
}
