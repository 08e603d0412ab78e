//! What the controllers make of one Workload, as the pattern for what the other writers write.
//!
//! Copied from the cluster and not built here, so that all three writers always write the same.

use std::time::{Duration, Instant};

use api_types::{Workload, WorkloadExposure, WorkloadPlan};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Service;
use kube::api::{DynamicObject, PostParams};
use kube::{Api, Client, Resource, ResourceExt};
use serde_json::{Value, json};

use crate::error::BenchError;
use crate::kinds::dynamic;
use crate::ready;

/// The Workload that every writer's objects are made for.
const WORKLOAD: &str = include_str!("../workload.yaml");
/// The sample's name. It occurs nowhere else, so that replacing it makes another Workload of everything.
const NAME: &str = "score-bench-sample";
/// How long the controllers may take for the sample.
const PATIENCE: Duration = Duration::from_secs(60);

/// What makes one Workload's objects differ from another's.
#[derive(Clone, Debug, Default)]
pub(crate) struct Identity {
    /// The name of all its objects.
    pub(crate) name: String,
    /// Their namespace.
    pub(crate) namespace: String,
    /// The uid of the Workload.
    pub(crate) workload: String,
    /// The uid of the plan.
    pub(crate) plan: String,
}

/// An object of the sample.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    text: String,
    sample: Identity,
}

impl Template {
    fn of(object: &DynamicObject, sample: &Identity) -> Result<Self, BenchError> {
        let text =
            serde_json::to_string(&only_written(object)).map_err(|e| BenchError::Shape(e.to_string()))?;
        Ok(Self { text, sample: sample.clone() })
    }

    /// The same object of another Workload. An empty uid leaves the sample's.
    pub(crate) fn render(&self, identity: &Identity) -> Result<DynamicObject, BenchError> {
        let mut text = self.text.clone();
        let pairs = [
            (&self.sample.name, &identity.name),
            (&self.sample.namespace, &identity.namespace),
            (&self.sample.workload, &identity.workload),
            (&self.sample.plan, &identity.plan),
        ];
        for (old, new) in pairs.into_iter().filter(|(old, new)| !old.is_empty() && !new.is_empty()) {
            text = text.replace(old.as_str(), new);
        }
        serde_json::from_str(&text)
            .map_err(|error| BenchError::Shape(format!("not an object: {error}: {text}")))
    }
}

/// Everything that the ideal writer has to know.
#[derive(Clone, Debug)]
pub(crate) struct Templates {
    /// What the user writes.
    pub(crate) workload: Template,
    /// The Workload's status until it runs.
    pub(crate) workload_pending: Template,
    /// The Workload's status from then on.
    pub(crate) workload_ready: Template,
    /// The plan.
    pub(crate) plan: Template,
    /// The exposure, without status.
    pub(crate) exposure: Template,
    /// The exposure's status once the Workload runs.
    pub(crate) exposure_status: Template,
    /// The Deployment.
    pub(crate) deployment: Template,
    /// The Service.
    pub(crate) service: Template,
}

/// Creates a Workload in `namespace`, waits until the controllers have made it Ready and learns what they wrote.
/// The Workload stays.
pub(crate) async fn learn(client: &Client, namespace: &str) -> Result<Templates, BenchError> {
    create(client, namespace).await?;
    wait_until_ready(client, namespace).await?;
    let workload = get::<Workload>(client, namespace).await?;
    let plan = get::<WorkloadPlan>(client, namespace).await?;
    let exposure = get::<WorkloadExposure>(client, namespace).await?;
    let sample = Identity {
        name: NAME.to_owned(),
        namespace: namespace.to_owned(),
        workload: workload.uid().unwrap_or_default(),
        plan: plan.uid().unwrap_or_default(),
    };
    let template = |object: &DynamicObject| Template::of(object, &sample);
    let workload_status = only_status(&workload);
    Ok(Templates {
        workload: template(&workload)?,
        workload_pending: template(&pending(workload_status.clone()))?,
        workload_ready: template(&workload_status)?,
        plan: template(&plan)?,
        exposure: template(&exposure)?,
        exposure_status: template(&only_status(&exposure))?,
        deployment: template(&get::<Deployment>(client, namespace).await?)?,
        service: template(&get::<Service>(client, namespace).await?)?,
    })
}

async fn create(client: &Client, namespace: &str) -> Result<(), BenchError> {
    let object: DynamicObject = serde_yaml_ng::from_str(WORKLOAD)
        .map_err(|error| BenchError::Shape(format!("workload.yaml: {error}")))?;
    let created = dynamic::<Workload>(client, namespace).create(&PostParams::default(), &object).await;
    created.map(drop).map_err(BenchError::api("create a first Workload"))
}

async fn wait_until_ready(client: &Client, namespace: &str) -> Result<(), BenchError> {
    let api: Api<Workload> = Api::namespaced(client.clone(), namespace);
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        let workload = api.get(NAME).await.map_err(BenchError::api("read the first Workload"))?;
        if ready::workload(&workload) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err(BenchError::Timeout {
        what: format!("the first Workload, {NAME} in {namespace}, did not become Ready"),
        seconds: PATIENCE.as_secs(),
        hint: "see its status and the controllers' logs".to_owned(),
    })
}

async fn get<K: Resource<DynamicType = ()>>(
    client: &Client,
    namespace: &str,
) -> Result<DynamicObject, BenchError> {
    let object = dynamic::<K>(client, namespace).get(NAME).await;
    object.map_err(BenchError::api(format!("read what was made for {NAME}: {}", K::kind(&()))))
}

/// The object without what the API server adds to it, and without its status.
fn only_written(object: &DynamicObject) -> DynamicObject {
    let mut written = object.clone();
    let old = &object.metadata;
    written.metadata = Default::default();
    written.metadata.name.clone_from(&old.name);
    written.metadata.namespace.clone_from(&old.namespace);
    written.metadata.labels.clone_from(&old.labels);
    written.metadata.owner_references.clone_from(&old.owner_references);
    written.metadata.annotations = old.annotations.clone().map(|mut annotations| {
        annotations.retain(|key, _| !key.starts_with("deployment.kubernetes.io/"));
        annotations
    });
    let is_status = old.uid.is_none();
    if let Some(data) = written.data.as_object_mut().filter(|_| !is_status) {
        data.remove("status");
    }
    if let Some(spec) = written.data.get_mut("spec").and_then(Value::as_object_mut) {
        spec.retain(|key, _| !["clusterIP", "clusterIPs"].contains(&key.as_str()));
    }
    written
}

/// What is applied to the status subresource.
fn only_status(object: &DynamicObject) -> DynamicObject {
    let mut status = object.clone();
    status.metadata = Default::default();
    status.metadata.name.clone_from(&object.metadata.name);
    status.metadata.namespace.clone_from(&object.metadata.namespace);
    status.data = json!({ "status": object.data["status"] });
    status
}

/// The status of the same Workload before it ran.
fn pending(mut workload: DynamicObject) -> DynamicObject {
    let conditions = workload.data["status"]["conditions"].as_array_mut().into_iter().flatten();
    for condition in conditions.filter(|c| c["type"] == "Ready" || c["type"] == "RuntimeReady") {
        condition["status"] = json!("False");
        condition["reason"] = json!("RuntimeProvisioning");
    }
    if let Some(status) = workload.data["status"].as_object_mut() {
        status.remove("endpoint");
    }
    workload
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(value: Value) -> DynamicObject {
        serde_json::from_value(value).unwrap()
    }

    fn sample() -> Identity {
        Identity {
            name: NAME.into(),
            namespace: "from".into(),
            workload: "uid-w".into(),
            plan: "uid-p".into(),
        }
    }

    #[test]
    fn a_copy_belongs_to_another_workload_in_every_field() {
        let service = object(json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": NAME, "namespace": "from", "uid": "uid-s", "resourceVersion": "7",
                "labels": {"app": NAME}, "managedFields": [{"manager": "m"}],
                "ownerReferences": [{"apiVersion": "v", "kind": "P", "name": NAME, "uid": "uid-p"}]},
            "spec": {"clusterIP": "10.96.0.7", "clusterIPs": ["10.96.0.7"], "selector": {"app": NAME}},
            "status": {"loadBalancer": {}},
        }));
        let other = Identity {
            name: "other".into(),
            namespace: "to".into(),
            workload: String::new(),
            plan: "new".into(),
        };
        let copy = Template::of(&service, &sample()).unwrap().render(&other).unwrap();
        let expected = object(json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "other", "namespace": "to", "labels": {"app": "other"},
                "ownerReferences": [{"apiVersion": "v", "kind": "P", "name": "other", "uid": "new"}]},
            "spec": {"selector": {"app": "other"}},
        }));
        assert_eq!(copy, expected);
    }

    #[test]
    fn a_status_is_copied_without_the_rest() {
        let workload = object(json!({
            "apiVersion": "score.dev/v1b1", "kind": "Workload",
            "metadata": {"name": NAME, "namespace": "from", "uid": "uid-w", "labels": {"a": "b"}},
            "spec": {"containers": {}},
            "status": {"endpoint": "http://x", "conditions": [
                {"type": "InputsValid", "status": "True"}, {"type": "Ready", "status": "True"}]},
        }));
        let copy = Template::of(&pending(only_status(&workload)), &sample()).unwrap();
        let copy = copy.render(&Identity { name: "other".into(), ..Identity::default() }).unwrap();
        let expected = object(json!({
            "apiVersion": "score.dev/v1b1", "kind": "Workload", "metadata": {"name": "other", "namespace": "from"},
            "status": {"conditions": [{"type": "InputsValid", "status": "True"},
                {"type": "Ready", "status": "False", "reason": "RuntimeProvisioning"}]},
        }));
        assert_eq!(copy, expected);
    }

    #[test]
    fn the_first_workload_is_a_workload() {
        let workload: Workload = serde_yaml_ng::from_str(WORKLOAD).unwrap();
        assert_eq!(workload.name_any(), NAME);
    }
}
