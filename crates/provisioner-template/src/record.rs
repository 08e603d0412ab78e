//! One Secret for each claim, `<claim>-generated`: the values that were generated for it, and as an annotation what was
//! made for it. Pure.
//!
//! A value is written once and never again. An object is on record before it is made and until it is gone. So whenever
//! the process dies, the next one finds everything.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use api_types::DeprovisionPolicy;
use k8s_openapi::{ByteString, api::core::v1::Secret};
use provisioner_kit::{Claim, Marks, guarded};
use resource_template::{Place, generated_name};
use serde_json::{Map, Value, json};

/// The objects that were made for a claim: those that are there, are about to be, or are still to be removed.
pub const ANNOTATION_OBJECTS: &str = "score.dev/objects";

/// Places of objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory(pub BTreeSet<Place>);

impl Inventory {
    /// What `record` says.
    pub fn of(record: Option<&Secret>) -> Self {
        let annotations = record.and_then(|record| record.metadata.annotations.as_ref());
        let text = annotations.and_then(|annotations| annotations.get(ANNOTATION_OBJECTS));
        // Nobody but this provisioner writes it, and what it cannot read it did not make.
        Self(
            text.into_iter()
                .flat_map(|text| text.split(','))
                .filter_map(|place| place.parse().ok())
                .collect(),
        )
    }
}

impl fmt::Display for Inventory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        formatter.write_str(&places.join(","))
    }
}

/// What is to be written to the record.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Nothing.
    None,
    /// It is to be made, without values yet.
    Create(Box<Secret>),
    /// This merge patch, which holds for the version that was read only.
    Patch(Map<String, Value>),
}

/// What the record must hold before anything is made: `inventory`, and for policies by which objects outlive the claim
/// whose they are.
pub fn before(claim: &Claim, marks: &Marks, live: Option<&Secret>, inventory: &Inventory) -> Change {
    let marks = with_inventory(marks, inventory);
    let Some(live) = live else {
        let mut secret = Secret { type_: Some("Opaque".to_owned()), ..Secret::default() };
        secret.metadata = marks.metadata(&claim.namespace, &generated_name(&claim.name));
        return Change::Create(Box::new(secret));
    };
    if claim.policy == DeprovisionPolicy::Delete {
        // What lasts must not go before what needs it: the claim owns the record last.
        let text = marks.annotations.get(ANNOTATION_OBJECTS);
        let known = live.metadata.annotations.as_ref().and_then(|known| known.get(ANNOTATION_OBJECTS));
        if text == known {
            return Change::None;
        }
        let patch = Map::from_iter([("annotations".to_owned(), json!({ANNOTATION_OBJECTS: text}))]);
        return Change::Patch(guarded(patch, &live.metadata));
    }
    settled(&marks, live)
}

/// What the record must hold when all is made: `inventory`, and whose it is.
pub fn after(marks: &Marks, live: &Secret, inventory: &Inventory) -> Change {
    settled(&with_inventory(marks, inventory), live)
}

fn with_inventory(marks: &Marks, inventory: &Inventory) -> Marks {
    let mut marks = marks.clone();
    marks.annotations.insert(ANNOTATION_OBJECTS.to_owned(), inventory.to_string());
    marks
}

fn settled(marks: &Marks, live: &Secret) -> Change {
    let patch = marks.missing_on(&live.metadata);
    patch.map_or(Change::None, |patch| Change::Patch(guarded(patch, &live.metadata)))
}

/// The values that were generated.
pub fn values(record: &Secret) -> BTreeMap<String, ByteString> {
    let data = record.data.clone().unwrap_or_default();
    data.into_iter().filter(|(_, value)| !value.0.is_empty()).collect()
}

/// Those of `wanted` that `record` does not hold, with their lengths.
pub fn missing(record: Option<&Secret>, wanted: &BTreeMap<String, usize>) -> BTreeMap<String, usize> {
    let known = record.map(values).unwrap_or_default();
    wanted
        .iter()
        .filter(|(name, _)| !known.contains_key(*name))
        .map(|(name, length)| (name.clone(), *length))
        .collect()
}
