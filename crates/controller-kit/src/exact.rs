//! Specs that hold what was applied, and nothing else.

use kube::{Resource, ResourceExt as _};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use crate::{Applied, Applier};

impl Applier {
    /// As [`Self::apply`], of a kind whose spec nobody else writes: what somebody has added to it is taken out again.
    ///
    /// # Errors
    /// Whatever the API server or the way to it objects to.
    pub async fn apply_exactly<K>(&self, desired: K, live: Option<&K>) -> Result<Applied<K>, kube::Error>
    where
        K: Resource<DynamicType = ()> + Serialize + DeserializeOwned + Clone,
    {
        match self.apply(desired.clone(), live).await? {
            Applied::Unchanged => self.take_out(&desired, live).await,
            Applied::Written(now) => match self.take_out(&desired, Some(&now)).await? {
                Applied::Unchanged => Ok(Applied::Written(now)),
                taken_out => Ok(taken_out),
            },
        }
    }

    /// Takes out of the spec of `live` what `desired` does not have. An apply cannot: what somebody else has set is not
    /// its to remove.
    ///
    /// # Errors
    /// Whatever the API server or the way to it objects to; "conflict" if `live` has changed.
    pub async fn take_out<K>(&self, desired: &K, live: Option<&K>) -> Result<Applied<K>, kube::Error>
    where
        K: Resource<DynamicType = ()> + Serialize + DeserializeOwned,
    {
        let Some(live) = live else { return Ok(Applied::Unchanged) };
        let spec = |object: &K| serde_json::to_value(object).map(|mut object| object["spec"].take());
        let spec = |object: &K| spec(object).map_err(kube::Error::SerdeError);
        let Some(changes) = without_additions(&spec(live)?, &spec(desired)?) else {
            return Ok(Applied::Unchanged);
        };
        let metadata = json!({"uid": live.uid(), "resourceVersion": live.resource_version()});
        self.merge(live, &json!({"metadata": metadata, "spec": changes})).await.map(Applied::Written)
    }
}

/// The merge patch that takes out of `live` what `desired` does not have; none if there is no such thing.
fn without_additions(live: &Value, desired: &Value) -> Option<Value> {
    match (live, desired) {
        (Value::Object(live), Value::Object(desired)) => {
            let change = |(key, live): (&String, &Value)| {
                let change =
                    desired.get(key).map_or(Some(Value::Null), |desired| without_additions(live, desired));
                Some((key.clone(), change?))
            };
            let changes: Map<_, _> = live.iter().filter_map(change).collect();
            (!changes.is_empty()).then_some(changes.into())
        }
        (Value::Array(live), Value::Array(desired)) => {
            let is_more = live.len() > desired.len()
                || live.iter().zip(desired).any(|(live, desired)| without_additions(live, desired).is_some());
            is_more.then(|| desired.clone().into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use api_types::ResourceClaim;

    use super::*;
    use crate::testing::TestApiServer;

    fn claim(params: &Value) -> ResourceClaim {
        serde_json::from_value(json!({
            "metadata": {"name": "shop-db", "namespace": "team"},
            "spec": {
                "workloadRef": {"name": "shop", "uid": "u"}, "key": "db", "type": "postgres", "class": "default",
                "provisioner": "p", "deprovisionPolicy": "Delete", "params": params,
            },
        }))
        .unwrap()
    }

    #[tokio::test]
    async fn what_somebody_adds_to_a_spec_is_taken_out_and_then_nothing_is_written() {
        let server = TestApiServer::new();
        let applier = Applier::new(server.client(), "test");
        let desired = claim(&json!({"size": "s", "tags": [{"a": 1}]}));
        let live = || server.get::<ResourceClaim>("team", "shop-db");
        let _ = applier.apply_exactly(desired.clone(), None).await.unwrap();
        let clean = live().unwrap().spec;
        server.modify("team", "shop-db", |claim: &mut ResourceClaim| {
            claim.spec =
                self::claim(&json!({"size": "s", "tags": [{"a": 1}, 2], "x": "", "y": {"z": 1}})).spec;
            claim.spec.parameters = Some(claim.spec.params.clone().unwrap());
        });
        let _ = applier.apply_exactly(desired.clone(), live().as_ref()).await.unwrap();
        assert_eq!(live().unwrap().spec, clean);
        server.clear_requests();
        let last = applier.apply_exactly(desired, live().as_ref()).await.unwrap();
        assert_eq!((last, server.writes().len()), (Applied::Unchanged, 0));
    }
}
