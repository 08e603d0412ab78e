//! Who else must be looked at when something changes: Workloads that share a resource bear on each other.

use std::collections::{BTreeMap, BTreeSet};

use api_types::{ResourceClaim, Workload, WorkloadRef, WorkloadSpec};
use kube::{ResourceExt as _, runtime::reflector::ObjectRef};

use crate::{caches::Caches, sharing};

/// What each Workload shared when it last changed. It only tells whom a change concerns: whatever it misses because the
/// process has just started is looked at anyway.
pub struct Neighbours {
    caches: Caches,
    seen: BTreeMap<(String, String), Seen>,
}

/// What of a Workload bears on others. Its status does not.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    uid: Option<String>,
    generation: Option<i64>,
    is_leaving: bool,
    /// Labels and annotations have no generation, and either may decide whether the Workload is valid.
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    claims: BTreeSet<String>,
}

impl Neighbours {
    /// Nobody was seen yet.
    pub fn new(caches: Caches) -> Self {
        Self { caches, seen: BTreeMap::new() }
    }

    /// The Workload that has changed, and those that share something with it, or did until now: by name and namespace
    /// alone, which is enough to have them looked at.
    pub fn with(&mut self, changed: Workload) -> Vec<Workload> {
        let (namespace, name) = (changed.namespace().unwrap_or_default(), changed.name_any());
        let mut names = self.concerned(&changed, &namespace);
        names.remove(&name);
        let others = names.into_iter().map(|name| named(&namespace, &name));
        std::iter::once(changed.clone()).chain(others).collect()
    }

    fn concerned(&mut self, changed: &Workload, namespace: &str) -> BTreeSet<String> {
        let place = (namespace.to_owned(), changed.name_any());
        let now = self.caches.workloads.get(namespace, &place.1).map(|workload| seen(&workload));
        let before = match now.clone() {
            Some(now) => self.seen.insert(place, now),
            None => self.seen.remove(&place),
        };
        if before == now {
            return BTreeSet::new();
        }
        let owned = changed.uid().map(|uid| self.caches.owned.get(namespace, &uid)).unwrap_or_default();
        let owned = owned.iter().filter(|claim| claim.spec.id.is_some()).map(|claim| claim.name_any());
        let declared = before.into_iter().chain(now).flat_map(|seen| seen.claims);
        let claims: BTreeSet<String> = owned.chain(declared).collect();
        claims.iter().flat_map(|claim| users(&self.caches, namespace, claim)).collect()
    }
}

fn seen(workload: &Workload) -> Seen {
    Seen {
        uid: workload.uid(),
        generation: workload.metadata.generation,
        is_leaving: workload.metadata.deletion_timestamp.is_some(),
        labels: workload.labels().clone(),
        annotations: meant(workload.annotations()),
        claims: sharing::claims_shared_by(workload),
    }
}

/// Without those of kubectl, which are large and say again what the spec says.
fn meant(annotations: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let meant = annotations.iter().filter(|(key, _)| !key.starts_with("kubectl.kubernetes.io/"));
    meant.map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn named(namespace: &str, name: &str) -> Workload {
    let mut workload = Workload::new(name, WorkloadSpec::default());
    workload.metadata.namespace = Some(namespace.to_owned());
    workload
}

/// Those who declare the shared claim `name`, and those who own it.
fn users(caches: &Caches, namespace: &str, name: &str) -> BTreeSet<String> {
    let declaring = caches.sharers.get(namespace, name);
    let claim = caches.claims.get(namespace, name);
    let owning = claim.iter().flat_map(|claim| claim.owner_references()).map(|owner| owner.name.clone());
    declaring.iter().map(|workload| workload.name_any()).chain(owning).collect()
}

/// Every Workload that may have a claim of this name: its own, those that share it, and those whose claim it stands in
/// the way of. Whoever does not exist is not looked at.
pub fn of_claim(caches: &Caches, claim: &ResourceClaim) -> Vec<ObjectRef<Workload>> {
    let (name, namespace) = (claim.name_any(), claim.namespace().unwrap_or_default());
    let prefixes = name.match_indices('-').map(|(end, _)| name[..end].to_owned());
    let owners = claim.owner_references().iter().map(|owner| owner.name.clone());
    let names: BTreeSet<String> = prefixes.chain(owners).chain(users(caches, &namespace, &name)).collect();
    references(&namespace, names)
}

/// The Workload whose plan or exposure has changed, and those who wait for it to give up what it shared with them.
pub fn of_roll_out(caches: &Caches, namespace: &str, workload: &WorkloadRef) -> Vec<ObjectRef<Workload>> {
    let given_up = |claim: &ResourceClaim| {
        let declaring = caches.sharers.get(namespace, &claim.name_any());
        claim.spec.id.is_some() && declaring.iter().all(|user| user.name_any() != workload.name)
    };
    let owned = caches.owned.get(namespace, &workload.uid).into_iter().filter(|claim| given_up(claim));
    let waiting = owned.flat_map(|claim| users(caches, namespace, &claim.name_any()));
    references(namespace, waiting.chain([workload.name.clone()]).collect())
}

/// These Workloads, and those that share something with them: what the platform decides for one Workload says whether it
/// defines what it shares.
pub fn with_those_who_share(caches: &Caches, workloads: &[ObjectRef<Workload>]) -> Vec<ObjectRef<Workload>> {
    let mut names: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for workload in workloads {
        let namespace = workload.namespace.as_deref().unwrap_or_default();
        let shared = caches.workloads.get(namespace, &workload.name);
        let claims = shared.map(|workload| sharing::claims_shared_by(&workload)).unwrap_or_default();
        let others = claims.iter().flat_map(|claim| users(caches, namespace, claim));
        names.entry(namespace).or_default().extend(others.chain([workload.name.clone()]));
    }
    names.into_iter().flat_map(|(namespace, names)| references(namespace, names)).collect()
}

fn references(namespace: &str, names: BTreeSet<String>) -> Vec<ObjectRef<Workload>> {
    names.iter().map(|name| ObjectRef::new(name).within(namespace)).collect()
}

#[cfg(test)]
#[path = "neighbours_tests.rs"]
mod tests;
