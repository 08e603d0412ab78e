//! Between steps 1 and 2: releases from the claim what is to outlive it.
//!
//! A claim that is Failed, whatever for, may be deleted as it is, and Kubernetes removes with it whatever it owns. So
//! this waits for nothing that the class or the claim says besides the policy, and an object that cannot be released
//! does not keep the others from it: data without credentials can still be opened by whoever has the volume.

use std::sync::Arc;

use kube::{Client, Resource, core::ApiResource};
use provisioner_kit::{Claim, Released, release};
use serde::de::DeserializeOwned;

use crate::{
    NAME,
    dereference::{Caches, Found},
};

/// What became of everything that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Nothing goes with the claim that is to stay.
    Released,
    /// The API server does not allow it for some of it.
    Refused,
    /// Some of it has changed since it was read: look again.
    Outdated,
}

/// Something could not be released for a reason that may go away without anybody's help.
#[derive(Debug, thiserror::Error)]
#[error("failed to release the {what} from the claim")]
pub struct Error {
    what: &'static str,
    source: kube::Error,
}

/// Releases what was `found` from `claim`, and puts into `found` and `caches` what it is like then. The credentials
/// come first, so that whoever is interrupted leaves no data without them.
///
/// # Errors
/// If the API server does not answer as it should for one of them. The others are released nonetheless.
pub async fn release_all(
    client: &Client,
    caches: &Caches,
    claim: &Claim,
    found: &mut Found,
) -> Result<Outcome, Error> {
    let secret = part(client, claim, "credentials", found.secret.as_ref()).await;
    let volume = part(client, claim, "volume", found.volume.as_deref()).await;
    let service = part(client, claim, "host name", found.service.as_deref()).await;
    let database = part(client, claim, "database", found.database.as_deref()).await;
    let outcomes = [
        secret.map(|part| part.note(|secret| found.secret = Some(secret))),
        volume.map(|part| {
            part.note(|volume| {
                caches.volumes.record(volume.clone());
                found.volume = Some(Arc::new(volume));
            })
        }),
        service.map(|part| {
            part.note(|service| {
                caches.services.record(service.clone());
                found.service = Some(Arc::new(service));
            })
        }),
        database.map(|part| {
            part.note(|database| {
                caches.databases.record(database.clone());
                found.database = Some(Arc::new(database));
            })
        }),
    ];
    outcomes.into_iter().try_fold(Outcome::Released, |worst, outcome| Ok(worst.max(outcome?)))
}

/// What became of one object.
enum Part<K> {
    /// Nothing was to be written.
    Unchanged,
    /// It was written, and is this now.
    Written(K),
    /// It was not released.
    Kept(Outcome),
}

impl<K> Part<K> {
    fn note(self, note: impl FnOnce(K)) -> Outcome {
        match self {
            Self::Unchanged => Outcome::Released,
            Self::Written(object) => {
                note(object);
                Outcome::Released
            }
            Self::Kept(outcome) => outcome,
        }
    }
}

async fn part<K>(
    client: &Client,
    claim: &Claim,
    what: &'static str,
    live: Option<&K>,
) -> Result<Part<K>, Error>
where
    K: Resource<DynamicType = ()> + DeserializeOwned,
{
    let Some(live) = live else { return Ok(Part::Unchanged) };
    let failed = |source| Error { what, source };
    let kind = ApiResource::erase::<K>(&());
    Ok(match release(client, NAME, claim, &kind, live.meta()).await.map_err(failed)? {
        Released::Unchanged => Part::Unchanged,
        Released::Written(object) => {
            let object = serde_json::to_value(object).and_then(serde_json::from_value);
            Part::Written(object.map_err(kube::Error::SerdeError).map_err(failed)?)
        }
        Released::Refused(message) => {
            tracing::warn!(what, message, "the API server refuses to release a part of the database");
            Part::Kept(Outcome::Refused)
        }
        Released::Outdated => Part::Kept(Outcome::Outdated),
    })
}
