//! What becomes of a claim that was deleted.

use api_types::{DeprovisionPolicy, ResourceClaim};
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;
use provisioner_kit::{ANNOTATION_CLAIM_UID, Answer, Claim, Marks, Retry, guarded};

use super::{
    OnServer, Stop, conclude, deprovision,
    failure::Failure,
    finalizer::is_held,
    judge,
    names::Mark,
    record::Record,
    secrets::{self, Written},
};
use crate::{NAME, names::Names};

/// On a claim that is being deleted: let it go, and leave on the server whatever is there.
pub const ANNOTATION_ABANDON: &str = "score.dev/abandon";

impl OnServer {
    /// Drops what is to be dropped, and lets the claim go.
    pub(super) async fn leave(&self, object: &ResourceClaim) -> Result<Answer, Stop> {
        if !is_held(object) {
            return Err(Stop::Wait(Retry::Never));
        }
        let claim = Claim::try_from(object)?;
        let names = Names::of(&claim.namespace, &claim.name);
        let secret = secrets::own(&self.client, &names).await?.filter(|secret| is_of(secret, &claim));
        let is_abandoned = object.annotations().get(ANNOTATION_ABANDON).is_some_and(|value| value == "true");
        match (claim.policy, secret) {
            (DeprovisionPolicy::Delete, _) if is_abandoned => {
                tracing::warn!("what a deleted claim has on a server is left there, as its annotation says");
            }
            (DeprovisionPolicy::Delete, secret) => self.drop_all(object, &claim, secret).await?,
            // The credentials stay with the database.
            (DeprovisionPolicy::Retain | DeprovisionPolicy::Orphan, Some(secret)) => {
                self.release(secret, &claim).await?;
            }
            (DeprovisionPolicy::Retain | DeprovisionPolicy::Orphan, None) => {}
        }
        self.hold(object, false).await?;
        Err(Stop::Wait(Retry::Never))
    }

    async fn drop_all(
        &self,
        object: &ResourceClaim,
        claim: &Claim,
        secret: Option<Secret>,
    ) -> Result<(), Stop> {
        let settings = judge::server_settings(&object.spec).map_err(conclude::stays)?;
        let server = match self.server(&settings).await {
            Err(Stop::Answer(answer)) => return Err(conclude::stays(*answer).into()),
            result => result?,
        };
        let base = secret.as_ref().and_then(Record::read).map(|record| record.base);
        match deprovision::drop_all(&server, &Mark::of(claim), base.as_ref()).await {
            Ok(()) => Ok(()),
            Err(Failure::Busy) => Err(Stop::Wait(Retry::Busy)),
            Err(Failure::Outdated) => Err(Stop::Wait(Retry::Soon)),
            Err(failure) => Err(conclude::stays(conclude::words(&failure, &settings)).into()),
        }
    }

    async fn release(&self, secret: Secret, claim: &Claim) -> Result<(), Stop> {
        let Some(patch) = Marks::of(claim, NAME).missing_on(&secret.metadata) else { return Ok(()) };
        let patch = guarded(patch, &secret.metadata);
        match secrets::patch(&self.client, &secret, patch).await? {
            Written::Secret(_) => Ok(()),
            Written::Refused(_) | Written::Outdated => Err(Stop::Wait(Retry::Soon)),
        }
    }
}

/// Whether `secret` is that of `claim`, and of no other of its name.
fn is_of(secret: &Secret, claim: &Claim) -> bool {
    secret.annotations().get(ANNOTATION_CLAIM_UID) == Some(&claim.uid)
}
