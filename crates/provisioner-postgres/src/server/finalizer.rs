//! What keeps a deleted claim until its database is dropped.

use api_types::ResourceClaim;
use controller_kit::Cache;
use kube::{
    Api, Client, ResourceExt as _,
    api::{Patch, PatchParams},
};
use provisioner_kit::guarded;
use serde_json::json;

use crate::NAME;

/// Stands on a claim whose database on a server is to be dropped with it.
pub const FINALIZER: &str = "score.dev/postgres";

/// The finalizer could not be written.
#[derive(Debug, thiserror::Error)]
#[error("failed to write the finalizer of the claim")]
pub struct Error(#[from] kube::Error);

/// Whether `claim` has the finalizer.
pub fn is_held(claim: &ResourceClaim) -> bool {
    claim.finalizers().iter().any(|finalizer| finalizer == FINALIZER)
}

/// Adds or removes the finalizer, unless that is as it should be. False if the claim has changed since it was read.
///
/// # Errors
/// If the API server does not answer as it should.
pub async fn hold(
    client: &Client,
    claims: &Cache<ResourceClaim>,
    claim: &ResourceClaim,
    wanted: bool,
) -> Result<bool, Error> {
    if is_held(claim) == wanted {
        return Ok(true);
    }
    let others = claim.finalizers().iter().filter(|finalizer| *finalizer != FINALIZER).cloned();
    let finalizers: Vec<String> = others.chain(wanted.then(|| FINALIZER.to_owned())).collect();
    let metadata = serde_json::Map::from_iter([("finalizers".to_owned(), json!(finalizers))]);
    let api: Api<ResourceClaim> = Api::namespaced(client.clone(), &claim.namespace().unwrap_or_default());
    let params = PatchParams { field_manager: Some(NAME.to_owned()), ..PatchParams::default() };
    let patch = Patch::Merge(guarded(metadata, &claim.metadata));
    match api.patch(&claim.name_any(), &params, &patch).await {
        Ok(written) => {
            // One that was only held back is gone with it, and the watch says so.
            if written.metadata.deletion_timestamp.is_none() {
                claims.record(written);
            }
            Ok(true)
        }
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(!wanted),
        Err(kube::Error::Api(status)) if status.is_conflict() => Ok(false),
        Err(error) => Err(error.into()),
    }
}
