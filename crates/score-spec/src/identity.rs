//! Which resources are one and the same (Score, "Resources": `type`, `class`, `id`).

use std::fmt;

use api_types::Resource;
use sha2::{Digest as _, Sha256};

use crate::names::{ResourceClass, ResourceId, ResourceKey, ResourceType, WorkloadName};

/// How many hexadecimal digits of a hash tell shared claims apart: 64 bits, so that a namespace has none alike.
const HASH_DIGITS: usize = 16;

/// What identifies a resource within a namespace: `type.class#id` for one that Workloads share, else
/// `type.class#workload.key`. Two declarations with one uid are one resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceUid(String);

impl ResourceUid {
    /// The identity of a resource that every Workload of the namespace with this type, class and id shares.
    pub fn shared(type_: &ResourceType, class: &ResourceClass, id: &ResourceId) -> Self {
        Self(format!("{type_}.{class}#{id}"))
    }

    /// The identity of a resource that a Workload declares as one that is shared; none if it has no id, or is not
    /// valid.
    pub fn of_shared(resource: &Resource) -> Option<Self> {
        let class = resource.class.as_deref().map_or_else(|| Ok(ResourceClass::default()), str::parse);
        let id = resource.id.as_deref()?.parse().ok()?;
        Some(Self::shared(&resource.type_.parse().ok()?, &class.ok()?, &id))
    }

    /// The identity of a resource that is the Workload's own.
    pub fn owned(
        type_: &ResourceType,
        class: &ResourceClass,
        workload: &WorkloadName,
        key: &ResourceKey,
    ) -> Self {
        Self(format!("{type_}.{class}#{workload}.{key}"))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ResourceUid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of the claim for a resource that is the Workload's own: `<workload>-<key>`.
pub fn claim_name(workload: &WorkloadName, key: &ResourceKey) -> String {
    format!("{workload}-{key}")
}

/// The name of the one claim for a shared resource: `shared-<hash of its uid>`.
pub fn shared_claim_name(uid: &ResourceUid) -> String {
    let hash = Sha256::digest(uid.as_str());
    let digits: String = hash.iter().take(HASH_DIGITS / 2).map(|byte| format!("{byte:02x}")).collect();
    format!("shared-{digits}")
}
