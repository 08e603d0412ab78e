//! Step 4: makes what is wanted and removes what is not any more, in an order in which the process may die after any
//! write.
//!
//! - An object is on record before it is made, and until it is gone.
//! - A generated value is in the record before it is anywhere else.
//! - The record never goes before what was made with it: it becomes owned by the claim last, and is released first.
//! - What is wanted is never removed, whatever it was called on record: one object has many versions.

use std::collections::{BTreeMap, BTreeSet};

use api_types::{DeprovisionPolicy, SecretKeyRef};
use controller_kit::{Applied, Applier, Created};
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{
    Api, Client,
    api::{Patch, PatchParams, PostParams},
    core::DynamicObject,
};
use provisioner_kit::{Standing, standing};
use resource_template::{Place, shortened_to};
use serde_json::{Map, Value};

use crate::{
    NAME,
    build::object,
    generate::{Values, generate},
    objects::{LookError, Objects, Shut, Spot},
    record::{self, Change, Inventory},
    validate::{Target, Work, quota},
};

/// What the API server says of an apply with a field that the kind does not have, or of another type. It says so with the
/// status of an error of its own (kubernetes/kubernetes#122480), and would each time.
const UNTYPED: &str = "failed to create typed patch object";
/// How much of what it says is told.
const LONGEST: usize = 300;

/// Writes.
pub struct Writer {
    client: Client,
    applier: Applier,
}

/// What became of the writes.
#[derive(Debug)]
pub enum Outcome {
    /// Everything is as it should be: the objects as they are now, by id.
    Applied(BTreeMap<String, DynamicObject>),
    /// The API server does not allow it; a quota's name, if that is why.
    Refused(Option<String>),
    /// An object is not as its kind is made; which, and why.
    Misfit(String),
    /// Something has changed since it was read: look again.
    Outdated,
}

/// A write failed for a reason that may go away by itself.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server did not answer as it should.
    #[error("failed to write {what}")]
    Write {
        /// What was to be written.
        what: String,
        /// What went wrong.
        source: kube::Error,
    },
    /// The API server did not say what there is.
    #[error(transparent)]
    Look(#[from] LookError),
    /// No value can be generated without it.
    #[error("failed to get randomness from the operating system")]
    Randomness(#[from] rand::rngs::SysError),
}

/// Why the writes were not brought to an end.
enum Stop {
    Refused(Option<String>),
    Misfit(String),
    Outdated,
    Failed(Error),
}

/// What is to be written, besides the objects themselves.
pub struct Around<'a> {
    /// The record as it was found.
    pub record: Option<&'a Secret>,
    /// What must have been generated, with lengths.
    pub generated: BTreeMap<String, usize>,
    /// The secrets of other resources.
    pub copied: BTreeMap<SecretKeyRef, ByteString>,
}

impl Writer {
    /// Writes with `client` and `applier`.
    pub fn new(client: Client, applier: Applier) -> Self {
        Self { client, applier }
    }

    /// Does `work`.
    ///
    /// # Errors
    /// If the API server does not answer as it should.
    pub async fn apply(&self, objects: &Objects, work: &Work, around: Around<'_>) -> Result<Outcome, Error> {
        match self.write(objects, work, around).await {
            Ok(applied) => Ok(Outcome::Applied(applied)),
            Err(Stop::Refused(quota)) => Ok(Outcome::Refused(quota)),
            Err(Stop::Misfit(why)) => Ok(Outcome::Misfit(why)),
            Err(Stop::Outdated) => Ok(Outcome::Outdated),
            Err(Stop::Failed(error)) => Err(error),
        }
    }

    async fn write(
        &self,
        objects: &Objects,
        work: &Work,
        around: Around<'_>,
    ) -> Result<BTreeMap<String, DynamicObject>, Stop> {
        let wanted = Inventory(work.targets.iter().map(|target| target.manifest.place.clone()).collect());
        let recorded = Inventory::of(around.record);
        if wanted.0.is_empty() && around.record.is_none() {
            return Ok(BTreeMap::new());
        }
        let all = Inventory(recorded.0.union(&wanted.0).cloned().collect());
        let record = self.begin(work, &around, &all).await?;
        let values =
            Values { generated: record::values(&record), copied: around.copied, ..Values::default() };
        let mut applied = BTreeMap::new();
        for target in &work.targets {
            applied.insert(target.manifest.id.clone(), self.object(work, target, &values).await?);
        }
        let stale = stale(&all, &wanted);
        let made = applied.values().filter_map(|object| object.metadata.uid.as_deref()).collect();
        let left = self.prune(objects, work, stale, &made).await?;
        let inventory = Inventory(wanted.0.into_iter().chain(left).collect());
        let change = record::after(&work.marks, &record, &inventory);
        let change = record::with_values(change, Some(&record), BTreeMap::new());
        self.change(work, Some(&record), change).await?;
        Ok(applied)
    }

    /// The record, with all that must be in it before anything is made.
    async fn begin(&self, work: &Work, around: &Around<'_>, inventory: &Inventory) -> Result<Secret, Stop> {
        let change = record::before(&work.claim, &work.marks, around.record, inventory);
        let mut new = BTreeMap::new();
        for (name, length) in record::missing(around.record, &around.generated) {
            new.insert(name, generate(length).map_err(|error| Stop::Failed(error.into()))?);
        }
        self.change(work, around.record, record::with_values(change, around.record, new)).await
    }

    /// Changes the record, which is at `live`. A value that is there already is never overwritten: a patch holds for the
    /// version that was read only.
    async fn change(&self, work: &Work, live: Option<&Secret>, change: Change) -> Result<Secret, Stop> {
        let api: Api<Secret> = Api::namespaced(self.client.clone(), &work.claim.namespace);
        let written = match (change, live) {
            (Change::None, Some(live)) => return Ok(live.clone()),
            (Change::Patch(patch), Some(live)) => self.patch(&api, live, patch).await,
            (Change::Create(secret), _) => {
                let params = PostParams { field_manager: Some(NAME.to_owned()), ..PostParams::default() };
                api.create(&params, &secret).await
            }
            (Change::None | Change::Patch(_), None) => return Err(Stop::Outdated),
        };
        written.map_err(|error| stopped(true, "the record of the claim".to_owned(), error))
    }

    async fn patch(
        &self,
        api: &Api<Secret>,
        live: &Secret,
        patch: Map<String, Value>,
    ) -> Result<Secret, kube::Error> {
        let name = live.metadata.name.as_deref().unwrap_or_default();
        let params = PatchParams { field_manager: Some(NAME.to_owned()), ..PatchParams::default() };
        api.patch(name, &params, &Patch::Merge(patch)).await
    }

    async fn object(&self, work: &Work, target: &Target, values: &Values) -> Result<DynamicObject, Stop> {
        let place = &target.manifest.place;
        let failed = |error| stopped(place.kind.is_secret(), place.to_string(), error);
        let desired = object(&target.manifest, &work.claim.namespace, &work.marks, values);
        // What was generated or found a moment ago is there no more.
        let desired = desired.ok_or(Stop::Outdated)?;
        let Some(live) = target.live.as_deref() else {
            return match self.applier.create_as(&target.resource, desired).await.map_err(failed)? {
                Created::Written(object) => Ok(object),
                Created::InTheWay => Err(Stop::Outdated),
            };
        };
        match self.applier.apply_as(&target.resource, desired, Some(live)).await.map_err(failed)? {
            Applied::Unchanged => Ok(live.clone()),
            Applied::Written(object) => Ok(object),
        }
    }

    /// Removes the objects at `places`, and gives those that have to stay on record. By a policy that keeps data
    /// nothing is removed: the platform may only have made a mistake. Nor is what has a uid of `made`: what was applied a
    /// moment ago may be in another group as well.
    async fn prune(
        &self,
        objects: &Objects,
        work: &Work,
        places: Vec<Place>,
        made: &BTreeSet<&str>,
    ) -> Result<Vec<Place>, Stop> {
        if work.claim.policy != DeprovisionPolicy::Delete {
            return Ok(places);
        }
        let mut left = Vec::new();
        for place in places {
            let spot = objects.look(&work.claim.namespace, &place).await;
            match spot.map_err(|error| Stop::Failed(error.into()))? {
                Spot::Open(_, Some(live))
                    if live.metadata.uid.as_deref().is_some_and(|uid| made.contains(uid)) => {}
                Spot::Open(resource, Some(live)) => {
                    match standing(Some(&live.metadata), &work.claim, NAME) {
                        Standing::Ours => {
                            let failed = |error| stopped(true, place.to_string(), error);
                            self.applier.delete_as(&resource, &*live).await.map_err(failed)?;
                        }
                        // An earlier claim was to keep it.
                        Standing::Adoptable => left.push(place),
                        Standing::Absent | Standing::Leaving | Standing::Orphaned | Standing::Foreign(_) => {}
                    }
                }
                Spot::Open(_, None) | Spot::Shut(Shut::Unbound | Shut::Missing) => {}
                // The platform withdrew its kind, so it can no longer be touched.
                Spot::Shut(Shut::Withheld) => left.push(place),
            }
        }
        Ok(left)
    }
}

/// What of `all` is not wanted. What is on record by another version than the wanted one is not that.
fn stale(all: &Inventory, wanted: &Inventory) -> Vec<Place> {
    let kept: BTreeSet<_> = wanted.0.iter().map(Place::object).collect();
    all.0.iter().filter(|place| !kept.contains(&place.object())).cloned().collect()
}

/// Tells apart what the API server does not allow, what has changed meanwhile, and what went wrong. What it says about
/// a Secret may hold a part of it, and is told to nobody.
fn stopped(secret: bool, what: String, error: kube::Error) -> Stop {
    match &error {
        kube::Error::Api(status) if matches!(status.code, 400 | 403 | 422) => {
            let message = if secret { "" } else { status.message.as_str() };
            tracing::warn!(what, code = status.code, message, "the API server refuses an object");
            Stop::Refused(quota(&status.message))
        }
        kube::Error::Api(status) if status.code == 500 && status.message.starts_with(UNTYPED) => {
            let message = if secret { "a field of it is none of a Secret" } else { status.message.as_str() };
            tracing::warn!(what, message, "the API server does not know what an object is to be");
            Stop::Misfit(format!("{what}: {}", shortened_to(LONGEST, message)))
        }
        kube::Error::Api(status) if status.code == 409 || status.is_not_found() => Stop::Outdated,
        _ => Stop::Failed(Error::Write { what, source: error }),
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    fn misfit(secret: bool, code: u16, message: &str) -> Option<String> {
        let status = Status::failure(message, "InternalError").with_code(code);
        match stopped(secret, "apps/v1/StatefulSet/it".to_owned(), kube::Error::Api(Box::new(status))) {
            Stop::Misfit(why) => Some(why),
            _ => None,
        }
    }

    #[test]
    fn a_field_that_the_kind_does_not_have_is_told_and_no_error_of_the_api_server() {
        let said = "failed to create typed patch object (team/it; apps/v1, Kind=StatefulSet): .spec.replica: field not \
                    declared in schema";
        assert_eq!(misfit(false, 500, said), Some(format!("apps/v1/StatefulSet/it: {said}")));
        assert_eq!(misfit(false, 500, "etcdserver: request timed out"), None);
        assert_eq!(misfit(false, 503, said), None);
        let value =
            "failed to create typed patch object (team/it; /v1, Kind=Secret): expected map, got &{s3cret}";
        assert!(misfit(true, 500, value).is_some_and(|why| !why.contains("s3cret")));
        let long = misfit(false, 500, &format!("{said}{}", "x".repeat(10_000)));
        assert!(long.is_some_and(|why| why.chars().count() < 400));
    }

    #[test]
    fn what_is_on_record_by_another_version_is_not_stale() {
        let inventory = |texts: &[&str]| Inventory(texts.iter().map(|text| text.parse().unwrap()).collect());
        let all = ["v1/Service/it", "x.com/v1/Db/it", "x.com/v1alpha1/Db/it", "x.com/v1alpha1/Db/old"];
        let stale = stale(&inventory(&all), &inventory(&["v1/Service/it", "x.com/v1/Db/it"]));
        assert_eq!(stale, inventory(&["x.com/v1alpha1/Db/old"]).0.into_iter().collect::<Vec<_>>());
    }
}
