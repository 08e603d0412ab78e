//! Objects of kinds that are known only at run time.

use controller_kit::{Kinds, Served};
use kube::{
    Api, Client,
    core::{ApiResource, DynamicObject},
};
use resource_template::{ObjectKind, Place};

/// Reads objects by their names.
pub struct Objects {
    client: Client,
    kinds: Kinds,
}

/// The API server did not answer as it should.
#[derive(Debug, thiserror::Error)]
#[error("failed to look for {place}")]
pub struct LookError {
    place: String,
    source: kube::Error,
}

/// What there is at a place.
#[derive(Clone, Debug, PartialEq)]
pub enum Spot {
    /// Objects of the kind can be, and this is the one.
    Open(ApiResource, Option<Box<DynamicObject>>),
    /// No object can be there; why.
    Shut(Shut),
}

/// Why no object can be at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shut {
    /// The platform does not allow the kind.
    Withheld,
    /// Objects of the kind belong to no namespace.
    Unbound,
    /// The cluster has no such kind.
    Missing,
}

impl Objects {
    /// Reads objects of the `allowed` kinds, and Workloads, which no declaration can make.
    pub fn new(client: Client, allowed: &[ObjectKind]) -> Self {
        let kinds = allowed.iter().map(ObjectKind::gvk).chain([ObjectKind::workload().gvk()]);
        Self { kinds: Kinds::new(client.clone(), kinds), client }
    }

    /// What there is at `place` in `namespace`.
    ///
    /// # Errors
    /// If the API server does not say.
    pub async fn look(&self, namespace: &str, place: &Place) -> Result<Spot, LookError> {
        let failed = |source| LookError { place: place.to_string(), source };
        let resource = match self.kinds.served(&place.kind.gvk()).await.map_err(failed)? {
            Served::Yes(resource) => resource,
            Served::Withheld => return Ok(Spot::Shut(Shut::Withheld)),
            Served::Unbound => return Ok(Spot::Shut(Shut::Unbound)),
            Served::Missing => return Ok(Spot::Shut(Shut::Missing)),
        };
        let api = Api::<DynamicObject>::namespaced_with(self.client.clone(), namespace, &resource);
        let live = api.get_opt(place.name.as_str()).await.map_err(failed)?;
        Ok(Spot::Open(resource, live.map(Box::new)))
    }
}
