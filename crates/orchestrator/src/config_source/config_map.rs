//! The configuration in a ConfigMap, or in an OCI artifact that the ConfigMap names
//! (docs/adr/0018-artifact-in-config-map.md).

use std::{convert::Infallible, sync::Arc};

use config_artifact::{Options, Reference, fetch};
use controller_kit::{Cache, CacheClosed, Kit};
use futures::StreamExt as _;
use k8s_controller::events::{Event, EventType};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api,
    runtime::{
        utils::Backoff as _,
        watcher::{self, DefaultBackoff},
    },
};
use platform::config::Config;
use tokio::sync::{Notify, watch};

use super::{
    ConfigArgs, ConfigMetrics, Current, Kept, Settled, Source, Trouble,
    args::Place,
    keep::{keep, kept, kept_name},
    put_in_force, settle,
};

/// Follows the ConfigMap until nobody asks for the configuration any more, or the process stops.
pub(super) async fn follow(
    kit: Kit,
    args: ConfigArgs,
    metrics: ConfigMetrics,
    sender: watch::Sender<Option<Arc<Config>>>,
) {
    let changed = Arc::new(Notify::new());
    let place = args.place(kit.client.default_namespace());
    let current = watched(&kit, &place.namespace, &place.name, &changed);
    let kept = watched(&kit, &place.namespace, &kept_name(&place), &changed);
    let follower = Follower { kit, place, registry: args.registry(), metrics, current, kept, sender };
    tokio::select! {
        Err(error) = follower.run(&changed) => {
            tracing::debug!(%error, "the configuration is not followed any more");
        }
        () = follower.sender.closed() => {}
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
    registry: Options,
    metrics: ConfigMetrics,
    current: Cache<ConfigMap>,
    kept: Cache<ConfigMap>,
    sender: watch::Sender<Option<Arc<Config>>>,
}

impl Follower {
    async fn run(&self, changed: &Notify) -> Result<Infallible, CacheClosed> {
        self.current.ready().await?;
        self.kept.ready().await?;
        let (mut told, mut pauses) = (None, DefaultBackoff::default());
        loop {
            let map = self.current.get(&self.place.namespace, &self.place.name);
            let found = tokio::select! {
                found = self.find(Source::of(map.as_deref())) => found,
                // What is fetched may not be wanted any more.
                () = changed.notified() => continue,
            };
            let settled = settle(found, kept(&self.kept, &self.place));
            self.tell(map.as_deref(), &settled, &mut told).await;
            let is_out_of_reach = matches!(settled.trouble, Some(Trouble::Registry(_)));
            if self.keeps(settled.remember).await && !is_out_of_reach {
                pauses.reset();
                changed.notified().await;
                continue;
            }
            tokio::select! {
                () = tokio::time::sleep(pauses.next().unwrap_or_default()) => {}
                () = changed.notified() => {}
            }
        }
    }

    async fn find(&self, source: Source) -> Current {
        match source {
            Source::Nowhere => Current::Nothing,
            Source::Unclear(message) => Current::Missing(Trouble::Source(message)),
            Source::Document(text) => Current::Found(Kept { text, artifact: None }),
            Source::Artifact(reference) => self.fetched(&reference).await,
        }
    }

    /// A digest always names the same document, so what is kept of it need not be fetched.
    async fn fetched(&self, reference: &Reference) -> Current {
        let artifact = Some(reference.to_string());
        if let Some(kept) = kept(&self.kept, &self.place).filter(|kept| kept.artifact == artifact) {
            return Current::Found(kept);
        }
        match fetch(reference, &self.registry).await {
            Ok(text) => Current::Found(Kept { text, artifact }),
            Err(error) => Current::Missing(Trouble::Registry(error.to_string())),
        }
    }

    /// Keeps what is to be remembered. Tells whether it is kept.
    async fn keeps(&self, remember: Option<Kept>) -> bool {
        let written = keep(&self.kit.applier(), &self.kept, &self.place, remember).await;
        if let Err(error) = &written {
            let error = error as &dyn std::error::Error;
            tracing::warn!(error, "cannot keep the last good configuration, will try again");
        }
        written.is_ok()
    }

    async fn tell(&self, map: Option<&ConfigMap>, settled: &Settled, told: &mut Option<String>) {
        match &settled.in_force {
            Some((config, origin)) => {
                self.metrics.tell(config, *origin, settled.trouble.is_none());
                put_in_force(&self.sender, config.clone(), *origin);
            }
            None => self.metrics.tell_invalid(),
        }
        let note = settled.trouble.as_ref().map(|trouble| settled.note(trouble));
        if *told == note {
            return;
        }
        told.clone_from(&note);
        let (Some(trouble), Some(note), Some(map)) = (&settled.trouble, note, map) else { return };
        log(trouble, &note);
        let event = Event {
            type_: EventType::Warning,
            reason: trouble.reason().into(),
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

/// An invalid document may have many errors: a line for each.
fn log(trouble: &Trouble, note: &str) {
    let Trouble::Invalid(errors) = trouble else {
        tracing::error!(note, "the configuration cannot be loaded");
        return;
    };
    for error in &errors.0 {
        let (path, line, message) = (&error.error.path, error.line, &error.error.message);
        tracing::error!(path, line, message, "the configuration is not valid, and not used");
    }
}
