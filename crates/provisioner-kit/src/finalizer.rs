//! What keeps a deleted claim until what was made for it outside of the API server is gone.

use api_types::{DeprovisionPolicy, ResourceClaim};
use controller_kit::Cache;
use futures::channel::mpsc;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{
    Api, Client, ResourceExt as _,
    api::{Patch, PatchParams},
    runtime::watcher,
};
use serde_json::{Map, Value, json};

use crate::marks::guarded;

/// On a claim that is being deleted: let it go, and leave whatever was made for it outside of the API server.
pub const ANNOTATION_ABANDON: &str = "score.dev/abandon";

/// A finalizer, and the field manager that sets it.
#[derive(Clone, Copy, Debug)]
pub struct Finalizer {
    /// What stands in `metadata.finalizers`.
    pub name: &'static str,
    /// The controller.
    pub manager: &'static str,
}

/// The metadata of the claim could not be written.
#[derive(Debug, thiserror::Error)]
#[error("failed to write the metadata of the claim")]
pub struct FinalizerError(#[from] kube::Error);

/// What becomes of a resource whose claim is being deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parting {
    /// It is removed first.
    Remove,
    /// It stays, with what leads back to it.
    Keep,
    /// It would be removed, and somebody has said that it is to be left.
    Abandon,
}

impl Parting {
    /// What the policy and the annotations of `claim` say.
    pub fn of(claim: &ResourceClaim) -> Self {
        let abandoned = claim.annotations().get(ANNOTATION_ABANDON).is_some_and(|value| value == "true");
        match claim.spec.deprovision_policy {
            DeprovisionPolicy::Delete if abandoned => Self::Abandon,
            DeprovisionPolicy::Delete => Self::Remove,
            DeprovisionPolicy::Retain | DeprovisionPolicy::Orphan => Self::Keep,
        }
    }
}

impl Finalizer {
    /// Whether `claim` has it.
    pub fn is_on(&self, claim: &ResourceClaim) -> bool {
        claim.finalizers().iter().any(|finalizer| finalizer == self.name)
    }

    /// Whether `claim` is being deleted and waits for its controller.
    pub fn holds(&self, claim: &ResourceClaim) -> bool {
        claim.metadata.deletion_timestamp.is_some() && self.is_on(claim)
    }

    /// Passes on what is told of claims that it holds.
    pub fn tell(
        &self,
        event: &Result<ResourceClaim, watcher::Error>,
        departures: &mpsc::UnboundedSender<ResourceClaim>,
    ) {
        if let Some(claim) = event.as_ref().ok().filter(|claim| self.holds(claim)) {
            // Nobody listens any more when the process stops.
            let _ = departures.unbounded_send(claim.clone());
        }
    }

    /// Adds or removes it, unless that is as it should be. False if the claim has changed since it was read.
    ///
    /// # Errors
    /// If the API server does not answer as it should.
    pub async fn set(
        &self,
        client: &Client,
        claims: &Cache<ResourceClaim>,
        claim: &ResourceClaim,
        wanted: bool,
    ) -> Result<bool, FinalizerError> {
        if self.is_on(claim) == wanted {
            return Ok(true);
        }
        let others = claim.finalizers().iter().filter(|finalizer| *finalizer != self.name).cloned();
        let finalizers: Vec<String> = others.chain(wanted.then(|| self.name.to_owned())).collect();
        let patch = guarded(Map::from_iter([("finalizers".to_owned(), json!(finalizers))]), &claim.metadata);
        Ok(match self.patch(client, claims, &claim.metadata, patch).await? {
            Patched::Yes => true,
            Patched::Gone => !wanted,
            Patched::Outdated => false,
        })
    }

    /// Sets an annotation of `claim`, unless it is there. False if the claim is gone.
    ///
    /// # Errors
    /// If the API server does not answer as it should.
    pub async fn annotate(
        &self,
        client: &Client,
        claims: &Cache<ResourceClaim>,
        claim: &ResourceClaim,
        (key, value): (&str, &str),
    ) -> Result<bool, FinalizerError> {
        if claim.annotations().get(key).is_some_and(|known| known == value) {
            return Ok(true);
        }
        // It is nobody else's, so that nothing is lost whatever version the claim has by now; a later claim of its name
        // must not get it.
        let metadata = json!({"metadata": {"uid": claim.metadata.uid, "annotations": {key: value}}});
        let patch = metadata.as_object().cloned().unwrap_or_default();
        Ok(matches!(self.patch(client, claims, &claim.metadata, patch).await?, Patched::Yes))
    }

    async fn patch(
        &self,
        client: &Client,
        claims: &Cache<ResourceClaim>,
        meta: &ObjectMeta,
        patch: Map<String, Value>,
    ) -> Result<Patched, FinalizerError> {
        let api: Api<ResourceClaim> =
            Api::namespaced(client.clone(), meta.namespace.as_deref().unwrap_or_default());
        let params = PatchParams { field_manager: Some(self.manager.to_owned()), ..PatchParams::default() };
        let name = meta.name.as_deref().unwrap_or_default();
        match api.patch(name, &params, &Patch::Merge(patch)).await {
            Ok(written) => {
                // One that was only held back is gone with it, and the watch says so.
                if written.metadata.deletion_timestamp.is_none() {
                    claims.record(written);
                }
                Ok(Patched::Yes)
            }
            Err(kube::Error::Api(status)) if status.is_not_found() => Ok(Patched::Gone),
            Err(kube::Error::Api(status)) if status.is_conflict() => Ok(Patched::Outdated),
            Err(error) => Err(error.into()),
        }
    }
}

/// What became of a patch of the claim.
enum Patched {
    Yes,
    Gone,
    Outdated,
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINALIZER: Finalizer = Finalizer { name: "score.dev/test", manager: "manager" };

    fn claim(metadata: &str, policy: &str) -> ResourceClaim {
        let text = format!(
            "{{metadata: {metadata}, spec: {{workloadRef: {{name: app, uid: w}}, key: db, type: t, class: c, \
             provisioner: p, deprovisionPolicy: {policy}}}}}"
        );
        serde_yaml_ng::from_str(&text).unwrap()
    }

    #[test]
    fn only_what_is_to_be_removed_can_be_abandoned() {
        let parting = |metadata: &str, policy: &str| Parting::of(&claim(metadata, policy));
        let abandoned = "{annotations: {score.dev/abandon: 'true'}}";
        assert_eq!(parting("{}", "Delete"), Parting::Remove);
        assert_eq!(parting("{annotations: {score.dev/abandon: 'no'}}", "Delete"), Parting::Remove);
        assert_eq!(parting(abandoned, "Delete"), Parting::Abandon);
        for policy in ["Retain", "Orphan"] {
            assert_eq!(parting("{}", policy), Parting::Keep);
            assert_eq!(parting(abandoned, policy), Parting::Keep);
        }
    }

    #[test]
    fn a_claim_is_held_by_this_finalizer_alone_and_only_once_it_is_deleted() {
        let deleted = "deletionTimestamp: 2026-01-01T00:00:00Z";
        for (metadata, on, holds) in [
            ("{}".to_owned(), false, false),
            ("{finalizers: [score.dev/test]}".to_owned(), true, false),
            (format!("{{finalizers: [other/x, score.dev/test], {deleted}}}"), true, true),
            (format!("{{finalizers: [other/x], {deleted}}}"), false, false),
        ] {
            let claim = claim(&metadata, "Delete");
            assert_eq!((FINALIZER.is_on(&claim), FINALIZER.holds(&claim)), (on, holds), "{metadata}");
        }
    }
}
