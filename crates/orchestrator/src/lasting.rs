//! Claims that are not asked anew, because their Workload is not valid or does not declare them any more. What is to become
//! of the resource at the end is for the platform to say all the same. Pure.

use std::collections::BTreeSet;

use api_types::{ResourceClaim, Workload, metadata::LABEL_PROTECTED};
use controller_kit::owner_reference;
use kube::ResourceExt as _;

use crate::{
    claims::{claim, is_released, shared_claim},
    dereference::World,
    governance::Platform,
    sharing::Shared,
};

/// The claims that stay as they are while `workload`, which defines them, is not valid: only who owns them may change, and
/// what the platform says about their end.
pub fn kept_by(workload: &Workload, platform: &Platform, world: &World) -> Vec<ResourceClaim> {
    let mine = |shared: &&Shared| {
        shared.definition().is_some_and(|definition| definition.workload.name_any() == workload.name_any())
    };
    let is_released = |shared: &Shared| shared.claim.as_deref().is_some_and(is_released);
    let said = |shared: &Shared| Some(as_platform_says(kept(shared)?, is_released(shared), platform));
    world.shared.values().filter(mine).filter_map(said).collect()
}

/// The claims of `workload` itself that are not among those `asked` by name, as far as the platform says something else
/// now than what is to become of the resource when nothing uses it any more: that may be as soon as the Workload goes.
pub fn not_asked(
    workload: &Workload,
    asked: &BTreeSet<String>,
    platform: &Platform,
    world: &World,
) -> Vec<ResourceClaim> {
    let own = world.claims_of(workload.metadata.uid.as_deref()).filter(|live| {
        let is_own = live.spec.id.is_none() && live.metadata.deletion_timestamp.is_none();
        is_own && !asked.contains(&live.name_any())
    });
    let said = own.filter_map(|live| {
        let owners = vec![owner_reference(workload)];
        let namespace = live.namespace().unwrap_or_default();
        let as_it_is = claim(live.name_any(), namespace, live.spec.clone(), owners);
        let as_it_is = with_protection_of(as_it_is, live);
        let now = as_platform_says(as_it_is.clone(), is_released(live), platform);
        (now != as_it_is).then_some(now)
    });
    said.collect()
}

/// The claim with what the platform says now about the resource's end; as it is where nobody would provide it any more.
fn as_platform_says(mut claim: ResourceClaim, is_released: bool, platform: &Platform) -> ResourceClaim {
    let Some(provided) = platform.standing(&claim.spec) else { return claim };
    claim.spec.deprovision_policy = provided.policy(is_released);
    if provided.is_protected() && !is_released {
        claim.labels_mut().insert(LABEL_PROTECTED.to_owned(), "true".to_owned());
    } else {
        claim.labels_mut().remove(LABEL_PROTECTED);
    }
    claim
}

fn with_protection_of(mut claim: ResourceClaim, live: &ResourceClaim) -> ResourceClaim {
    let protected = live.labels().get_key_value(LABEL_PROTECTED);
    claim.labels_mut().extend(protected.map(|(key, value)| (key.clone(), value.clone())));
    claim
}

/// The claim as it is, for those who own it now.
pub fn kept(shared: &Shared) -> Option<ResourceClaim> {
    let live = shared.claim.as_ref()?;
    let is_shared = live.spec.id.is_some() && live.metadata.deletion_timestamp.is_none();
    let claim = shared_claim(shared, &live.namespace().unwrap_or_default(), live.spec.clone());
    is_shared.then(|| with_protection_of(claim, live))
}
