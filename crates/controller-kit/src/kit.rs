//! What a controller gets from the process around it.

use std::{
    convert::Infallible,
    fmt::{self, Debug},
    future::ready,
    sync::Arc,
};

use futures::{FutureExt as _, Stream, StreamExt as _};
use k8s_controller::{Context, Controller, PrometheusMetrics, events::EventRecorder};
use kube::{
    Api, Client, Resource,
    core::NamespaceResourceScope,
    runtime::{
        self,
        controller::{Action, Config},
        watcher,
    },
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{Applier, Cache, Readiness, Shutdown, watch};

/// What a controller gets. Cheap to clone.
#[derive(Clone)]
pub struct Kit {
    /// The controller's name: its field manager, lease, event reporter and metrics label.
    pub name: &'static str,
    /// Calls the API server, and counts how often.
    pub client: Client,
    /// Publishes events in the controller's name.
    pub events: Arc<EventRecorder>,
    /// Counts and times reconciles.
    pub metrics: Arc<PrometheusMetrics>,
    /// What `/metrics` serves; for the controller's own metrics too.
    pub registry: prometheus::Registry,
    /// Completes when the process was asked to stop.
    pub shutdown: Shutdown,
    /// How many objects are reconciled at once.
    pub concurrency: u16,
    /// The only namespace to work in; all if none.
    pub namespace: Option<String>,
    /// What `/ready` answers.
    pub readiness: Readiness,
}

impl Kit {
    /// The objects of a namespaced kind in all namespaces, or in the one configured. It can list and watch only.
    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::all(self.client.clone()).constrain(self.namespace.as_deref().unwrap_or_default())
    }

    /// Writes in the controller's name.
    pub fn applier(&self) -> Applier {
        Applier::new(self.client.clone(), self.name)
    }

    /// As [`watch`], and the process is not ready before the cache holds the first list.
    pub fn watch<K, F>(
        &self,
        api: Api<K>,
        config: watcher::Config,
        modify: F,
    ) -> (Cache<K>, impl Stream<Item = Result<K, watcher::Error>> + Send + use<K, F>)
    where
        K: Resource<DynamicType = ()> + Clone + fmt::Debug + DeserializeOwned + Send + Sync + 'static,
        F: Fn(&mut K) + Send + Sync + 'static,
    {
        self.gated(watch(api, config, modify))
    }

    /// The cache and the triggers of a watch; the process is not ready before the cache holds the first list.
    pub fn gated<K, S>(&self, (cache, triggers): (Cache<K>, S)) -> (Cache<K>, S)
    where
        K: Resource<DynamicType = ()> + Clone + Send + Sync + 'static,
    {
        let kind = format!("{}.{}", K::plural(&()), K::group(&())).trim_end_matches('.').to_owned();
        let gate = format!("cache of {kind}");
        let wait = format!(
            "the first list of {kind} is not complete; if this lasts, check that the service account may list and \
             watch them"
        );
        self.readiness.close(&gate, wait);
        let (readiness, filled) = (self.readiness.clone(), cache.clone());
        tokio::spawn(async move {
            if filled.ready().await.is_ok() {
                readiness.open(&gate);
            }
        });
        (cache, triggers)
    }

    /// Has `context` reconcile what `triggers` name, with this kit's name, metrics, events, concurrency and graceful
    /// stop, until the process stops and the running reconciles have ended. It sets the whole of the `Config` of
    /// `triggers`.
    pub async fn run_controller<Ctx>(&self, context: Ctx, triggers: runtime::Controller<Ctx::Resource>)
    where
        Ctx: Context + Send + Sync + 'static,
        Ctx::Error: Send + Sync + 'static,
        Ctx::Resource: Clone
            + Debug
            + Serialize
            + DeserializeOwned
            + Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        let config = Config::default().concurrency(self.concurrency);
        let triggers = triggers.with_config(config).graceful_shutdown_on(self.shutdown.clone());
        // The watch that this begins with is dropped before it was ever polled.
        Controller::namespaced_all(self.client.clone(), context, watcher::Config::default())
            .with_controller(|_| triggers)
            .with_name(self.name)
            .with_observer(self.metrics.clone())
            .with_event_recorder(self.events.clone())
            .run()
            .await;
    }

    /// Hands each of the objects in `leaving`, as it is in `cache` by then, to `depart`, until the process stops;
    /// `depart` says when to come again. For objects that are being deleted and are held by a finalizer which only some
    /// of their kind have: the loop of [`Self::run_controller`] passes over whatever is being deleted, unless it puts a
    /// finalizer on everything.
    pub async fn run_departures<K, Fut>(
        &self,
        cache: &Cache<K>,
        leaving: impl Stream<Item = K> + Send + 'static,
        depart: impl Fn(Arc<K>) -> Fut + Send + Sync + 'static,
    ) where
        K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
        Fut: Future<Output = Action> + Send + 'static,
    {
        runtime::Controller::for_stream(leaving.map(Ok), cache.store())
            .with_config(Config::default().concurrency(self.concurrency))
            .graceful_shutdown_on(self.shutdown.clone())
            .run(
                move |object, _| depart(object).map(Ok::<_, Infallible>),
                |_, never, _| match *never {},
                Arc::new(()),
            )
            .for_each(|_| ready(()))
            .await;
    }
}

impl Debug for Kit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Kit")
            .field("name", &self.name)
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "kit_tests.rs"]
mod tests;
