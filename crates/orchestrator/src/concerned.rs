//! Whom a change of the platform's part concerns: those for whom it decides otherwise than before, and nobody else.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use api_types::{DeprovisionPolicy, ResourceClaim, Workload};
use controller_kit::Cache;
use kube::{ResourceExt as _, runtime::reflector::ObjectRef};

use crate::{
    governance::{Governance, Platform},
    sharing::{self, SharedParams},
};

/// What of the platform's part has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The configuration or a policy.
    Everywhere,
    /// The labels of a namespace.
    Namespace(String),
}

/// What held in each namespace when it was last looked at. It only tells whom a change concerns: whatever it misses
/// because the process has just started is looked at anyway.
pub struct Concerned {
    governance: Governance,
    workloads: Cache<Workload>,
    claims: Cache<ResourceClaim>,
    before: BTreeMap<String, Platform>,
}

impl Concerned {
    /// Nothing was looked at yet.
    pub fn new(governance: Governance, workloads: Cache<Workload>, claims: Cache<ResourceClaim>) -> Self {
        Self { governance, workloads, claims, before: BTreeMap::new() }
    }

    /// The Workloads for which the platform decides otherwise than before.
    pub fn by(&mut self, change: &Change) -> Vec<ObjectRef<Workload>> {
        let workloads = match change {
            Change::Everywhere => self.workloads.list_all(|_| true),
            Change::Namespace(name) => self.workloads.list(name, |_| true),
        };
        let mut by_namespace: BTreeMap<String, Vec<Arc<Workload>>> = BTreeMap::new();
        for workload in workloads {
            by_namespace.entry(workload.namespace().unwrap_or_default()).or_default().push(workload);
        }
        by_namespace
            .into_iter()
            .flat_map(|(namespace, workloads)| self.in_namespace(&namespace, &workloads))
            .collect()
    }

    fn in_namespace(&mut self, namespace: &str, workloads: &[Arc<Workload>]) -> Vec<ObjectRef<Workload>> {
        let Some(now) = self.governance.in_namespace(namespace) else {
            self.before.remove(namespace);
            return Vec::new();
        };
        let before = self.before.insert(namespace.to_owned(), now.clone());
        if before.as_ref() == Some(&now) {
            return Vec::new();
        }
        let params = sharing::params_among(workloads.iter().map(Arc::as_ref));
        let owners = before.as_ref().map(|before| self.owners_of_other_ends(namespace, before, &now));
        let differs = |workload: &&Arc<Workload>| {
            let owns = |owners: &BTreeSet<String>| workload.uid().is_some_and(|uid| owners.contains(&uid));
            owners.as_ref().is_some_and(owns)
                || before.as_ref().is_none_or(|before| decides_otherwise(before, &now, workload, &params))
        };
        let concerned = workloads.iter().filter(differs);
        concerned.map(|workload| ObjectRef::new(&workload.name_any()).within(namespace)).collect()
    }

    /// The uids of those who own a resource of which the platform says otherwise what is to become of it at the end. They
    /// need not declare it any more, nor be valid.
    fn owners_of_other_ends(&self, namespace: &str, before: &Platform, now: &Platform) -> BTreeSet<String> {
        let claims = self.claims.list(namespace, |claim| end(before, claim) != end(now, claim));
        let owners = claims.iter().flat_map(|claim| claim.owner_references()).map(|owner| owner.uid.clone());
        owners.collect()
    }
}

/// What becomes of a resource when nothing uses it any more, unless the platform releases it, and if it does.
fn end(platform: &Platform, claim: &ResourceClaim) -> Option<[DeprovisionPolicy; 2]> {
    let provided = platform.standing(&claim.spec)?;
    Some([false, true].map(|is_released| provided.policy(is_released)))
}

fn decides_otherwise(
    before: &Platform,
    now: &Platform,
    workload: &Workload,
    params: &SharedParams<'_>,
) -> bool {
    let valid = score_spec::validate::validate(workload);
    let given = sharing::given_to(workload, params);
    before.decide(workload, valid.clone(), &given) != now.decide(workload, valid, &given)
}

#[cfg(test)]
#[path = "concerned_tests.rs"]
mod tests;
