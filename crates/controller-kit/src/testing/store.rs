//! The objects, and what became of them.

use std::{collections::BTreeMap, time::Duration};

use k8s_openapi::jiff::Timestamp;
use serde_json::{Map, Value};

/// Where an object lies.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Key {
    /// `plural.group`.
    pub(super) resource: String,
    /// Empty for kinds that have none.
    pub(super) namespace: String,
    pub(super) name: String,
}

/// One step of one object, as a watch shows it.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) version: u64,
    pub(super) key: Key,
    /// ADDED, MODIFIED or DELETED.
    pub(super) event: &'static str,
    pub(super) object: Value,
}

#[derive(Debug)]
pub(super) struct Store {
    objects: BTreeMap<Key, Value>,
    /// What each field manager last applied to each object, the status apart from the rest.
    applied: BTreeMap<(Key, String), Value>,
    changes: Vec<Change>,
    version: u64,
    /// The newest resourceVersion whose changes are forgotten.
    compacted: u64,
}

impl Default for Store {
    /// As etcd does, an empty store counts from 1, so that no object ever has this version.
    fn default() -> Self {
        Self {
            objects: BTreeMap::new(),
            applied: BTreeMap::new(),
            changes: Vec::new(),
            version: 1,
            compacted: 0,
        }
    }
}

/// What only the server writes.
const OWN: [&str; 6] = ["name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "generation"];

/// What keeps an object until its dependents are gone.
const FOREGROUND: &str = "foregroundDeletion";

impl Store {
    /// The newest resourceVersion.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// Forgets all changes so far.
    pub(super) fn compact(&mut self) {
        self.changes.clear();
        self.compacted = self.version;
    }

    /// The newest resourceVersion whose changes are forgotten.
    pub(super) fn compacted(&self) -> u64 {
        self.compacted
    }

    pub(super) fn get(&self, key: &Key) -> Option<&Value> {
        self.objects.get(key)
    }

    /// The objects of a resource, in one namespace or in all.
    pub(super) fn list<'a>(
        &'a self,
        resource: &'a str,
        namespace: Option<&'a str>,
    ) -> impl Iterator<Item = &'a Value> {
        let objects = self.objects.iter();
        objects.filter(move |(key, _)| in_scope(key, resource, namespace)).map(|(_, object)| object)
    }

    /// What happened to them after `version`.
    pub(super) fn changes<'a>(
        &'a self,
        resource: &'a str,
        namespace: Option<&'a str>,
        version: u64,
    ) -> impl Iterator<Item = &'a Change> {
        let changes = self.changes.iter().filter(move |change| change.version > version);
        changes.filter(move |change| in_scope(&change.key, resource, namespace))
    }

    /// What `manager` last applied.
    pub(super) fn applied(&self, key: &Key, manager: &str) -> Value {
        self.applied.get(&(key.clone(), manager.to_owned())).cloned().unwrap_or_default()
    }

    /// What the managers but `manager` last applied to the same part of the object.
    pub(super) fn applied_by_others<'a>(
        &'a self,
        key: &'a Key,
        manager: &'a str,
    ) -> impl Iterator<Item = &'a Value> {
        let part = |manager: &str| manager.rsplit_once('/').map(|(_, part)| part.to_owned());
        let others = self
            .applied
            .iter()
            .filter(move |((other, by), _)| other == key && by != manager && part(by) == part(manager));
        others.map(|(_, document)| document)
    }

    pub(super) fn set_applied(&mut self, key: &Key, manager: &str, document: Value) {
        self.applied.insert((key.clone(), manager.to_owned()), document);
    }

    /// Stores `object` and returns it as it stands then. What changes nothing gets no new version.
    pub(super) fn save(&mut self, key: &Key, mut object: Value) -> Value {
        let old = self.objects.get(key).cloned();
        own_metadata(&mut object, old.as_ref(), key, self.version + 1);
        if let Some(old) = old.as_ref().filter(|old| same(old, &object)) {
            return old.clone();
        }
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        if is_finished(&object) {
            return self.forget(key, object);
        }
        self.objects.insert(key.clone(), object.clone());
        self.note(key, if old.is_some() { "MODIFIED" } else { "ADDED" }, object)
    }

    /// Deletes the object, or only marks it if it has finalizers.
    pub(super) fn delete(&mut self, key: &Key) -> Option<Value> {
        let mut object = self.objects.get(key)?.clone();
        let held = has_finalizers(&object);
        if held && !object["metadata"]["deletionTimestamp"].is_null() {
            return Some(object);
        }
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        if !held {
            return Some(self.forget(key, object));
        }
        object["metadata"]["deletionTimestamp"] = time(self.version);
        self.objects.insert(key.clone(), object.clone());
        Some(self.note(key, "MODIFIED", object))
    }

    /// Keeps the object after its deletion until its dependents are gone.
    pub(super) fn await_dependents(&mut self, key: &Key) {
        let Some(object) = self.objects.get_mut(key).filter(|object| !waits_for_dependents(object)) else {
            return;
        };
        let mut finalizers = object["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
        finalizers.push(FOREGROUND.into());
        object["metadata"]["finalizers"] = finalizers.into();
    }

    /// Ends the deletions that wait for dependents.
    pub(super) fn collect(&mut self) {
        let waiting = self.objects.iter().filter(|(_, object)| waits_for_dependents(object));
        for (key, mut object) in
            waiting.map(|(key, object)| (key.clone(), object.clone())).collect::<Vec<_>>()
        {
            if let Some(finalizers) = object["metadata"]["finalizers"].as_array_mut() {
                finalizers.retain(|finalizer| finalizer != FOREGROUND);
            }
            self.save(&key, object);
        }
    }

    fn forget(&mut self, key: &Key, object: Value) -> Value {
        self.objects.remove(key);
        self.applied.retain(|(other, _), _| other != key);
        self.note(key, "DELETED", object)
    }

    fn note(&mut self, key: &Key, event: &'static str, object: Value) -> Value {
        self.changes.push(Change { version: self.version, key: key.clone(), event, object: object.clone() });
        object
    }
}

fn in_scope(key: &Key, resource: &str, namespace: Option<&str>) -> bool {
    key.resource == resource && namespace.is_none_or(|namespace| key.namespace == namespace)
}

/// Gives `object` the metadata that only the server writes: that of `old`, or that of a new object.
fn own_metadata(object: &mut Value, old: Option<&Value>, key: &Key, version: u64) {
    if !object["metadata"].is_object() {
        object["metadata"] = Map::new().into();
    }
    let generation = generation(object, old);
    let Value::Object(metadata) = &mut object["metadata"] else { return };
    if let Some(old) = old {
        for field in OWN {
            match &old["metadata"][field] {
                Value::Null => metadata.remove(field),
                value => metadata.insert(field.to_owned(), value.clone()),
            };
        }
    } else {
        metadata.insert("name".into(), key.name.clone().into());
        metadata.entry("uid").or_insert_with(|| format!("00000000-0000-4000-8000-{version:012}").into());
        metadata.entry("creationTimestamp").or_insert_with(|| time(version));
        if !key.namespace.is_empty() {
            metadata.insert("namespace".into(), key.namespace.clone().into());
        }
    }
    if let Some(generation) = generation {
        metadata.insert("generation".into(), generation.into());
    }
}

/// The generation counts the changes of what is neither metadata nor status. Kinds without a spec have none.
fn generation(object: &Value, old: Option<&Value>) -> Option<i64> {
    object.get("spec")?;
    let Some(old) = old else { return Some(object["metadata"]["generation"].as_i64().unwrap_or(1)) };
    let generation = old["metadata"]["generation"].as_i64().unwrap_or(1);
    Some(if desired_part(object) == desired_part(old) { generation } else { generation + 1 })
}

fn desired_part(object: &Value) -> Value {
    let mut object = object.clone();
    if let Value::Object(fields) = &mut object {
        fields.remove("metadata");
        fields.remove("status");
    }
    object
}

fn same(old: &Value, new: &Value) -> bool {
    let mut new = new.clone();
    new["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"].clone();
    *old == new
}

fn waits_for_dependents(object: &Value) -> bool {
    object["metadata"]["finalizers"]
        .as_array()
        .is_some_and(|finalizers| finalizers.contains(&FOREGROUND.into()))
}

fn is_finished(object: &Value) -> bool {
    !object["metadata"]["deletionTimestamp"].is_null() && !has_finalizers(object)
}

fn has_finalizers(object: &Value) -> bool {
    object["metadata"]["finalizers"].as_array().is_some_and(|finalizers| !finalizers.is_empty())
}

/// A time that depends on nothing but `version`, one second per version from the start of 2026 on.
fn time(version: u64) -> Value {
    let start = Timestamp::constant(1_767_225_600, 0);
    (start + Duration::from_secs(version)).to_string().into()
}
