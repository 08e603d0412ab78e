//! Which kinds that are known only at run time a controller may touch, and how the cluster calls them.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, PoisonError},
};

use kube::{
    Client,
    core::{ApiResource, GroupVersionKind},
    discovery::{Scope, pinned_kind},
    error::DiscoveryError,
};

/// The kinds that a controller may touch.
pub struct Kinds {
    client: Client,
    allowed: HashSet<GroupVersionKind>,
    /// What the API server has said. A kind that is removed afterwards fails like one that is not there.
    known: Mutex<HashMap<GroupVersionKind, Served>>,
}

/// Whether there can be objects of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Served {
    /// Under this name.
    Yes(ApiResource),
    /// The controller may not touch it.
    Withheld,
    /// Its objects belong to no namespace.
    Unbound,
    /// The cluster has no such kind.
    Missing,
}

impl Kinds {
    /// Those in `allowed`, in the cluster of `client`.
    pub fn new(client: Client, allowed: impl IntoIterator<Item = GroupVersionKind>) -> Self {
        Self { client, allowed: allowed.into_iter().collect(), known: Mutex::default() }
    }

    /// Whether there can be objects of `kind`. Costs a request the first time, and each time that there is no such
    /// kind.
    ///
    /// # Errors
    /// If the API server does not say.
    pub async fn served(&self, kind: &GroupVersionKind) -> Result<Served, kube::Error> {
        if !self.allowed.contains(kind) {
            return Ok(Served::Withheld);
        }
        if let Some(known) = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(kind) {
            return Ok(known.clone());
        }
        let served = match pinned_kind(&self.client, kind).await {
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
