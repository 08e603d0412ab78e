//! The last good document, kept in a ConfigMap of its own, so that it outlives the process
//! (docs/adr/0011-last-good-configuration.md).

use std::collections::BTreeMap;

use controller_kit::{Applied, Applier, Cache};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::ObjectMeta;

use super::{ARTIFACT, KEY, args::Place};

/// What follows the ConfigMap's name in the name of the one that keeps the last good document.
pub const KEPT_SUFFIX: &str = "-last-good";

/// A document, and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The document, word for word.
    pub text: String,
    /// The artifact that holds it; none if the ConfigMap itself does.
    pub artifact: Option<String>,
}

impl Kept {
    fn of(map: &ConfigMap) -> Option<Self> {
        let data = map.data.as_ref()?;
        Some(Self { text: data.get(KEY)?.clone(), artifact: data.get(ARTIFACT).cloned() })
    }

    fn into_data(self) -> BTreeMap<String, String> {
        let artifact = self.artifact.map(|artifact| (ARTIFACT.to_owned(), artifact));
        artifact.into_iter().chain([(KEY.to_owned(), self.text)]).collect()
    }
}

/// The name of the ConfigMap that keeps what was good in the one at `place`.
pub(super) fn kept_name(place: &Place) -> String {
    format!("{}{KEPT_SUFFIX}", place.name)
}

/// What is kept.
pub(super) fn kept(maps: &Cache<ConfigMap>, place: &Place) -> Option<Kept> {
    maps.get(&place.namespace, &kept_name(place)).and_then(|map| Kept::of(&map))
}

/// Keeps this, or nothing, unless that is what is kept.
pub(super) async fn keep(
    applier: &Applier,
    maps: &Cache<ConfigMap>,
    place: &Place,
    wanted: Option<Kept>,
) -> Result<(), kube::Error> {
    if kept(maps, place) == wanted {
        return Ok(());
    }
    let metadata = ObjectMeta {
        name: Some(kept_name(place)),
        namespace: Some(place.namespace.clone()),
        ..ObjectMeta::default()
    };
    let map = ConfigMap { metadata, data: wanted.map(Kept::into_data), ..ConfigMap::default() };
    let live = maps.get(&place.namespace, &kept_name(place));
    if let Applied::Written(map) = applier.apply(map, live.as_deref()).await? {
        maps.record(map);
    }
    Ok(())
}

#[cfg(test)]
#[path = "keep_tests.rs"]
mod tests;
