//! From a [`Workload`] to a [`ValidWorkload`]: every rule of the Score specification, whether or not a schema has been
//! applied before, since the object may come from a file or from before a rule existed.

mod before;
mod compute;
mod container;
mod errors;
mod model;
mod mounts;
mod probe;
mod resources;
mod service;
mod template;
mod workload;

use std::collections::BTreeMap;

use api_types::Workload;

use crate::names::ResourceKey;
use errors::Errors;
pub use errors::FieldError;
pub use model::{
    Compute, FileContent, JsonTemplate, Params, Quantities, ValidContainer, ValidFile, ValidPort,
    ValidResource, ValidVolume, ValidWorkload,
};

/// Checks a Workload and gives the view of it that later steps work on.
///
/// The object must have a name, a namespace, a uid and a generation; a tool that reads files fills in what the API
/// server would.
///
/// # Errors
/// Every error of the whole object, in the order of its fields. Messages are for users: they say what to do next, in
/// terms of the Workload.
pub fn validate(workload: &Workload) -> Result<ValidWorkload, Vec<FieldError>> {
    let mut errors = Errors::default();
    let valid = workload::valid(workload, &mut errors);
    errors.or_valid(valid)
}

/// The resources of a Workload that are valid, for those who judge them further although something else of the Workload
/// is not: a schema of their params, say, has more to tell of them.
pub fn valid_resources(workload: &Workload) -> BTreeMap<ResourceKey, ValidResource> {
    workload::valid_resources(workload)
}
