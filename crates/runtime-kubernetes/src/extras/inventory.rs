//! What was made for a plan besides the runtime's own objects, as it stands on the main object.

use std::{collections::BTreeSet, fmt};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use object_template::Place;

/// The objects that the platform's template added: those that are there, are about to be, or are still to be removed.
pub const ANNOTATION_OBJECTS: &str = "score.dev/objects";

/// Places of objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory(pub BTreeSet<Place>);

impl Inventory {
    /// What `mains` have on record, be they one or, while the kind of work changes, several.
    pub fn of<'a>(mains: impl IntoIterator<Item = &'a ObjectMeta>) -> Self {
        let records = mains.into_iter().filter_map(|main| main.annotations.as_ref()?.get(ANNOTATION_OBJECTS));
        // Nobody but this runtime writes it, and what it cannot read it did not make.
        Self(records.flat_map(|record| record.split(',')).filter_map(|place| place.parse().ok()).collect())
    }

    /// Puts it on record on `main`.
    pub fn record(&self, main: &mut ObjectMeta) {
        if !self.0.is_empty() {
            main.annotations.get_or_insert_default().insert(ANNOTATION_OBJECTS.to_owned(), self.to_string());
        }
    }
}

impl fmt::Display for Inventory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        formatter.write_str(&places.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_recorded_is_read_again() {
        let text = "policy/v1/PodDisruptionBudget/hello,v1/ConfigMap/hello";
        let inventory = Inventory(text.split(',').map(|place| place.parse().unwrap()).collect());
        let mut main = ObjectMeta::default();
        inventory.record(&mut main);
        assert_eq!(main.annotations.as_ref().unwrap()[ANNOTATION_OBJECTS], text);
        assert_eq!(Inventory::of([&main]), inventory);
    }

    #[test]
    fn several_records_are_one() {
        let main = |text: &str| ObjectMeta {
            annotations: Some([(ANNOTATION_OBJECTS.to_owned(), text.to_owned())].into()),
            ..ObjectMeta::default()
        };
        let both = Inventory::of([&main("v1/ConfigMap/a"), &main("v1/ConfigMap/b,broken")]);
        assert_eq!(both.to_string(), "v1/ConfigMap/a,v1/ConfigMap/b");
    }

    #[test]
    fn nothing_is_not_recorded() {
        let mut main = ObjectMeta::default();
        Inventory::default().record(&mut main);
        assert_eq!((&main, Inventory::of([&main])), (&ObjectMeta::default(), Inventory::default()));
    }
}
