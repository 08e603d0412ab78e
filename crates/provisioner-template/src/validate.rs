//! Step 3: judges what was found. What passes can be made without further questions. Pure.

use std::collections::BTreeMap;

use api_types::{DeprovisionPolicy, ResourceClaim};
use k8s_openapi::{api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::core::{ApiResource, DynamicObject};
use provisioner_kit::{Answer, Claim, Marks, Retry, Standing, standing};
use resource_template::{Manifest, Place};

use crate::{
    NAME,
    declare::{Declared, wrong},
    dereference::{Found, copied},
    external::is_of_api,
    objects::{Shut, Spot},
    record::{self, ANNOTATION_GENERATED},
};

/// What can be made for a claim: every name is free or the claim's own.
#[derive(Debug)]
pub struct Work {
    /// Whose it is.
    pub claim: Claim,
    /// What all of it carries.
    pub marks: Marks,
    /// The objects.
    pub targets: Vec<Target>,
}

/// An object that is to be, and what is there of it.
#[derive(Clone, Debug)]
pub struct Target {
    /// What is wanted.
    pub manifest: Manifest,
    /// What the cluster calls its kind.
    pub resource: ApiResource,
    /// The object as it is.
    pub live: Option<Box<DynamicObject>>,
}

/// Judges what was `found` for `claim`, which asks for what is `declared`.
///
/// # Errors
/// The answer to a claim that cannot be served as it stands, or not yet.
pub fn validate(
    claim: Claim,
    object: &ResourceClaim,
    declared: &Declared,
    found: &Found,
) -> Result<Work, Box<Answer>> {
    goes_as_a_whole(&claim, object, declared)?;
    let targets = targets(object, declared, found)?;
    let reads = declared.rendered.reads.iter();
    for (place, spot) in reads.filter_map(|(id, place)| Some((place, found.reads.get(id)?))) {
        if let Spot::Shut(shut) = spot {
            return Err(Box::new(no_place(object, place, *shut)));
        }
    }
    free(&claim, found.record.as_ref(), &targets)?;
    if found.record.as_ref().is_some_and(is_of_api) {
        return Err(Box::new(other_strategy(&claim)));
    }
    let missing = record::missing(found.record.as_ref(), &declared.rendered.generated());
    if found.record.is_none() && !missing.is_empty() && targets.iter().any(|target| target.live.is_some()) {
        return Err(Box::new(lost(&claim)));
    }
    values_are_kept(&claim, found.record.as_ref(), &declared.rendered.generated())?;
    if let Some(reference) =
        copied(&declared.rendered).iter().find(|needed| !found.copied.contains_key(needed))
    {
        let message =
            format!("waiting for `{}` of `{}`, which its params refer to", reference.key, reference.name);
        return Err(Box::new(Answer::binding(message).retry(Retry::Soon)));
    }
    Ok(Work { marks: Marks::of(&claim, NAME), claim, targets })
}

/// Whether all that a claim of policy Delete has goes with it. What is left would be what the next claim of the name finds,
/// data of an earlier one under other passwords.
fn goes_as_a_whole(claim: &Claim, object: &ResourceClaim, declared: &Declared) -> Result<(), Box<Answer>> {
    let mut manifests = declared.rendered.manifests.iter();
    let Some(manifest) = manifests.find(|manifest| manifest.leaves_volumes()) else { return Ok(()) };
    if claim.policy != DeprovisionPolicy::Delete {
        return Ok(());
    }
    let Place { kind, name } = &manifest.place;
    let why = format!(
        "`{}/{name}` has volumeClaimTemplates, whose volumes would be left behind: set \
         spec.persistentVolumeClaimRetentionPolicy to `whenDeleted: Delete`, in a chart by its values, or the \
         deprovisionPolicy to Retain",
        kind.kind()
    );
    Err(Box::new(wrong(object, &why)))
}

fn targets(object: &ResourceClaim, declared: &Declared, found: &Found) -> Result<Vec<Target>, Box<Answer>> {
    let pairs = declared.rendered.manifests.iter().zip(&found.spots);
    pairs
        .map(|(manifest, spot)| match spot {
            Spot::Open(resource, live) => {
                Ok(Target { manifest: manifest.clone(), resource: resource.clone(), live: live.clone() })
            }
            Spot::Shut(shut) => Err(Box::new(no_place(object, &manifest.place, *shut))),
        })
        .collect()
}

fn no_place(object: &ResourceClaim, place: &Place, shut: Shut) -> Answer {
    let kind = &place.kind;
    match shut {
        Shut::Withheld => wrong(
            object,
            &format!("`{kind}` is not among the kinds that the provisioner's chart value `kinds` allows"),
        ),
        Shut::Unbound => wrong(object, &format!("`{kind}` does not belong to a namespace")),
        // It may be installed at any time, and nothing would tell.
        Shut::Missing => wrong(object, &format!("the cluster has no `{kind}`")).retry(Retry::Rarely),
    }
}

/// Whether every name that the claim needs is free or its own.
fn free(claim: &Claim, record: Option<&Secret>, targets: &[Target]) -> Result<(), Box<Answer>> {
    let record = record.map(|record| &record.metadata);
    let record = (resource_template::generated_name(&claim.name), standing(record, claim, NAME));
    let stands = |target: &Target| {
        let live: Option<&ObjectMeta> = target.live.as_ref().map(|live| &live.metadata);
        (target.manifest.place.name.to_string(), standing(live, claim, NAME))
    };
    let standings: Vec<_> = std::iter::once(record).chain(targets.iter().map(stands)).collect();
    // What needs a person comes first: waiting for the rest would only put it off.
    for (name, standing) in &standings {
        match standing {
            Standing::Foreign(owner) => return Err(Box::new(taken(claim, name, owner))),
            Standing::Orphaned => return Err(Box::new(orphaned(claim, name))),
            Standing::Absent | Standing::Ours | Standing::Adoptable | Standing::Leaving => {}
        }
    }
    match standings.iter().find(|(_, standing)| *standing == Standing::Leaving) {
        Some((name, _)) => {
            let message =
                format!("what it replaces is being removed (`{name}`); the new one follows automatically");
            Err(Box::new(Answer::binding(message).retry(Retry::Soon)))
        }
        None => Ok(()),
    }
}

fn taken(claim: &Claim, name: &str, owner: &str) -> Answer {
    let key = &claim.key;
    let message =
        format!("the name `{name}` is taken by {owner}: rename resources.{key}, or remove what has the name");
    Answer::failed(message).retry(Retry::Rarely)
}

fn orphaned(claim: &Claim, name: &str) -> Answer {
    let key = &claim.key;
    let message = format!(
        "`{name}` was left behind on purpose (policy Orphan) and is not taken up again automatically: rename \
         resources.{key}, or ask your platform team to remove what was left or to release it for reuse"
    );
    Answer::failed(message).retry(Retry::Rarely)
}

/// New values would not be those that the data was made with.
fn lost(claim: &Claim) -> Answer {
    let message = format!(
        "the values that were generated for it (`{}`) are gone, and new ones may not fit what is there: ask your platform \
         team to restore them, or to remove the rest as well to start empty",
        resource_template::generated_name(&claim.name)
    );
    Answer::failed(message).retry(Retry::Rarely)
}

/// Whether `record` still holds those of the `wanted` values that were generated once. The last copy of one that is lost
/// may be in what was made with it.
///
/// # Errors
/// The answer if it does not.
pub fn values_are_kept(
    claim: &Claim,
    record: Option<&Secret>,
    wanted: &BTreeMap<String, usize>,
) -> Result<(), Box<Answer>> {
    let lost = record::lost(record, wanted);
    if lost.is_empty() {
        return Ok(());
    }
    let name = resource_template::generated_name(&claim.name);
    let message = format!(
        "what was generated for it (`{}` in `{name}`) is gone, and a new value may not fit what was made with the old one: \
         ask your platform team to restore it, or to remove its name from the annotation {ANNOTATION_GENERATED} of `{name}` \
         to have a new one",
        lost.join("`, `")
    );
    Err(Box::new(Answer::failed(message).retry(Retry::Rarely)))
}

/// The answer if the platform's declaration provides in another way than what is there was made.
pub fn other_strategy(claim: &Claim) -> Answer {
    Answer::failed(format!(
        "it was made in another way than the platform's declaration now says, and would be left behind: ask your platform \
         team to undo that change, or rename resources.{} to get a new one",
        claim.key
    ))
    .retry(Retry::Rarely)
}

/// The quota that leaves no room, if that is what the API server says.
pub fn quota(message: &str) -> Option<String> {
    let (_, rest) = message.split_once("exceeded quota: ")?;
    rest.split(',').next().map(str::to_owned)
}

/// What to say when the API server was not allowed to make something.
pub fn refused(quota: Option<String>) -> Answer {
    let message = match quota {
        Some(quota) => {
            format!("the quota `{quota}` of this namespace leaves no room for it: free some, or ask your platform team for more")
        }
        None => "the platform refuses to set it up here: ask your platform team, the provisioner's log has the reason".into(),
    };
    Answer::failed(message).retry(Retry::Rarely)
}

/// Whether the name of the claim's record is free or its own.
///
/// # Errors
/// The answer if it is not.
pub fn record_is_free(claim: &Claim, record: Option<&Secret>) -> Result<(), Box<Answer>> {
    free(claim, record, &[])
}
