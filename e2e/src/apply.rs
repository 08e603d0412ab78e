//! Applying manifests, as `kubectl apply --server-side` does.

use std::fmt::Debug;

use anyhow::Context as _;
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, ValidationDirective};
use kube::core::GroupVersionKind;
use kube::{Client, Resource, ResourceExt as _, discovery};
use serde::de::DeserializeOwned;
use serde::{Deserialize as _, Serialize};

use crate::Result;

/// The field manager of the tests.
pub const MANAGER: &str = "e2e";

/// How the tests apply: a field that the kind does not know is an error, as it is for users of kubectl.
pub fn params() -> PatchParams {
    PatchParams { field_validation: Some(ValidationDirective::Strict), ..PatchParams::apply(MANAGER).force() }
}

/// Applies every document of `yaml` in `namespace`.
///
/// # Errors
/// It is not YAML, of a kind that the cluster does not have, or refused.
pub async fn apply(client: &Client, namespace: &str, yaml: &str) -> Result<Vec<DynamicObject>> {
    let mut applied = Vec::new();
    for document in serde_yaml_ng::Deserializer::from_str(yaml) {
        let object = DynamicObject::deserialize(document).context("not a Kubernetes object")?;
        applied.push(apply_one(client, namespace, object).await?);
    }
    Ok(applied)
}

async fn apply_one(client: &Client, namespace: &str, object: DynamicObject) -> Result<DynamicObject> {
    let types = object.types.clone().context("an object without apiVersion and kind")?;
    let kind = GroupVersionKind::try_from(&types)?;
    let (resource, _) = discovery::pinned_kind(client, &kind).await?;
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &resource);
    let name = object.name_any();
    let applied = api.patch(&name, &params(), &Patch::Apply(&object)).await;
    applied.with_context(|| format!("failed to apply {} {name}", types.kind))
}

/// Runs a test while an object is there that does not go with the test's namespace; it is removed after the test, whatever
/// comes of it.
///
/// # Errors
/// The API server refuses it, the test's, or that it cannot be removed.
pub async fn with_object<K>(api: &Api<K>, object: &K, test: impl Future<Output = Result>) -> Result
where
    K: Resource + Clone + Debug + Serialize + DeserializeOwned,
{
    let name = object.name_any();
    api.patch(&name, &params(), &Patch::Apply(object)).await?;
    // A test inside a test is more than the stack of a thread holds.
    let outcome = Box::pin(test).await;
    let removed = api.delete(&name, &DeleteParams::default()).await;
    outcome.and(removed.map(drop).map_err(Into::into))
}

/// The text of a file of the repository.
///
/// # Errors
/// It cannot be read.
pub fn repository_file(path: &str) -> Result<String> {
    let path = crate::cluster::repository().join(path);
    std::fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))
}
