//! How a watch fills a cache.

use std::sync::Arc;

use kube::{
    Resource,
    runtime::{
        reflector::{ObjectRef, Store, store::Writer},
        watcher::Event,
    },
};
use tokio::sync::watch;

use crate::cache::Cache;

/// The one hand that fills a [`Cache`] from a watch.
pub(crate) struct Feed<K: Resource<DynamicType = ()> + Clone + 'static> {
    cache: Cache<K>,
    writer: Writer<K>,
    /// Wakes all who wait for the first list.
    listed: watch::Sender<bool>,
}

impl<K: Resource<DynamicType = ()> + Clone + 'static> Feed<K> {
    pub(crate) fn new(cache: Cache<K>, writer: Writer<K>, listed: watch::Sender<bool>) -> Self {
        Self { cache, writer, listed }
    }

    /// Brings the cache up to `event` and returns what that touched: the object itself, or after a list everything
    /// that is there and everything that has vanished since the last.
    ///
    /// A listed object is not touched before the list is complete, as a reconcile would still read its predecessor.
    pub(crate) fn apply(&mut self, event: Event<K>) -> Vec<Arc<K>> {
        let (cache, store) = (self.cache.clone(), self.writer.as_reader());
        let event = event.modify(|object| cache.prepare(object));
        let before = if matches!(event, Event::InitDone) { store.state() } else { Vec::new() };
        // Held until both the store and what is known beyond it have taken the step, so that no reader sees a half.
        let mut own = cache.write();
        self.writer.apply_watcher_event(&event);
        match event {
            Event::Init => own.list_begun(),
            Event::InitApply(_) => {}
            Event::InitDone => {
                let listed = store.state();
                own.listed(&listed);
                drop(own);
                self.listed.send_replace(true);
                return vanished(&store, before).chain(listed).collect();
            }
            Event::Apply(object) => {
                own.applied(&object);
                return vec![Arc::new(object)];
            }
            Event::Delete(object) => {
                own.deleted(&object);
                return vec![Arc::new(object)];
            }
        }
        Vec::new()
    }
}

fn vanished<K>(store: &Store<K>, before: Vec<Arc<K>>) -> impl Iterator<Item = Arc<K>>
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    before.into_iter().filter(|object| store.get(&ObjectRef::from_obj(&**object)).is_none())
}
