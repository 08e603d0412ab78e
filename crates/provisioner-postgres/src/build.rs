//! Step 3: describes everything that makes up a database.

mod secret;
mod service;
mod statefulset;
mod volume;

use std::collections::BTreeMap;

use api_types::metadata;
use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{PersistentVolumeClaim, Secret, Service},
};
use serde_json::{Map, Value};

use crate::{NAME, dereference::Found, names::Names, validate::Database};

/// Everything that makes up a database.
pub struct Objects {
    /// The credentials.
    pub secret: Kept<Secret>,
    /// The data.
    pub volume: Kept<PersistentVolumeClaim>,
    /// The host name.
    pub service: Service,
    /// PostgreSQL.
    pub database: StatefulSet,
}

/// An object that holds state: made once, and from then on only what it carries beside its state is kept current.
///
/// It is created and patched, not applied. To apply is to overwrite whatever has the name, and an owner that was set
/// by a create cannot be taken back by an apply.
pub enum Kept<K> {
    /// It is there and as it should be.
    Unchanged(K),
    /// It is there, and this merge patch is missing. It holds for the version that was read only.
    Patch(K, Map<String, Value>),
    /// It is to be made. A Secret still lacks its password.
    Create(K),
}

/// Describes `database`, given what was `found`.
pub fn build(database: &Database, found: &Found) -> Objects {
    Objects {
        secret: secret::build(database, found.secret.as_ref()),
        volume: volume::build(database, found.volume.as_deref()),
        service: service::build(database),
        database: statefulset::build(database),
    }
}

/// What selects the pod. It holds nothing that could change while the database lives.
///
/// The pod carries no label of the Workload: the Workload's own traffic and commands select by those, and a shared
/// database outlives the Workload that it was first made for.
fn pod_labels(names: &Names) -> BTreeMap<String, String> {
    [
        (metadata::LABEL_NAME, "postgres"),
        (metadata::LABEL_INSTANCE, &names.base),
        (metadata::LABEL_MANAGED_BY, NAME),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into()
}

#[cfg(test)]
#[path = "build_tests.rs"]
mod tests;
