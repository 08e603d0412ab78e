//! What a cache knows beyond the objects that its watch has shown.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use kube::{Resource, ResourceExt as _};

/// The process's own writes that the watch has not shown yet, and an index of what it has.
pub(crate) struct Own<K> {
    /// Names per namespace of what the watch has shown, so that a list need not walk through all namespaces.
    names: BTreeMap<String, BTreeSet<String>>,
    /// What this process wrote and the watch has not yet shown, by namespace and name.
    written: BTreeMap<Key, Written<K>>,
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

/// Namespace and name.
type Key = (String, String);

impl<K> Default for Own<K> {
    fn default() -> Self {
        Self { names: BTreeMap::new(), written: BTreeMap::new(), seen: 0, lists: 0 }
    }
}

impl<K: Resource> Own<K> {
    /// The object as this process wrote it, if the watch has not come that far.
    pub(crate) fn get(&self, namespace: &str, name: &str) -> Option<Arc<K>> {
        let written = self.written.get(&(namespace.to_owned(), name.to_owned()))?;
        Some(written.object.clone())
    }

    /// How many writes are remembered.
    pub(crate) fn remembered(&self) -> usize {
        self.written.len()
    }

    /// The names of all that is known in `namespace`.
    pub(crate) fn names_in(&self, namespace: &str) -> BTreeSet<&str> {
        let watched = self.names.get(namespace).into_iter().flatten();
        let start = (namespace.to_owned(), String::new());
        let written = self.written.range(start..).take_while(|((other, _), _)| other == namespace);
        watched.map(String::as_str).chain(written.map(|((_, name), _)| name.as_str())).collect()
    }

    /// The namespaces of all that is known.
    pub(crate) fn namespaces(&self) -> BTreeSet<String> {
        self.names.keys().chain(self.written.keys().map(|(namespace, _)| namespace)).cloned().collect()
    }

    /// Remembers a write, unless the watch has come as far already.
    pub(crate) fn record(&mut self, written: K) {
        // What cannot be compared with the watch could never be told from stale: the watch wins.
        let Some(version) = version_of(&written) else { return };
        let (key, lists) = (key_of(&written), self.lists);
        let newer = self.written.get(&key).is_none_or(|known| known.version < version);
        if version > self.seen && newer {
            self.written.insert(key, Written { object: Arc::new(written), version, lists });
        }
    }

    /// The watch has shown `object`.
    pub(crate) fn applied(&mut self, object: &K) {
        self.saw(object);
        let (namespace, name) = key_of(object);
        self.names.entry(namespace).or_default().insert(name);
    }

    /// The watch has shown that `object` is gone.
    pub(crate) fn deleted(&mut self, object: &K) {
        self.saw(object);
        let (namespace, name) = key_of(object);
        if let Some(names) = self.names.get_mut(&namespace) {
            names.remove(&name);
            if names.is_empty() {
                self.names.remove(&namespace);
            }
        }
    }

    /// The watch begins to read a list.
    pub(crate) fn list_begun(&mut self) {
        self.lists += 1;
    }

    /// The watch has read the list, which is all there is. It says nothing about what was written while it was read.
    pub(crate) fn listed(&mut self, objects: &[Arc<K>]) {
        // Not the greater of old and new: after a restore from a backup the versions start again lower.
        self.seen = objects.iter().filter_map(|object| version_of(&**object)).max().unwrap_or_default();
        self.names.clear();
        for (namespace, name) in objects.iter().map(|object| key_of(&**object)) {
            self.names.entry(namespace).or_default().insert(name);
        }
        let (seen, lists) = (self.seen, self.lists);
        self.written.retain(|_, written| written.lists == lists && written.version > seen);
    }

    fn saw(&mut self, object: &K) {
        self.seen = self.seen.max(version_of(object).unwrap_or_default());
        let seen = self.seen;
        self.written.retain(|_, written| written.version > seen);
    }
}

fn key_of<K: Resource>(object: &K) -> Key {
    (object.namespace().unwrap_or_default(), object.name_any())
}

/// The resourceVersion as a number: of one kind they are comparable as of Kubernetes 1.35, and were in practice
/// before.
pub(crate) fn version_of<K: Resource>(object: &K) -> Option<u64> {
    object.meta().resource_version.as_deref()?.parse().ok()
}
