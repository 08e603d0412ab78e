//! Annotations that policies give to Workloads.

use std::collections::BTreeMap;

use api_types::Container;

use super::{fields, probes};

/// Annotations of which a Workload has one at most.
const EXCLUSIVE: [(&str, &str); 2] =
    [(fields::REPLICAS, fields::AUTOSCALING), (fields::AUTOSCALING, fields::REPLICAS)];

/// The annotations of a Workload with these containers: `own`, and where it leaves something out the last of `defaults`
/// that has it. What `own` or a later default excludes is left out, since nobody can remove what they do not have.
pub(crate) fn with_defaults<'a>(
    defaults: impl Iterator<Item = &'a BTreeMap<String, String>>,
    own: &'a BTreeMap<String, String>,
    containers: &BTreeMap<String, Container>,
) -> BTreeMap<String, String> {
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    for layer in defaults.chain([own]) {
        let excluded = EXCLUSIVE.iter().filter(|(given, _)| layer.contains_key(*given));
        excluded.for_each(|(_, other)| drop(found.remove(*other)));
        found.extend(layer.clone());
    }
    if !own.contains_key(fields::PROBES) {
        let probes = found.remove(fields::PROBES).and_then(|text| probes::fitting(&text, containers));
        found.extend(probes.map(|text| (fields::PROBES.to_owned(), text)));
    }
    found
}
