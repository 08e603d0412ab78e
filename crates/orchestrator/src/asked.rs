//! When something was asked: a claim and a plan carry the time at which they last began to ask for something else.
//!
//! It stands in the object itself, so that a process that has just started knows it. Nothing is written for its sake: it
//! changes only together with what is asked.

use api_types::metadata::ANNOTATION_ASKED_AT;
use controller_kit::{Applied, Applier};
use jiff::Timestamp;
use kube::{Resource, ResourceExt as _, api::ObjectMeta};
use serde::{Serialize, de::DeserializeOwned};

/// Applies `desired`, asked at `now`, unless `live` shows that this would change nothing but the time; what somebody else
/// has added to its spec is taken out.
///
/// # Errors
/// Whatever the API server or the way to it objects to.
pub async fn ask<K>(
    applier: &Applier,
    desired: K,
    live: Option<&K>,
    now: Timestamp,
) -> Result<Applied<K>, kube::Error>
where
    K: Resource<DynamicType = ()> + Serialize + DeserializeOwned + Clone,
{
    let before = live.and_then(|live| live.annotations().get(ANNOTATION_ASKED_AT));
    let as_before = with_time(desired, before.cloned());
    if !applier.would_write(&as_before, live)? {
        return applier.take_out(&as_before, live).await;
    }
    let seconds = Timestamp::from_second(now.as_second()).unwrap_or(now);
    applier.apply_exactly(with_time(as_before, Some(seconds.to_string())), live).await
}

fn with_time<K: Resource>(mut object: K, time: Option<String>) -> K {
    if let Some(time) = time {
        object.annotations_mut().insert(ANNOTATION_ASKED_AT.to_owned(), time);
    }
    object
}

/// When the object with this metadata last began to ask for something else; none if it does not say.
pub fn asked_at(metadata: &ObjectMeta) -> Option<Timestamp> {
    metadata.annotations.as_ref()?.get(ANNOTATION_ASKED_AT)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use api_types::ResourceClaim;
    use controller_kit::testing::TestApiServer;
    use serde_json::json;

    use super::*;

    fn claim(key: &str) -> ResourceClaim {
        serde_json::from_value(json!({
            "metadata": {"name": "shop-db", "namespace": "team"},
            "spec": {
                "workloadRef": {"name": "shop", "uid": "u"}, "key": key, "type": "postgres", "class": "default",
                "provisioner": "p", "deprovisionPolicy": "Delete",
            },
        }))
        .unwrap()
    }

    /// What is there after `claim` was asked at `second`.
    async fn after(server: &TestApiServer, claim: ResourceClaim, second: i64) -> Option<Timestamp> {
        let applier = Applier::new(server.client(), "test");
        let live: Option<ResourceClaim> = server.get("team", "shop-db");
        let now = Timestamp::new(second, 5).unwrap();
        let _ = ask(&applier, claim, live.as_ref(), now).await.unwrap();
        asked_at(&server.get::<ResourceClaim>("team", "shop-db").unwrap().metadata)
    }

    fn second(second: i64) -> Option<Timestamp> {
        Some(Timestamp::from_second(second).unwrap())
    }

    #[tokio::test]
    async fn the_time_is_that_of_the_last_change_and_is_never_written_alone() {
        let server = TestApiServer::new();
        assert_eq!(after(&server, claim("db"), 10).await, second(10));
        server.clear_requests();
        assert_eq!(after(&server, claim("db"), 20).await, second(10));
        assert_eq!(server.writes().len(), 0);
        assert_eq!(after(&server, claim("data"), 30).await, second(30));
        assert_eq!(server.writes().len(), 1);
    }

    #[tokio::test]
    async fn what_was_asked_before_there_were_times_is_left_as_it_is() {
        let server = TestApiServer::new();
        let _ = Applier::new(server.client(), "test").apply(claim("db"), None).await.unwrap();
        server.clear_requests();
        assert_eq!(after(&server, claim("db"), 20).await, None);
        assert_eq!(server.writes().len(), 0);
    }
}
