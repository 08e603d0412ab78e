//! The claim as a provisioner wants it: with everything that the API server always sets in its place.

use std::sync::Arc;

use api_types::{DeprovisionPolicy, ResourceClaim};
use controller_kit::Cache;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{Resource as _, ResourceExt as _};

/// Who a claim is.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid, which tells it from a later claim of the same name.
    pub uid: String,
    /// The Workload that it was made for.
    pub workload: String,
    /// The name under which that Workload declares the resource.
    pub key: String,
    /// The type of the resource.
    pub type_: String,
    /// The class of the resource.
    pub class: String,
    /// The id by which Workloads share the resource; without one it is its Workload's own.
    pub id: Option<String>,
    /// What becomes of the resource when the claim is deleted.
    pub policy: DeprovisionPolicy,
    /// The reference by which the API server collects what the claim owns.
    pub owner: OwnerReference,
}

/// The object was never stored by an API server, or is cluster-scoped.
#[derive(Debug, thiserror::Error)]
#[error("the claim has no namespace, name or uid")]
pub struct Incomplete;

impl TryFrom<&ResourceClaim> for Claim {
    type Error = Incomplete;

    fn try_from(claim: &ResourceClaim) -> Result<Self, Incomplete> {
        let owner = claim.controller_owner_ref(&()).ok_or(Incomplete)?;
        Ok(Self {
            namespace: claim.metadata.namespace.clone().ok_or(Incomplete)?,
            name: owner.name.clone(),
            uid: owner.uid.clone(),
            workload: claim.spec.workload_ref.name.clone(),
            key: claim.spec.key.clone(),
            type_: claim.spec.type_.clone(),
            class: claim.spec.class.clone(),
            id: claim.spec.id.clone(),
            policy: claim.spec.deprovision_policy,
            owner,
        })
    }
}

/// `claim` as it is by now: a loop's own store may be older than what this process wrote last. None if it is gone.
pub fn newest(claims: &Cache<ResourceClaim>, claim: &ResourceClaim) -> Option<Arc<ResourceClaim>> {
    claims.get(&claim.namespace().unwrap_or_default(), &claim.name_any())
}
