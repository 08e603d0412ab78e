//! The PersistentVolumeClaim with the data.
//!
//! It is this controller's own and not one of the StatefulSet's `volumeClaimTemplates`: those become owned by what
//! they were made for only some time after they exist, so a database that is deleted in its first moments would leave
//! one behind. And a policy that changes could not reach them.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::{PersistentVolumeClaim, PersistentVolumeClaimSpec, VolumeResourceRequirements},
    apimachinery::pkg::api::resource::Quantity,
};
use provisioner_kit::guarded;

use super::Kept;
use crate::validate::Database;

pub(super) fn build(
    database: &Database,
    live: Option<&PersistentVolumeClaim>,
) -> Kept<PersistentVolumeClaim> {
    let Some(live) = live else { return Kept::Create(new(database)) };
    match database.marks.missing_on(&live.metadata) {
        None => Kept::Unchanged(live.clone()),
        Some(marks) => Kept::Patch(live.clone(), guarded(marks, &live.metadata)),
    }
}

fn new(database: &Database) -> PersistentVolumeClaim {
    let storage = Quantity(database.settings.storage.to_string());
    PersistentVolumeClaim {
        metadata: database.marks.metadata(&database.names.namespace, &database.names.volume),
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(vec!["ReadWriteOnce".to_owned()]),
            storage_class_name: database.settings.storage_class.clone(),
            resources: Some(VolumeResourceRequirements {
                requests: Some(BTreeMap::from([("storage".to_owned(), storage)])),
                limits: None,
            }),
            ..PersistentVolumeClaimSpec::default()
        }),
        status: None,
    }
}
