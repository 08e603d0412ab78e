//! Waiting: always for something, never for a time.

use std::fmt::Debug;
use std::time::Duration;

use anyhow::{anyhow, bail};
use kube::api::Api;
use kube::runtime::wait::await_condition;
use kube::{Resource, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::Result;

/// How long something may take that normally takes seconds: generous, since a small machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(240);
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
            let (untrue, shown) = (untrue(object.as_ref()), shown(object.as_ref()));
            bail!("{name}: not {what} within {within:?}{untrue}; now it is:\n{shown}");
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

/// Its conditions that are not True, for who sees but the first line of an error.
fn untrue<K: Serialize>(object: Option<&K>) -> String {
    let object = serde_json::to_value(object).unwrap_or_default();
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
    let told = conditions.into_iter().flatten().filter(|condition| condition["status"] != "True");
    told.map(|condition| {
        let part = |name: &str| condition[name].as_str().unwrap_or_default();
        format!("; {}={}: {} ({})", part("type"), part("status"), part("message"), part("reason"))
    })
    .collect()
}

/// The object as YAML, without what no reader of a failed test wants.
pub fn shown<K: Resource + Clone + Serialize>(object: Option<&K>) -> String {
    let Some(mut object) = object.cloned() else { return "not there".to_owned() };
    object.meta_mut().managed_fields = None;
    serde_yaml_ng::to_string(&object).unwrap_or_else(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::untrue;

    #[test]
    fn of_an_object_that_is_not_as_expected_the_conditions_that_are_not_true_are_told() {
        let object = json!({"status": {"conditions": [
            {"type": "ClaimsReady", "status": "True", "reason": "Succeeded", "message": "all are bound"},
            {"type": "Ready", "status": "False", "reason": "RuntimeProgressing", "message": "0 of 2 pods"},
        ]}});
        assert_eq!(untrue(Some(&object)), "; Ready=False: 0 of 2 pods (RuntimeProgressing)");
        assert_eq!(untrue(Some(&json!({"spec": {}}))), "");
        assert_eq!(untrue::<()>(None), "");
    }
}
