//! Which kinds templates may make, and how the cluster calls them.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, PoisonError},
};

use kube::{
    Client,
    core::ApiResource,
    discovery::{Scope, pinned_kind},
    error::DiscoveryError,
};

use crate::template::ObjectKind;

/// The kinds that the platform grants.
pub struct Kinds {
    client: Client,
    allowed: BTreeSet<ObjectKind>,
    /// What the API server has said. A kind that is removed afterwards fails like one that is not there.
    known: Mutex<HashMap<ObjectKind, Served>>,
}

/// Whether there can be objects of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Served {
    /// Under this name.
    Yes(ApiResource),
    /// The platform does not grant it.
    Withheld,
    /// Its objects belong to no namespace.
    Unbound,
    /// The cluster has no such kind.
    Missing,
}

impl Kinds {
    /// Those in `allowed`, in the cluster of `client`.
    pub fn new(client: Client, allowed: impl IntoIterator<Item = ObjectKind>) -> Self {
        Self { client, allowed: allowed.into_iter().collect(), known: Mutex::default() }
    }

    /// Whether there can be objects of `kind`. Costs a request the first time, and each time that there is no such
    /// kind.
    ///
    /// # Errors
    /// If the API server does not say.
    pub async fn served(&self, kind: &ObjectKind) -> Result<Served, kube::Error> {
        if !self.allowed.contains(kind) {
            return Ok(Served::Withheld);
        }
        if let Some(known) = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(kind) {
            return Ok(known.clone());
        }
        let served = match pinned_kind(&self.client, &kind.gvk()).await {
            Ok((resource, capabilities)) if capabilities.scope == Scope::Namespaced => Served::Yes(resource),
            Ok(_) => Served::Unbound,
            Err(error) if is_missing(&error) => return Ok(Served::Missing),
            Err(error) => return Err(error),
        };
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(kind.clone(), served.clone());
        Ok(served)
    }
}

fn is_missing(error: &kube::Error) -> bool {
    match error {
        kube::Error::Api(status) => status.is_not_found(),
        kube::Error::Discovery(DiscoveryError::MissingKind(_) | DiscoveryError::MissingApiGroup(_)) => true,
        _ => false,
    }
}
