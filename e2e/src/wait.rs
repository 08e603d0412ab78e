//! Waiting: always for something, never for a time.

use std::fmt::Debug;
use std::time::Duration;

use anyhow::{anyhow, bail};
use kube::api::Api;
use kube::runtime::wait::await_condition;
use kube::{Resource, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Result;

/// How long something may take that normally takes seconds: generous, since a small machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// The time between two looks at what cannot be watched.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// Watches the object until `holds` (which gets `None` while there is none), and gives it.
///
/// # Errors
/// It does not come true in time: then the object as it is, with `what` was expected.
pub async fn until<K>(
    api: &Api<K>,
    name: &str,
    what: &str,
    within: Duration,
    holds: impl Fn(Option<&K>) -> bool,
) -> Result<Option<K>>
where
    K: Resource + Clone + Debug + Serialize + DeserializeOwned + Send + 'static,
{
    match tokio::time::timeout(within, await_condition(api.clone(), name, holds)).await {
        Ok(object) => Ok(object?),
        Err(_) => {
            let object = api.get_opt(name).await?;
            bail!("{name}: not {what} within {within:?}; now it is:\n{}", shown(object.as_ref()));
        }
    }
}

/// Waits until the object is there and `holds`.
///
/// # Errors
/// As [`until`].
pub async fn until_there<K>(
    api: &Api<K>,
    name: &str,
    what: &str,
    within: Duration,
    holds: impl Fn(&K) -> bool,
) -> Result<K>
where
    K: Resource + Clone + Debug + Serialize + DeserializeOwned + Send + 'static,
{
    let found = until(api, name, what, within, |object| object.is_some_and(&holds)).await?;
    found.ok_or_else(|| anyhow!("{name} is gone"))
}

/// Waits until no object of this name is there, or only a later one of another uid.
///
/// # Errors
/// As [`until`].
pub async fn until_gone<K>(api: &Api<K>, object: &K) -> Result
where
    K: Resource + Clone + Debug + Serialize + DeserializeOwned + Send + 'static,
{
    let uid = object.uid();
    until(api, &object.name_any(), "gone", PATIENCE, |now| now.is_none_or(|now| now.uid() != uid)).await?;
    Ok(())
}

/// Looks again and again until `look` gives a value; for what cannot be watched.
///
/// # Errors
/// `look` fails, or gives nothing in time.
pub async fn eventually<T>(
    what: &str,
    within: Duration,
    mut look: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let looking = async {
        loop {
            if let Some(value) = look().await? {
                return Ok(value);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    tokio::time::timeout(within, looking).await.map_err(|_| anyhow!("not within {within:?}: {what}"))?
}

/// The object as YAML, without what no reader of a failed test wants.
pub fn shown<K: Resource + Clone + Serialize>(object: Option<&K>) -> String {
    let Some(mut object) = object.cloned() else { return "not there".to_owned() };
    object.meta_mut().managed_fields = None;
    serde_yaml_ng::to_string(&object).unwrap_or_else(|error| error.to_string())
}
