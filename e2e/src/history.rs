//! Every version that a kind's objects in a namespace went through, in order.

use std::fmt::Debug;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use futures::{StreamExt as _, pin_mut};
use kube::api::{Api, ListParams, WatchEvent, WatchParams};
use kube::{Client, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::Result;
use crate::wait::{LOOK_AGAIN, PATIENCE};

/// A recording that goes on until the last clone of it is dropped.
///
/// Unlike a watcher that may list again, it misses no version: a plain watch from the moment of the start, resumed
/// at the last version seen. One that had to leave something out says so instead of going on.
#[derive(Clone)]
pub struct History<K> {
    record: watch::Receiver<Record<K>>,
    _task: Arc<StopOnDrop>,
}

/// What was seen, and why nothing more can be.
#[derive(Clone, Debug)]
struct Record<K> {
    versions: Vec<Arc<K>>,
    deletions: Vec<Arc<K>>,
    failure: Option<String>,
}

struct StopOnDrop(AbortHandle);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl<K> History<K>
where
    K: Resource + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    /// Records from now on.
    ///
    /// # Errors
    /// The objects cannot be listed.
    pub async fn start(api: Api<K>) -> Result<Self> {
        let list = api.list(&ListParams::default()).await?;
        let from = list.metadata.resource_version.context("a list without resourceVersion")?;
        let versions = list.items.into_iter().map(Arc::new).collect();
        let (sender, record) = watch::channel(Record { versions, deletions: Vec::new(), failure: None });
        let task = tokio::spawn(follow(api, from, sender));
        Ok(Self { record, _task: Arc::new(StopOnDrop(task.abort_handle())) })
    }

    /// Every version so far, of all objects.
    ///
    /// # Errors
    /// Some version may be missing.
    pub fn versions(&self) -> Result<Vec<Arc<K>>> {
        let record = self.record.borrow().clone();
        match record.failure {
            None => Ok(record.versions),
            Some(failure) => bail!("the recording is not complete: {failure}"),
        }
    }

    /// Every version so far of the object called `name`.
    ///
    /// # Errors
    /// Some version may be missing.
    pub fn of(&self, name: &str) -> Result<Vec<Arc<K>>> {
        Ok(self.versions()?.into_iter().filter(|version| version.name_any() == name).collect())
    }

    /// The revision at which the object of this name was first seen to be deleted, once it is gone.
    ///
    /// # Errors
    /// It is not gone in time.
    pub async fn deleted_at(&self, name: &str) -> Result<u64> {
        let mut record = self.record.clone();
        let is_gone = |record: &Record<K>| record.deletions.iter().any(|object| object.name_any() == name);
        let gone = tokio::time::timeout(PATIENCE, record.wait_for(is_gone)).await;
        let record = gone.with_context(|| format!("{name} is not deleted within {PATIENCE:?}"))??.clone();
        let all = record.versions.iter().chain(&record.deletions).filter(|object| object.name_any() == name);
        let marked = all.clone().filter(|object| object.meta().deletion_timestamp.is_some());
        let gone = record.deletions.iter().filter(|object| object.name_any() == name);
        marked.chain(gone).map(|object| revision(object.as_ref())).min().context("no deletion")
    }

    /// Waits until a version `is_seen`, and gives all of that object up to it.
    ///
    /// # Errors
    /// It is not seen in time: then `what` was expected.
    pub async fn until(&self, name: &str, what: &str, is_seen: impl Fn(&K) -> bool) -> Result<Vec<Arc<K>>> {
        let found = |record: &Record<K>| record.versions.iter().any(|v| v.name_any() == name && is_seen(v));
        let mut record = self.record.clone();
        let waiting = record.wait_for(|record| found(record) || record.failure.is_some());
        let in_time = tokio::time::timeout(PATIENCE, waiting).await.is_ok();
        let mut versions = self.of(name)?;
        let last = versions.iter().position(|version| is_seen(version));
        let last = last.with_context(|| {
            let last = versions.last().map(|version| format!("{version:#?}"));
            format!(
                "{name}: no version was {what} (in time: {in_time}); the last was {}",
                last.unwrap_or_default()
            )
        })?;
        versions.truncate(last + 1);
        Ok(versions)
    }
}

/// The revision of the whole store at which this version was written: all objects count on from one number.
pub fn revision(object: &impl Resource) -> u64 {
    object.meta().resource_version.as_deref().and_then(|version| version.parse().ok()).unwrap_or(u64::MAX)
}

async fn follow<K>(api: Api<K>, mut from: String, record: watch::Sender<Record<K>>)
where
    K: Resource + Clone + Debug + DeserializeOwned + Send + 'static,
{
    loop {
        match follow_once(&api, &mut from, &record).await {
            Ok(()) => {}
            Err(kube::Error::Api(status)) => {
                record.send_modify(|record| record.failure = Some(status.to_string()));
                return;
            }
            // A broken connection loses nothing: the next watch goes on from the last version seen.
            Err(_) => tokio::time::sleep(LOOK_AGAIN).await,
        }
    }
}

/// One watch, until the API server ends it; it does so every few minutes.
async fn follow_once<K>(
    api: &Api<K>,
    from: &mut String,
    record: &watch::Sender<Record<K>>,
) -> kube::Result<()>
where
    K: Resource + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let events = api.watch(&WatchParams::default(), from).await?;
    pin_mut!(events);
    while let Some(event) = events.next().await {
        match event? {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                *from = object.resource_version().unwrap_or_default();
                record.send_modify(|record| record.versions.push(Arc::new(object)));
            }
            WatchEvent::Deleted(object) => {
                *from = object.resource_version().unwrap_or_default();
                record.send_modify(|record| record.deletions.push(Arc::new(object)));
            }
            WatchEvent::Bookmark(bookmark) => *from = bookmark.metadata.resource_version,
            WatchEvent::Error(status) => return Err(kube::Error::Api(status)),
        }
    }
    Ok(())
}

/// A history of the objects of kind `K` in a namespace.
///
/// # Errors
/// As [`History::start`].
pub async fn of_namespace<K>(client: &Client, namespace: &str) -> Result<History<K>>
where
    K: Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>
        + Clone
        + Debug
        + DeserializeOwned
        + Send
        + Sync
        + 'static,
{
    History::start(Api::namespaced(client.clone(), namespace)).await
}
