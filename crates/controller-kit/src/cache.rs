//! What a controller reads: the newest of what a watch has shown and what this process itself has written since.

use std::{
    collections::BTreeSet,
    fmt::{self, Debug},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use kube::{
    Resource,
    runtime::{
        reflector::{ObjectRef, Store, store::Writer},
        watcher::Event,
    },
};
use tokio::sync::watch;

use crate::{feed::Feed, index::Index, own::Own};

/// The objects of one kind as this process knows them. Cheap to clone; all clones are one.
///
/// A reconcile that runs before the watch has caught up with the process's own last write must not repeat that
/// write. So whatever was written is [recorded](Cache::record) and served until the watch has come as far.
pub struct Cache<K: Resource<DynamicType = ()> + Clone + 'static> {
    watched: Store<K>,
    own: Arc<RwLock<Own<K>>>,
    modify: Arc<dyn Fn(&mut K) + Send + Sync>,
    /// Whether the first list is complete. Not the store's own signal, which wakes only the last of several who wait.
    listed: watch::Receiver<bool>,
}

/// The watch ended before the cache held the first list, which happens only while the process stops.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the watch of {0} ended before its first list was complete")]
pub struct CacheClosed(String);

impl<K: Resource<DynamicType = ()> + Clone + 'static> Cache<K> {
    /// An empty cache, and the one hand that fills it. `modify` is applied to every object that enters.
    pub(crate) fn fed(modify: impl Fn(&mut K) + Send + Sync + 'static) -> (Self, Feed<K>) {
        let writer = Writer::default();
        let (signal, listed) = watch::channel(false);
        let cache =
            Self { watched: writer.as_reader(), own: Arc::default(), modify: Arc::new(modify), listed };
        (cache.clone(), Feed::new(cache, writer, signal))
    }

    /// A cache that holds `objects` and never changes by itself, for tests.
    pub fn from_objects(objects: impl IntoIterator<Item = K>) -> Self {
        let (cache, mut feed) = Self::fed(|_| ());
        feed.apply(Event::Init);
        for object in objects {
            feed.apply(Event::InitApply(object));
        }
        feed.apply(Event::InitDone);
        cache
    }

    /// The object of that name. `namespace` is empty for kinds that have none.
    pub fn get(&self, namespace: &str, name: &str) -> Option<Arc<K>> {
        self.lookup(&self.read(), namespace, name)
    }

    /// The objects in `namespace` that `filter` accepts, sorted by name.
    pub fn list(&self, namespace: &str, filter: impl Fn(&K) -> bool) -> Vec<Arc<K>> {
        let own = self.read();
        let objects =
            own.names_in(namespace).into_iter().filter_map(|name| self.lookup(&own, namespace, name));
        objects.filter(|object| filter(object)).collect()
    }

    /// The objects in all namespaces that `filter` accepts, sorted by namespace and name.
    pub fn list_all(&self, filter: impl Fn(&K) -> bool) -> Vec<Arc<K>> {
        let namespaces = self.read().namespaces();
        namespaces.iter().flat_map(|namespace| self.list(namespace, &filter)).collect()
    }

    /// An index of this cache: the objects by what `keys_of` computes from each. Make it once, it is kept from then on.
    pub fn index(&self, keys_of: impl Fn(&K) -> BTreeSet<String> + Send + Sync + 'static) -> Index<K> {
        // Held, so that the watch shows nothing between what is there and what the index is told.
        let mut own = self.write();
        let number = own.add_index(Box::new(keys_of), &self.watched.state());
        Index::new(self.clone(), number)
    }

    /// The objects in `namespace` that stand in the index of that number under `key`, sorted by name.
    pub(crate) fn indexed(&self, number: usize, namespace: &str, key: &str) -> Vec<Arc<K>> {
        let own = self.read();
        let Some((index, names)) = own.index(number, namespace, key) else { return Vec::new() };
        let objects = names.into_iter().filter_map(|name| self.lookup(&own, namespace, name));
        objects.filter(|object| index.has(object, key)).collect()
    }

    /// Remembers what the API server answered to a create, apply or patch, until the watch shows it, anything newer,
    /// or its deletion.
    pub fn record(&self, mut written: K) {
        self.prepare(&mut written);
        self.write().record(written);
    }

    /// Waits until the first list is complete. What is read before may miss anything.
    ///
    /// # Errors
    /// If the watch was dropped before, as it is when the process stops.
    pub async fn ready(&self) -> Result<(), CacheClosed> {
        let listed = self.listed.clone().wait_for(|listed| *listed).await.map(drop);
        listed.map_err(|_| CacheClosed(K::plural(&()).into_owned()))
    }

    /// The store of what the watch has shown, for `kube::runtime::Controller::for_stream`.
    pub fn store(&self) -> Store<K> {
        self.watched.clone()
    }

    /// Drops what nobody reads.
    pub(crate) fn prepare(&self, object: &mut K) {
        object.meta_mut().managed_fields = None;
        (self.modify)(object);
    }

    fn lookup(&self, own: &Own<K>, namespace: &str, name: &str) -> Option<Arc<K>> {
        own.get(namespace, name).or_else(|| self.watched.get(&reference(namespace, name)))
    }

    fn read(&self) -> RwLockReadGuard<'_, Own<K>> {
        self.own.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, Own<K>> {
        self.own.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn reference<K: Resource<DynamicType = ()>>(namespace: &str, name: &str) -> ObjectRef<K> {
    let reference = ObjectRef::new(name);
    if namespace.is_empty() { reference } else { reference.within(namespace) }
}

impl<K: Resource<DynamicType = ()> + Clone + 'static> Clone for Cache<K> {
    fn clone(&self) -> Self {
        Self {
            watched: self.watched.clone(),
            own: self.own.clone(),
            modify: self.modify.clone(),
            listed: self.listed.clone(),
        }
    }
}

impl<K: Resource<DynamicType = ()> + Clone + 'static> Debug for Cache<K> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let own = self.read();
        formatter
            .debug_struct("Cache")
            .field("kind", &K::kind(&()))
            .field("watched", &self.watched.len())
            .field("written", &own.remembered())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "cache_tests.rs"]
mod tests;
