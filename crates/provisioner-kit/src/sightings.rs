//! What watches of kinds that are known only at run time have shown.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use kube::{Resource, core::ApiResource, runtime::watcher::Event};

use crate::{leftovers::Possession, ownership::state_without_claim};

type Place = (String, String, String);

/// The objects that outlive their claims, as far as watches have shown them. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub struct Sightings(Arc<Mutex<BTreeMap<Place, Sighting>>>);

#[derive(Debug)]
struct Sighting {
    possession: Possession,
    /// Whether a list that has begun has not shown it yet.
    is_doubtful: bool,
}

impl Sightings {
    /// Everything that is there.
    pub fn all(&self) -> Vec<Possession> {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.values().map(|sighting| sighting.possession.clone()).collect()
    }

    /// Remembers what `event` of a watch of `kind` tells.
    pub fn note<K: Resource>(&self, kind: &ApiResource, event: &Event<K>) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let plural = format!("{}.{}", kind.plural, kind.group);
        match event {
            Event::Init => {
                let known = seen.iter_mut().filter(|((of, ..), _)| *of == plural);
                known.for_each(|(_, sighting)| sighting.is_doubtful = true);
            }
            Event::InitDone => seen.retain(|(of, ..), sighting| *of != plural || !sighting.is_doubtful),
            Event::InitApply(object) | Event::Apply(object) => {
                let Some(place) = place(&plural, object) else { return };
                let mut meta = object.meta().clone();
                if state_without_claim(&meta).is_none() {
                    seen.remove(&place);
                    return;
                }
                meta.managed_fields = None;
                let possession = Possession { kind: kind.clone(), meta };
                seen.insert(place, Sighting { possession, is_doubtful: false });
            }
            Event::Delete(object) => {
                place(&plural, object).and_then(|place| seen.remove(&place));
            }
        }
    }
}

fn place<K: Resource>(plural: &str, object: &K) -> Option<Place> {
    let meta = object.meta();
    Some((plural.to_owned(), meta.namespace.clone()?, meta.name.clone()?))
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::{ConfigMap, Service};

    use super::*;

    fn map(name: &str, policy: &str) -> ConfigMap {
        let annotations = format!("{{score.dev/claim: c, score.dev/deprovision-policy: {policy}}}");
        let text = format!("metadata: {{namespace: team, name: {name}, annotations: {annotations}}}");
        serde_yaml_ng::from_str(&text).unwrap()
    }

    fn names(sightings: &Sightings) -> Vec<String> {
        sightings.all().into_iter().filter_map(|possession| possession.meta.name).collect()
    }

    #[test]
    fn what_stays_is_remembered_until_it_is_gone_also_while_the_watch_was_down() {
        let (sightings, kind) = (Sightings::default(), ApiResource::erase::<ConfigMap>(&()));
        for (name, policy) in [("a", "Retain"), ("b", "Delete"), ("c", "Orphan"), ("d", "Retain")] {
            sightings.note(&kind, &Event::Apply(map(name, policy)));
        }
        assert_eq!(names(&sightings), ["a", "c", "d"]);
        sightings.note(&kind, &Event::Delete(map("d", "Retain")));
        sightings.note(&kind, &Event::Apply(map("c", "Delete")));
        sightings.note(&kind, &Event::Apply(map("e", "Retain")));
        assert_eq!(names(&sightings), ["a", "e"]);

        sightings.note::<Service>(&ApiResource::erase::<Service>(&()), &Event::InitDone);
        sightings.note::<ConfigMap>(&kind, &Event::Init);
        sightings.note(&kind, &Event::InitApply(map("e", "Retain")));
        assert_eq!(names(&sightings), ["a", "e"], "the list is not complete yet");
        sightings.note::<ConfigMap>(&kind, &Event::InitDone);
        assert_eq!(names(&sightings), ["e"]);
    }
}
