//! The params of what Workloads share, for those that leave them out.

use std::collections::BTreeMap;

use api_types::{OpenObject, Resource, Workload};
use platform::decide::GivenParams;

use super::{Shared, age, claim_of, definers::Declared, params_of};

/// The params of resources that Workloads of one namespace share, by the names of their claims.
pub type SharedParams<'a> = BTreeMap<String, &'a OpenObject>;

/// The params of what `workload` shares, as those give them who define it.
pub fn defined_for<'a>(workload: &'a Workload, shared: &'a BTreeMap<String, Shared>) -> GivenParams<'a> {
    let defined = |(name, shared): (&String, &'a Shared)| {
        let definer = shared.definers.params.as_ref().and_then(Declared::declaration)?;
        Some((name.clone(), params_of(definer.resource)?))
    };
    let params: SharedParams<'a> = shared.iter().filter_map(defined).collect();
    given_to(workload, &params)
}

/// The params that the oldest of these Workloads give that give any, whether or not the platform lets them run: to ask
/// for that as well would have no end.
pub fn params_among<'a>(workloads: impl IntoIterator<Item = &'a Workload>) -> SharedParams<'a> {
    let mut workloads: Vec<&'a Workload> = workloads.into_iter().collect();
    workloads.retain(|workload| workload.metadata.deletion_timestamp.is_none());
    workloads.sort_by_key(|workload| age(workload));
    let mut found = SharedParams::new();
    for resource in workloads.into_iter().flat_map(|workload| workload.spec.resources.values()) {
        if let (Some(params), Some(claim)) = (params_of(resource), claim_of(resource)) {
            found.entry(claim).or_insert(params);
        }
    }
    found
}

/// Those of these params that are for what `workload` shares, by its own keys.
pub fn given_to<'a>(workload: &'a Workload, params: &SharedParams<'a>) -> GivenParams<'a> {
    let given =
        |(key, resource): (&'a String, &Resource)| Some((key.as_str(), *params.get(&claim_of(resource)?)?));
    workload.spec.resources.iter().filter_map(given).collect()
}
