//! Releases what is to outlive its claim.
//!
//! A claim that cannot be served may be deleted as it is, and Kubernetes removes with it whatever it owns. So what
//! stays by the policy of the claim is released before anything else is done for it, each object whatever becomes of
//! the others.

use api_types::DeprovisionPolicy;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
    core::{ApiResource, DynamicObject},
};

use crate::{
    claim::Claim,
    marks::{Marks, guarded},
    ownership::{Standing, standing},
};

/// What became of an object that may have to be released.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "what was not released goes with the claim"]
pub enum Released {
    /// Nothing was sent: it goes with the claim, is not the claim's, or was released before.
    Unchanged,
    /// The object as the API server holds it now.
    Written(Box<DynamicObject>),
    /// The API server does not allow it; in its own words.
    Refused(String),
    /// It has changed since it was read, or is gone: look again.
    Outdated,
}

/// Releases the object of `kind` with the metadata `live` from `claim`, whose objects `manager` makes: what it lacks of
/// the [`Marks`] is written, and nothing else. An object that goes with the claim, or that is not the claim's own, is
/// left as it is.
///
/// # Errors
/// If the API server does not answer as it should.
pub async fn release(
    client: &Client,
    manager: &'static str,
    claim: &Claim,
    kind: &ApiResource,
    live: &ObjectMeta,
) -> Result<Released, kube::Error> {
    if claim.policy == DeprovisionPolicy::Delete || standing(Some(live), claim, manager) != Standing::Ours {
        return Ok(Released::Unchanged);
    }
    let Some(missing) = Marks::of(claim, manager).missing_on(live) else { return Ok(Released::Unchanged) };
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), &claim.namespace, kind);
    let params = PatchParams { field_manager: Some(manager.to_owned()), ..PatchParams::default() };
    let name = live.name.as_deref().unwrap_or_default();
    match api.patch(name, &params, &Patch::Merge(guarded(missing, live))).await {
        Ok(object) => Ok(Released::Written(Box::new(object))),
        Err(kube::Error::Api(status)) if status.is_forbidden() || status.is_invalid() => {
            Ok(Released::Refused(status.message.clone()))
        }
        Err(kube::Error::Api(status)) if status.is_conflict() || status.is_not_found() => {
            Ok(Released::Outdated)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use api_types::ResourceClaim;
    use controller_kit::testing::TestApiServer;
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::ResourceExt as _;

    use super::*;

    const MANAGER: &str = "manager";

    fn claim(uid: &str, policy: &str) -> Claim {
        let text = format!(
            "{{metadata: {{namespace: team, name: shop-store, uid: {uid}}}, spec: {{workloadRef: {{name: shop, \
             uid: w}}, key: store, type: cache, class: small, provisioner: p, deprovisionPolicy: {policy}}}}}"
        );
        let claim: ResourceClaim = serde_yaml_ng::from_str(&text).unwrap();
        Claim::try_from(&claim).unwrap()
    }

    /// A config map that was made for a claim with `uid` and `policy`.
    fn made(server: &TestApiServer, uid: &str, policy: &str) -> ObjectMeta {
        let metadata = Marks::of(&claim(uid, policy), MANAGER).metadata("team", "map");
        let data = Some([("key".to_owned(), "value".to_owned())].into());
        server.insert(ConfigMap { metadata, data, ..ConfigMap::default() }).metadata
    }

    async fn released(server: &TestApiServer, claim: &Claim, live: &ObjectMeta) -> Released {
        let kind = ApiResource::erase::<ConfigMap>(&());
        release(&server.client(), MANAGER, claim, &kind, live).await.unwrap()
    }

    #[tokio::test]
    async fn what_is_to_stay_is_owned_by_the_claim_no_longer_and_nothing_is_sent_after_that() {
        for policy in ["Retain", "Orphan"] {
            let server = TestApiServer::new();
            let live = made(&server, "u", "Delete");
            let Released::Written(object) = released(&server, &claim("u", policy), &live).await else {
                panic!("it was owned")
            };
            let stored: ConfigMap = server.get("team", "map").unwrap();
            assert!(stored.owner_references().is_empty());
            assert_eq!(stored.metadata.annotations.unwrap()["score.dev/deprovision-policy"], policy);
            assert_eq!(stored.data.unwrap()["key"], "value");

            server.clear_requests();
            let again = released(&server, &claim("u", policy), &object.metadata).await;
            assert_eq!((again, server.requests().len()), (Released::Unchanged, 0));
        }
    }

    #[tokio::test]
    async fn what_goes_with_the_claim_or_is_another_ones_is_left_as_it_is() {
        for (uid, policy) in [("u", "Delete"), ("other", "Retain")] {
            let server = TestApiServer::new();
            let live = made(&server, "u", "Delete");
            assert_eq!(released(&server, &claim(uid, policy), &live).await, Released::Unchanged);
            assert_eq!(server.requests(), []);
        }
    }

    #[tokio::test]
    async fn a_refusal_is_told_apart_from_what_has_changed_meanwhile() {
        let server = TestApiServer::new();
        let (live, retained) = (made(&server, "u", "Delete"), claim("u", "Retain"));
        for code in [403, 422] {
            server.fail_next(|request| request.is_write(), code);
            assert!(matches!(released(&server, &retained, &live).await, Released::Refused(_)), "{code}");
        }
        let newer = server.modify("team", "map", |map: &mut ConfigMap| map.data = None).unwrap().metadata;
        assert_eq!(released(&server, &retained, &live).await, Released::Outdated);
        server.remove::<ConfigMap>("team", "map");
        assert_eq!(released(&server, &retained, &newer).await, Released::Outdated);
    }
}
