//! Finding the objects of a [`Cache`] by what stands in them, without walking through all.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use kube::Resource;

use crate::{
    cache::Cache,
    own::{Key, key_of},
};

/// The objects of a [`Cache`] by keys that are computed from each. Cheap to clone.
pub struct Index<K: Resource<DynamicType = ()> + Clone + 'static> {
    cache: Cache<K>,
    /// Which of the cache's indices this is.
    number: usize,
}

impl<K: Resource<DynamicType = ()> + Clone + 'static> Index<K> {
    pub(crate) fn new(cache: Cache<K>, number: usize) -> Self {
        Self { cache, number }
    }

    /// The objects in `namespace` that have `key`, sorted by name.
    pub fn get(&self, namespace: &str, key: &str) -> Vec<Arc<K>> {
        self.cache.indexed(self.number, namespace, key)
    }
}

impl<K: Resource<DynamicType = ()> + Clone + 'static> Clone for Index<K> {
    fn clone(&self) -> Self {
        Self { cache: self.cache.clone(), number: self.number }
    }
}

/// The keys of an object.
pub(crate) type KeysOf<K> = dyn Fn(&K) -> BTreeSet<String> + Send + Sync;

/// What a cache keeps for one index, of what its watch has shown.
pub(crate) struct Entries<K> {
    keys_of: Box<KeysOf<K>>,
    /// The names of the objects, by namespace and key.
    names: BTreeMap<(String, String), BTreeSet<String>>,
    /// The keys under which each object stands.
    keys: BTreeMap<Key, BTreeSet<String>>,
}

impl<K: Resource> Entries<K> {
    pub(crate) fn new(keys_of: Box<KeysOf<K>>) -> Self {
        Self { keys_of, names: BTreeMap::new(), keys: BTreeMap::new() }
    }

    /// Puts the object under the keys that it has now.
    pub(crate) fn set(&mut self, object: &K) {
        self.remove(object);
        let ((namespace, name), keys) = (key_of(object), (self.keys_of)(object));
        for key in &keys {
            self.names.entry((namespace.clone(), key.clone())).or_default().insert(name.clone());
        }
        if !keys.is_empty() {
            self.keys.insert((namespace, name), keys);
        }
    }

    pub(crate) fn remove(&mut self, object: &K) {
        let (namespace, name) = key_of(object);
        let known = (namespace, name);
        for key in self.keys.remove(&known).into_iter().flatten() {
            let place = (known.0.clone(), key);
            if let Some(names) = self.names.get_mut(&place) {
                names.remove(&known.1);
                if names.is_empty() {
                    self.names.remove(&place);
                }
            }
        }
    }

    pub(crate) fn clear(&mut self) {
        self.names.clear();
        self.keys.clear();
    }

    /// The names of the objects that the watch has shown with `key`.
    pub(crate) fn names(&self, namespace: &str, key: &str) -> impl Iterator<Item = &str> {
        let place = (namespace.to_owned(), key.to_owned());
        self.names.get(&place).into_iter().flatten().map(String::as_str)
    }

    /// Whether `object` has `key`: it may be newer than what the watch has shown.
    pub(crate) fn has(&self, object: &K, key: &str) -> bool {
        (self.keys_of)(object).contains(key)
    }
}
