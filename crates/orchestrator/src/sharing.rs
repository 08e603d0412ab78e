//! Resources that Workloads of one namespace share by `id`: who defines them, who uses them, and what stands in the way.
//! Pure.
//!
//! One Workload defines a shared resource: the oldest that gives params, else the oldest. Its claim is written in the
//! reconciles of that Workload alone, whatever they find, so that it never has two writers. The others only read it.
//! Whom the platform does not let run, because the spec is not valid or a policy forbids it, defines nothing.

mod cycle;
mod definers;
mod params;

use std::{collections::BTreeSet, sync::Arc};

use api_types::{OpenObject, Resource, ResourceClaim, Workload};
use controller_kit::owner_reference;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::ResourceExt as _;
use score_spec::{
    identity::{ResourceUid, shared_claim_name},
    order::needed_by,
    validate::FieldError,
};

pub use cycle::cycles;
use definers::{Declared, Definers};
pub use params::{SharedParams, defined_for, given_to, params_among};

/// A resource that Workloads share.
#[derive(Clone, Debug, Default)]
pub struct Shared {
    /// The name of its claim.
    pub name: String,
    /// The Workloads that declare it, oldest first; none that is being deleted.
    pub users: Vec<Arc<Workload>>,
    /// The Workloads that own its claim, do not declare it any more, and may still run with it.
    pub former: Vec<Arc<Workload>>,
    /// What stands under the name of its claim.
    pub claim: Option<Arc<ResourceClaim>>,
    /// Who defines what of it.
    definers: Definers,
}

/// A Workload's declaration of a resource.
#[derive(Clone, Copy, Debug)]
pub struct Declaration<'a> {
    /// The Workload.
    pub workload: &'a Workload,
    /// The name under which it declares the resource.
    pub key: &'a str,
    /// What it declares.
    pub resource: &'a Resource,
}

/// The name of the claim of a resource that Workloads share; none for one that is the Workload's own.
pub fn claim_of(resource: &Resource) -> Option<String> {
    ResourceUid::of_shared(resource).map(|uid| shared_claim_name(&uid))
}

/// The names of the claims that a Workload shares with others, or would if there were any.
pub fn claims_shared_by(workload: &Workload) -> BTreeSet<String> {
    workload.spec.resources.values().filter_map(claim_of).collect()
}

/// The names of the shared claims that the params of a Workload's declarations of claim `name` need, directly or
/// through resources of its own.
pub fn claims_needed_for(workload: &Workload, name: &str) -> BTreeSet<String> {
    let resources = &workload.spec.resources;
    let mut open: Vec<&Resource> =
        resources.values().filter(|resource| claim_of(resource).as_deref() == Some(name)).collect();
    let (mut seen, mut claims) = (BTreeSet::new(), BTreeSet::new());
    while let Some(resource) = open.pop() {
        for key in needed_by(resource).into_iter().filter(|key| seen.insert(key.clone())) {
            let Some(needed) = resources.get(&key) else { continue };
            match claim_of(needed) {
                Some(claim) => drop(claims.insert(claim)),
                None => open.push(needed),
            }
        }
    }
    claims
}

/// What tells the older of two Workloads: when it was created, and its name where that is the same.
pub fn age(workload: &Workload) -> (Option<Timestamp>, String) {
    (workload.metadata.creation_timestamp.as_ref().map(|time| time.0), workload.name_any())
}

impl Shared {
    /// The resource with the claim of this name. `may_run` tells whether the platform lets a Workload run as it is; it is
    /// asked only of those who might define something.
    pub fn new(
        name: String,
        users: Vec<Arc<Workload>>,
        former: Vec<Arc<Workload>>,
        claim: Option<Arc<ResourceClaim>>,
        may_run: impl Fn(&Workload) -> bool,
    ) -> Self {
        let undefined = Self { name, users, former, claim, definers: Definers::default() };
        let definers = Definers::among(&undefined, may_run);
        Self { definers, ..undefined }
    }

    /// The declaration that the claim is made from; none if nobody declares the resource.
    pub fn definition(&self) -> Option<Declaration<'_>> {
        let definer = self.definers.params.as_ref().or(self.definers.first.as_ref());
        definer.and_then(Declared::declaration).or_else(|| self.declarations().next())
    }

    /// The metadata of the resource: that of the oldest Workload that gives any.
    pub fn metadata(&self) -> OpenObject {
        let definer = self.definers.metadata.as_ref().and_then(Declared::declaration);
        definer.map(|declaration| declaration.resource.metadata.clone()).unwrap_or_default()
    }

    /// Those who own the claim: all who use it, and all who may still run with it. None of them controls it, so it goes
    /// when the last of them goes.
    pub fn owner_references(&self) -> Vec<OwnerReference> {
        let users = self.users.iter().filter(|user| self.is_held_by(user) || self.agrees(user));
        let reference = |workload: &Arc<Workload>| OwnerReference {
            controller: None,
            block_owner_deletion: None,
            ..owner_reference(&**workload)
        };
        users.chain(&self.former).map(reference).collect()
    }

    /// Whether `workload` owns the claim, so that it stays at least as long as the Workload.
    pub fn is_held_by(&self, workload: &Workload) -> bool {
        let owners = self.claim.iter().flat_map(|claim| claim.owner_references());
        owners.into_iter().any(|owner| Some(&owner.uid) == workload.metadata.uid.as_ref())
    }

    /// Where what `workload` declares differs from what an older Workload does. A younger one defines only what this one may
    /// not, and will have to agree once it may.
    pub fn conflicts(&self, workload: &Workload) -> Vec<FieldError> {
        self.differences(workload, |definer| age(definer) < age(workload))
    }

    fn agrees(&self, workload: &Workload) -> bool {
        self.differences(workload, |definer| definer.name_any() != workload.name_any()).is_empty()
    }

    /// Where what `workload` declares differs from what those define who count.
    fn differences(&self, workload: &Workload, counts: impl Fn(&Workload) -> bool) -> Vec<FieldError> {
        let Definers { params, metadata, .. } = &self.definers;
        let values: [(_, _, ValueOf); 2] =
            [("params", params, params_of), ("metadata", metadata, metadata_of)];
        let mut differences = Vec::new();
        for (field, definer, value_of) in values {
            let first = definer.as_ref().and_then(Declared::declaration);
            let Some(first) = first.filter(|first| counts(first.workload)) else { continue };
            let given = self.declarations_of(workload).filter(|mine| value_of(mine.resource).is_some());
            let different = given.filter(|mine| value_of(mine.resource) != value_of(first.resource));
            differences.extend(different.map(|mine| difference(&mine, &first, field)));
        }
        differences
    }

    fn declarations(&self) -> impl Iterator<Item = Declaration<'_>> {
        self.users.iter().flat_map(|user| self.declarations_of(user))
    }

    fn declarations_of<'a>(&self, workload: &'a Workload) -> impl Iterator<Item = Declaration<'a>> {
        let mine = workload.spec.resources.iter();
        mine.filter(|(_, resource)| claim_of(resource).as_ref() == Some(&self.name))
            .map(move |(key, resource)| Declaration { workload, key, resource })
    }
}

/// What a declaration gives, if it does.
type ValueOf = fn(&Resource) -> Option<&OpenObject>;

fn params_of(resource: &Resource) -> Option<&OpenObject> {
    resource.params.as_ref()
}

fn metadata_of(resource: &Resource) -> Option<&OpenObject> {
    Some(&resource.metadata).filter(|metadata| !metadata.is_empty())
}

fn difference(mine: &Declaration<'_>, first: &Declaration<'_>, field: &str) -> FieldError {
    let identity = ResourceUid::of_shared(mine.resource).map(|uid| uid.to_string()).unwrap_or_default();
    let message = format!(
        "differs from `spec.resources.{}.{field}` of Workload `{}`, though both are the resource {identity}: make them \
         equal, remove it here, or change id",
        first.key,
        first.workload.name_any()
    );
    FieldError { path: format!("spec.resources.{}.{field}", mine.key), message }
}
