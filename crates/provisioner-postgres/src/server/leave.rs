//! What becomes of a claim that was deleted.

use api_types::ResourceClaim;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;
use provisioner_kit::{ANNOTATION_CLAIM_UID, Answer, Claim, Marks, Parting, Retry, Written, guarded};

use super::{
    FINALIZER, OnServer, Stop, conclude, deprovision,
    failure::Failure,
    judge,
    names::Mark,
    origin::{self, Whereabouts},
    record::Record,
    settings::ServerSettings,
};
use crate::{NAME, names::Names};

impl OnServer {
    /// Drops what is to be dropped, and lets the claim go.
    pub(super) async fn leave(&self, object: &ResourceClaim) -> Result<Answer, Stop> {
        if !FINALIZER.is_on(object) {
            return Err(Stop::Wait(Retry::Never));
        }
        let claim = Claim::try_from(object)?;
        let names = Names::of(&claim.namespace, &claim.name);
        let secret = self.secrets.own(&names.namespace, &names.secret).await?;
        let secret = secret.filter(|secret| is_of(secret, &claim));
        match (Parting::of(object), secret) {
            (Parting::Abandon, _) => {
                tracing::warn!("what a deleted claim has on a server is left there, as its annotation says");
            }
            (Parting::Remove, secret) => {
                let dropped = self.drop_all(object, &claim, secret).await;
                // What was handed out tells where it is once the credentials are gone.
                let told = |answer: Answer| Answer { outputs: origin::handed_out(object), ..answer };
                dropped.map_err(|stop| stop.map(told))?;
            }
            // The credentials stay with the database.
            (Parting::Keep, Some(secret)) => self.release(secret, &claim).await?,
            (Parting::Keep, None) => {}
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
        let (mark, record) = (Mark::of(claim), secret.as_ref().and_then(Record::read));
        let failed = |failure: Failure| undropped(&failure, &settings);
        let whereabouts = origin::locate(object, secret.as_ref(), &mark, &settings, &server).await;
        match whereabouts.map_err(failed)? {
            Whereabouts::Known => {}
            Whereabouts::Moved => {
                // Written down before anything is dropped: what is left of it may not lead back to here.
                if let (Some(secret), Some(record)) = (secret, &record) {
                    self.write(secret, &Marks::of(claim, NAME), record, &settings).await?;
                }
            }
            Whereabouts::Elsewhere(origin) => {
                return Err(conclude::stays(conclude::elsewhere(&origin, &settings)).into());
            }
        }
        let base = record.as_ref().map(|record| &record.base);
        deprovision::drop_all(&server, &mark, base).await.map_err(failed)
    }

    async fn release(&self, secret: Secret, claim: &Claim) -> Result<(), Stop> {
        let Some(patch) = Marks::of(claim, NAME).missing_on(&secret.metadata) else { return Ok(()) };
        let patch = guarded(patch, &secret.metadata);
        match self.secrets.patch(&secret, patch).await? {
            Written::Secret(_) => Ok(()),
            Written::Refused(_) | Written::Outdated => Err(Stop::Wait(Retry::Soon)),
        }
    }
}

fn undropped(failure: &Failure, settings: &ServerSettings) -> Stop {
    match failure {
        Failure::Busy => Stop::Wait(Retry::Busy),
        Failure::Outdated => Stop::Wait(Retry::Soon),
        failure => conclude::stays(conclude::words(failure, settings)).into(),
    }
}

/// Whether `secret` is that of `claim`, and of no other of its name.
fn is_of(secret: &Secret, claim: &Claim) -> bool {
    secret.annotations().get(ANNOTATION_CLAIM_UID) == Some(&claim.uid)
}
