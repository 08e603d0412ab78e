//! What a cache knows beyond the objects that its watch has shown.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use kube::{Resource, ResourceExt as _};

use crate::index::{Entries, KeysOf};

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
    /// What finds objects by what stands in them.
    indices: Vec<Entries<K>>,
}

struct Written<K> {
    object: Arc<K>,
    version: u64,
    lists: u64,
}

/// Namespace and name.
pub(crate) type Key = (String, String);

impl<K> Default for Own<K> {
    fn default() -> Self {
        Self { names: BTreeMap::new(), written: BTreeMap::new(), seen: 0, lists: 0, indices: Vec::new() }
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
        watched.map(String::as_str).chain(self.names_written_in(namespace)).collect()
    }

    fn names_written_in(&self, namespace: &str) -> impl Iterator<Item = &str> {
        let start = (namespace.to_owned(), String::new());
        let written = self.written.range(start..).take_while(move |((other, _), _)| other == namespace);
        written.map(|((_, name), _)| name.as_str())
    }

    /// Adds an index of `objects`, which the watch has shown so far, and gives its number.
    pub(crate) fn add_index(&mut self, keys_of: Box<KeysOf<K>>, objects: &[Arc<K>]) -> usize {
        let mut index = Entries::new(keys_of);
        objects.iter().for_each(|object| index.set(object));
        self.indices.push(index);
        self.indices.len() - 1
    }

    /// The index of that number, and the names of what may stand in it under `key`.
    pub(crate) fn index(
        &self,
        number: usize,
        namespace: &str,
        key: &str,
    ) -> Option<(&Entries<K>, BTreeSet<&str>)> {
        let index = self.indices.get(number)?;
        Some((index, index.names(namespace, key).chain(self.names_written_in(namespace)).collect()))
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
        self.indices.iter_mut().for_each(|index| index.set(object));
    }

    /// The watch has shown that `object` is gone.
    pub(crate) fn deleted(&mut self, object: &K) {
        self.saw(object);
        self.indices.iter_mut().for_each(|index| index.remove(object));
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
        for index in &mut self.indices {
            index.clear();
            objects.iter().for_each(|object| index.set(object));
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

pub(crate) fn key_of<K: Resource>(object: &K) -> Key {
    (object.namespace().unwrap_or_default(), object.name_any())
}

/// The resourceVersion as a number: of one kind they are comparable as of Kubernetes 1.35, and were in practice
/// before.
pub(crate) fn version_of<K: Resource>(object: &K) -> Option<u64> {
    object.meta().resource_version.as_deref()?.parse().ok()
}
