//! A watch that keeps a [`Cache`] and triggers a controller.

use std::{fmt::Debug, sync::Arc, time::Duration};

use futures::{Stream, StreamExt as _, future::ready, stream};
use kube::{
    Api, Resource, ResourceExt as _,
    runtime::{
        WatchStreamExt as _,
        watcher::{self, Event, watcher},
    },
};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::{
    cache::Cache,
    guard::{Guarded, guarded},
};

/// Watches the objects of `api`, keeps the returned cache and yields each touched object, also those that were
/// deleted or have vanished while the connection was down, as trigger for a kube `Controller` (`owns_stream`,
/// `watches_stream`, or `for_stream` together with [`Cache::store`]).
///
/// `modify` runs on every object before it is kept and may drop what nobody reads; managedFields are dropped anyway.
///
/// The stream must be polled or the cache stays empty. It never ends and never yields an error: it logs what fails
/// and tries again after a backoff of its own, so that one kind that cannot be watched holds up no other. An object
/// that does not parse is logged and left out; if an earlier version of it did parse, that one stays.
pub fn watch<K, F>(
    api: Api<K>,
    config: watcher::Config,
    modify: F,
) -> (Cache<K>, impl Stream<Item = Result<K, watcher::Error>> + Send + use<K, F>)
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
    F: Fn(&mut K) + Send + Sync + 'static,
{
    watch_guarded::<K, F, false>(api, config, modify)
}

/// As [`watch`], for a kind whose validation refuses what nests deeper than 64 maps and lists: of an object that nests
/// deeper than 100, what lies there is left out, and the rest is read so that it can be refused.
pub fn watch_cut<K, F>(
    api: Api<K>,
    config: watcher::Config,
    modify: F,
) -> (Cache<K>, impl Stream<Item = Result<K, watcher::Error>> + Send + use<K, F>)
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
    F: Fn(&mut K) + Send + Sync + 'static,
{
    watch_guarded::<K, F, true>(api, config, modify)
}

fn watch_guarded<K, F, const CUT: bool>(
    api: Api<K>,
    config: watcher::Config,
    modify: F,
) -> (Cache<K>, impl Stream<Item = Result<K, watcher::Error>> + Send + use<K, F, CUT>)
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
    F: Fn(&mut K) + Send + Sync + 'static,
{
    let (cache, mut feed) = Cache::fed(modify);
    let known = cache.clone();
    let mut outage = None;
    let triggers = watcher(guarded::<K, CUT>(api), config)
        .default_backoff()
        .filter_map(move |event| ready(settle(event, &mut outage)))
        .filter_map(move |event| ready(parsed(event, &known)))
        .flat_map(move |event| stream::iter(feed.apply(event)))
        .map(|object| Ok(Arc::unwrap_or_clone(object)));
    (cache, triggers)
}

/// How long a watch that keeps failing is not mentioned again. A watch that works may be silent for as long, so its
/// success is no sign to wait for.
const REMINDER: Duration = Duration::from_secs(300);

/// Takes out and logs the failures of a watch, of which `outage` is the one last mentioned.
fn settle<K: Resource<DynamicType = ()>, const CUT: bool>(
    event: Result<Event<Guarded<K, CUT>>, watcher::Error>,
    outage: &mut Option<Instant>,
) -> Option<Event<Guarded<K, CUT>>> {
    let kind = K::kind(&());
    match event {
        // Begins every attempt, so it proves nothing yet.
        Ok(Event::Init) => Some(Event::Init),
        Ok(event) => {
            if outage.take().is_some() {
                tracing::info!(%kind, "watching again");
            }
            Some(event)
        }
        // The API server forgets old versions by design: the list that follows is the whole remedy.
        Err(watcher::Error::WatchError(status)) if status.code == 410 => None,
        Err(error) => {
            if outage.is_none_or(|mentioned| mentioned.elapsed() > REMINDER) {
                *outage = Some(Instant::now());
                tracing::warn!(%kind, error = &error as &dyn std::error::Error, "cannot watch, will keep trying");
            }
            None
        }
    }
}

/// The event with an object that parses, if there is any such.
fn parsed<K, const CUT: bool>(event: Event<Guarded<K, CUT>>, known: &Cache<K>) -> Option<Event<K>>
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    match event {
        Event::Init => Some(Event::Init),
        Event::InitDone => Some(Event::InitDone),
        Event::InitApply(object) => accept(object).or_else_stale(known).map(Event::InitApply),
        Event::Apply(object) => accept(object).ok().map(Event::Apply),
        Event::Delete(object) => accept(object).or_else_stale(known).map(Event::Delete),
    }
}

/// The object, or the namespace and name of one that does not parse.
fn accept<K: Resource<DynamicType = ()>, const CUT: bool>(
    object: Guarded<K, CUT>,
) -> Result<K, (String, String)> {
    let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
    object.0.map_err(|malformed| {
        let (kind, error) = (K::kind(&()), malformed.error);
        tracing::warn!(%kind, namespace, name, error, "left out an object that this version does not understand");
        (namespace, name)
    })
}

trait OrElseStale<K: Resource<DynamicType = ()> + Clone + 'static> {
    /// The last version of a malformed object that did parse: it is what a deletion removes and a list must keep.
    fn or_else_stale(self, known: &Cache<K>) -> Option<K>;
}

impl<K: Resource<DynamicType = ()> + Clone + 'static> OrElseStale<K> for Result<K, (String, String)> {
    fn or_else_stale(self, known: &Cache<K>) -> Option<K> {
        self.or_else(|(namespace, name)| known.get(&namespace, &name).map(Arc::unwrap_or_clone).ok_or(()))
            .ok()
    }
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
