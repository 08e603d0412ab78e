//! The configuration in a ConfigMap. The last good document is kept in a second one, so that it outlives the process
//! (docs/adr/0011-last-good-configuration.md).

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use controller_kit::{Applied, Applier, Cache, CacheClosed, Kit};
use futures::StreamExt as _;
use k8s_controller::events::{Event, EventType};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, api::ObjectMeta, runtime::watcher};
use platform::config::Config;
use tokio::sync::{Notify, watch};

use super::{ConfigMetrics, Settled, args::Place, put_in_force, settle};

/// The key of the document.
pub const KEY: &str = "config.yaml";
/// What follows the ConfigMap's name in the name of the one that keeps the last good document.
pub const KEPT_SUFFIX: &str = "-last-good";

/// How long an API server that refuses a write is left alone.
const PAUSE: Duration = Duration::from_secs(5);

/// Follows the ConfigMap until the process stops.
pub(super) async fn follow(
    kit: Kit,
    place: Place,
    metrics: ConfigMetrics,
    sender: watch::Sender<Option<Arc<Config>>>,
) {
    let changed = Arc::new(Notify::new());
    let current = watched(&kit, &place.namespace, &place.name, &changed);
    let kept = watched(&kit, &place.namespace, &format!("{}{KEPT_SUFFIX}", place.name), &changed);
    let follower = Follower { kit, place, metrics, current, kept, sender };
    if let Err(error) = follower.run(&changed).await {
        tracing::debug!(%error, "the configuration is not followed any more");
    }
}

/// A cache of one ConfigMap, whose changes notify `changed`.
fn watched(kit: &Kit, namespace: &str, name: &str, changed: &Arc<Notify>) -> Cache<ConfigMap> {
    let api = Api::namespaced(kit.client.clone(), namespace);
    let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
    let (cache, changes) = kit.watch(api, config, |_| {});
    let changed = changed.clone();
    tokio::spawn(changes.for_each(move |_| {
        changed.notify_one();
        std::future::ready(())
    }));
    cache
}

struct Follower {
    kit: Kit,
    place: Place,
    metrics: ConfigMetrics,
    current: Cache<ConfigMap>,
    kept: Cache<ConfigMap>,
    sender: watch::Sender<Option<Arc<Config>>>,
}

impl Follower {
    async fn run(&self, changed: &Notify) -> Result<(), CacheClosed> {
        self.current.ready().await?;
        self.kept.ready().await?;
        let mut told = None;
        loop {
            let map = self.current.get(&self.place.namespace, &self.place.name);
            let settled = self.settle(map.as_deref());
            self.tell(map.as_deref(), &settled, &mut told).await;
            if let Err(error) =
                keep(&self.kit.applier(), &self.kept, &self.place, settled.remember.as_deref()).await
            {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "cannot keep the last good configuration, will try again"
                );
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            changed.notified().await;
        }
    }

    fn settle(&self, map: Option<&ConfigMap>) -> Settled {
        let kept = self.kept.get(&self.place.namespace, &kept_name(&self.place));
        // A ConfigMap without the key holds a document that is empty.
        let text = map.map(|map| document(map).unwrap_or_default());
        settle(text, kept.as_deref().and_then(document))
    }

    async fn tell(&self, map: Option<&ConfigMap>, settled: &Settled, told: &mut Option<String>) {
        let Some(config) = settled.config.clone() else { return };
        self.metrics.tell(&config, settled.origin, settled.errors.is_none());
        put_in_force(&self.sender, config, settled.origin);
        let note = settled.errors.as_ref().map(|errors| format!("{errors}"));
        if *told == note {
            return;
        }
        told.clone_from(&note);
        let (Some(note), Some(map)) = (note, map) else { return };
        for error in settled.errors.iter().flat_map(|errors| &errors.0) {
            let (path, line, message) = (&error.error.path, error.line, &error.error.message);
            tracing::error!(path, line, message, origin = %settled.origin, "the configuration is not valid, and not used");
        }
        let note = format!("not used, the {} one serves on: {note}", settled.origin);
        let event = Event {
            type_: EventType::Warning,
            reason: "ConfigInvalid".into(),
            action: "Load".into(),
            note: Some(note),
            related: None,
        };
        if let Err(error) = self.kit.events.publish(map, &event).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "cannot publish an event on the configuration"
            );
        }
    }
}

fn kept_name(place: &Place) -> String {
    format!("{}{KEPT_SUFFIX}", place.name)
}

fn document(map: &ConfigMap) -> Option<&str> {
    map.data.as_ref()?.get(KEY).map(String::as_str)
}

/// Keeps the document, or nothing, unless that is what is kept.
async fn keep(
    applier: &Applier,
    kept: &Cache<ConfigMap>,
    place: &Place,
    text: Option<&str>,
) -> Result<(), kube::Error> {
    let live = kept.get(&place.namespace, &kept_name(place));
    match (text, live) {
        (None, None) => Ok(()),
        (None, Some(live)) if document(&live).is_none() => Ok(()),
        (Some(text), Some(live)) if document(&live) == Some(text) => Ok(()),
        (text, live) => {
            let data = text.map(|text| BTreeMap::from([(KEY.to_owned(), text.to_owned())]));
            let metadata = ObjectMeta {
                name: Some(kept_name(place)),
                namespace: Some(place.namespace.clone()),
                ..ObjectMeta::default()
            };
            let map = ConfigMap { metadata, data, ..ConfigMap::default() };
            if let Applied::Written(map) = applier.apply(map, live.as_deref()).await? {
                kept.record(map);
            }
            Ok(())
        }
    }
}

#[cfg(test)]
#[path = "config_map_tests.rs"]
mod tests;
