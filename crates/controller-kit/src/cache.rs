//! What a controller reads: the newest of what a watch has shown and what this process itself has written since.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Debug},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use kube::{
    Resource, ResourceExt as _,
    runtime::{
        reflector::{ObjectRef, Store, store::Writer},
        watcher::Event,
    },
};

/// The objects of one kind as this process knows them. Cheap to clone; all clones are one.
///
/// A reconcile that runs before the watch has caught up with the process's own last write must not repeat that
/// write. So whatever was written is [recorded](Cache::record) and served until the watch has come as far.
pub struct Cache<K: Resource<DynamicType = ()> + Clone + 'static> {
    watched: Store<K>,
    own: Arc<RwLock<Own<K>>>,
    modify: Arc<dyn Fn(&mut K) + Send + Sync>,
}

/// The watch ended before the cache held the first list, which happens only while the process stops.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the watch of {0} ended before its first list was complete")]
pub struct CacheClosed(String);

/// What is known beyond the objects that the watch has shown.
struct Own<K> {
    /// Names per namespace of what the watch has shown, so that a list need not walk through all namespaces.
    names: BTreeMap<String, BTreeSet<String>>,
    /// What this process wrote and the watch has not yet shown, by namespace and name.
    written: BTreeMap<(String, String), Written<K>>,
    /// The newest resourceVersion that the watch has shown of any object. A watch delivers in this order, so nothing
    /// that was written up to here, and no deletion of it, is still to come.
    seen: u64,
    /// How many lists the watch has begun. What was written before a list began is in that list, unless deleted.
    lists: u64,
}

struct Written<K> {
    object: Arc<K>,
    version: u64,
    lists: u64,
}

impl<K: Resource<DynamicType = ()> + Clone + 'static> Cache<K> {
    /// An empty cache, and the one hand that fills it. `modify` is applied to every object that enters.
    pub(crate) fn fed(modify: impl Fn(&mut K) + Send + Sync + 'static) -> (Self, Feed<K>) {
        let writer = Writer::default();
        let own = Own { names: BTreeMap::new(), written: BTreeMap::new(), seen: 0, lists: 0 };
        let cache =
            Self { watched: writer.as_reader(), own: Arc::new(RwLock::new(own)), modify: Arc::new(modify) };
        (cache.clone(), Feed { cache, writer, newest: 0 })
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
        self.namespaces().iter().flat_map(|namespace| self.list(namespace, &filter)).collect()
    }

    /// Remembers what the API server answered to a create, apply or patch, until the watch shows it, anything newer,
    /// or its deletion.
    pub fn record(&self, mut written: K) {
        // What cannot be compared with the watch could never be told from stale: the watch wins.
        let Some(version) = version_of(&written) else { return };
        self.prepare(&mut written);
        let mut own = self.write();
        let key = key_of(&written);
        let newer = own.written.get(&key).is_none_or(|known| known.version < version);
        if version > own.seen && newer {
            let lists = own.lists;
            own.written.insert(key, Written { object: Arc::new(written), version, lists });
        }
    }

    /// Waits until the first list is complete. What is read before may miss anything.
    ///
    /// # Errors
    /// If the watch was dropped before, as it is when the process stops.
    pub async fn ready(&self) -> Result<(), CacheClosed> {
        self.watched.wait_until_ready().await.map_err(|_| CacheClosed(K::plural(&()).into_owned()))
    }

    /// The store of what the watch has shown, for `kube::runtime::Controller::for_stream`.
    pub fn store(&self) -> Store<K> {
        self.watched.clone()
    }

    pub(crate) fn prepare(&self, object: &mut K) {
        object.meta_mut().managed_fields = None;
        (self.modify)(object);
    }

    fn lookup(&self, own: &Own<K>, namespace: &str, name: &str) -> Option<Arc<K>> {
        let written = own.written.get(&(namespace.to_owned(), name.to_owned()));
        written
            .map(|written| written.object.clone())
            .or_else(|| self.watched.get(&reference(namespace, name)))
    }

    fn namespaces(&self) -> BTreeSet<String> {
        let own = self.read();
        own.names.keys().chain(own.written.keys().map(|(namespace, _)| namespace)).cloned().collect()
    }

    fn read(&self) -> RwLockReadGuard<'_, Own<K>> {
        self.own.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Own<K>> {
        self.own.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K> Own<K> {
    fn names_in(&self, namespace: &str) -> BTreeSet<&str> {
        let watched = self.names.get(namespace).into_iter().flatten();
        let start = (namespace.to_owned(), String::new());
        let written = self.written.range(start..).take_while(|((other, _), _)| other == namespace);
        watched.map(String::as_str).chain(written.map(|((_, name), _)| name.as_str())).collect()
    }

    fn forget_name(&mut self, (namespace, name): &(String, String)) {
        if let Some(names) = self.names.get_mut(namespace) {
            names.remove(name);
            if names.is_empty() {
                self.names.remove(namespace);
            }
        }
    }

    fn saw(&mut self, version: Option<u64>) {
        self.seen = self.seen.max(version.unwrap_or_default());
        let seen = self.seen;
        self.written.retain(|_, written| written.version > seen);
    }

    /// A list replaces all that was known. It says nothing about what was written while it was being read.
    fn listed(&mut self, newest: u64) {
        // Not the greater of old and new: after a restore from a backup the versions start again lower.
        self.seen = newest;
        let lists = self.lists;
        self.written.retain(|_, written| written.lists == lists && written.version > newest);
    }
}

/// The one hand that fills a [`Cache`] from a watch.
pub(crate) struct Feed<K: Resource<DynamicType = ()> + Clone + 'static> {
    cache: Cache<K>,
    writer: Writer<K>,
    /// The newest resourceVersion in the list that is being read.
    newest: u64,
}

impl<K: Resource<DynamicType = ()> + Clone + 'static> Feed<K> {
    /// Brings the cache up to `event` and returns what that touched: the object itself, or after a list everything
    /// that is there and everything that has vanished since the last.
    ///
    /// A listed object is not touched before the list is complete, as a reconcile would still read its predecessor.
    pub(crate) fn apply(&mut self, event: Event<K>) -> Vec<Arc<K>> {
        let cache = self.cache.clone();
        let event = event.modify(|object| cache.prepare(object));
        let mut own = cache.write();
        let before = matches!(event, Event::InitDone).then(|| cache.watched.state());
        self.writer.apply_watcher_event(&event);
        match event {
            Event::Init => {
                own.lists += 1;
                self.newest = 0;
                Vec::new()
            }
            Event::InitApply(object) => {
                self.newest = self.newest.max(version_of(&object).unwrap_or_default());
                Vec::new()
            }
            Event::InitDone => {
                own.listed(self.newest);
                own.names = index(&cache.watched.state());
                touched_by_list(&cache.watched, before.unwrap_or_default())
            }
            Event::Apply(object) => {
                own.saw(version_of(&object));
                let (namespace, name) = key_of(&object);
                own.names.entry(namespace).or_default().insert(name);
                vec![Arc::new(object)]
            }
            Event::Delete(object) => {
                own.saw(version_of(&object));
                own.forget_name(&key_of(&object));
                vec![Arc::new(object)]
            }
        }
    }
}

fn touched_by_list<K: Resource<DynamicType = ()> + Clone + 'static>(
    store: &Store<K>,
    before: Vec<Arc<K>>,
) -> Vec<Arc<K>> {
    let gone = before.into_iter().filter(|object| store.get(&ObjectRef::from_obj(&**object)).is_none());
    gone.chain(store.state()).collect()
}

fn index<K: Resource<DynamicType = ()>>(objects: &[Arc<K>]) -> BTreeMap<String, BTreeSet<String>> {
    let mut names: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for (namespace, name) in objects.iter().map(|object| key_of(&**object)) {
        names.entry(namespace).or_default().insert(name);
    }
    names
}

fn reference<K: Resource<DynamicType = ()>>(namespace: &str, name: &str) -> ObjectRef<K> {
    let reference = ObjectRef::new(name);
    if namespace.is_empty() { reference } else { reference.within(namespace) }
}

fn key_of<K: Resource>(object: &K) -> (String, String) {
    (object.namespace().unwrap_or_default(), object.name_any())
}

/// The resourceVersion as a number: of one kind they are comparable as of Kubernetes 1.35, and were in practice before.
fn version_of<K: Resource>(object: &K) -> Option<u64> {
    object.meta().resource_version.as_deref()?.parse().ok()
}

impl<K: Resource<DynamicType = ()> + Clone + 'static> Clone for Cache<K> {
    fn clone(&self) -> Self {
        Self { watched: self.watched.clone(), own: self.own.clone(), modify: self.modify.clone() }
    }
}

impl<K: Resource<DynamicType = ()> + Clone + 'static> Debug for Cache<K> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let own = self.read();
        formatter
            .debug_struct("Cache")
            .field("kind", &K::kind(&()))
            .field("watched", &self.watched.len())
            .field("written", &own.written.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "cache_tests.rs"]
mod tests;
