//! What becomes of a claim that was deleted.

use api_types::ResourceClaim;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;
use provisioner_kit::{
    ANNOTATION_CLAIM_UID, Answer, Claim, Marks, Parting, Pass, PassError, Retry, Stop, Written, guarded,
};
use resource_template::{Request, Step, generated_name};

use super::{
    Case, FINALIZER, OnApi, What,
    keep::{damaged, generated},
    reply::{Trouble, stays},
    state::{ANNOTATION_API, ANNOTATION_ID, Damaged, State},
};
use crate::{
    NAME,
    declare::{declare, wrong},
};

/// The status by which an API says that it has begun to do something.
const ACCEPTED: u16 = 202;

impl OnApi {
    /// Removes what is to be removed, and lets the claim go.
    ///
    /// # Errors
    /// If the API server does not answer as it should; whatever the other API does is an answer.
    pub async fn leave(&self, object: &ResourceClaim) -> Result<Pass, PassError> {
        Pass::ended(self.depart(object).await)
    }

    async fn depart(&self, object: &ResourceClaim) -> Result<Answer, Stop> {
        if !FINALIZER.is_on(object) {
            return Err(Stop::Wait(Retry::Never));
        }
        let claim = Claim::try_from(object)?;
        let secret = self.secrets.own(&claim.namespace, &generated_name(&claim.name)).await?;
        match Parting::of(object) {
            Parting::Abandon => {
                tracing::warn!(
                    "what a deleted claim has behind an API is left there, as its annotation says"
                );
            }
            Parting::Remove => self.remove(object, secret).await?,
            // What leads back to it stays with it.
            Parting::Keep => self.release(&claim, secret).await?,
        }
        self.hold(object, false).await?;
        Err(Stop::Wait(Retry::Never))
    }

    async fn remove(&self, object: &ResourceClaim, secret: Option<Secret>) -> Result<(), Stop> {
        if let Some(pause) = self.pauses.left(object) {
            return Err(Stop::Wait(Retry::After(pause)));
        }
        let declared = declare(object).map_err(|answer| stays(*answer))?;
        let Some(api) = declared.declaration.external_api() else {
            let why = "it no longer says how to remove what was made";
            return Err(stays(wrong(object, why)).into());
        };
        let case = self.case(object, &declared, api).await.map_err(still)?;
        let Some(id) = self.id(&case, secret.as_ref()).await.map_err(still)? else { return Ok(()) };
        let delete = case.request(&Step::Delete(id.clone())).map_err(still)?;
        let secret = secret.unwrap_or_default();
        let values = self.values(&case, &secret, &[&delete]).await.map_err(still)?;
        match self.send(&case, &delete, &values, What::Remove).await {
            Ok((ACCEPTED, _)) => Err(Answer::binding("it is being removed").retry(Retry::Soon).into()),
            Ok(_) | Err(Trouble::Gone) => {
                tracing::info!(id, origin = %api.origin(), "what a deleted claim had behind an API was removed");
                Ok(())
            }
            Err(trouble) => Err(still(case.stop(&trouble))),
        }
    }

    /// What the API calls what is to be removed; none if nothing was made.
    async fn id(&self, case: &Case<'_>, secret: Option<&Secret>) -> Result<Option<String>, Stop> {
        let annotations = case.object.annotations();
        if let Some(id) = annotations.get(ANNOTATION_ID) {
            case.is_at(annotations.get(ANNOTATION_API).map(String::as_str))?;
            return Ok(Some(id.clone()));
        }
        let state = match secret {
            // What an earlier claim retained, before this one could have it.
            Some(secret) if secret.annotations().get(ANNOTATION_CLAIM_UID) != Some(&case.claim.uid) => {
                return Ok(None);
            }
            Some(secret) => match State::read(secret).map_err(|Damaged| damaged(case))? {
                None => return Ok(None),
                Some(state) => {
                    case.is_at(state.api.as_deref())?;
                    Some(state)
                }
            },
            None => None,
        };
        match state {
            Some(State { id: Some(id), .. }) => Ok(Some(id)),
            state => self.find(case, secret, state).await,
        }
    }

    /// Asks again for what may have been made, which tells what it is called. With the same key nothing is made twice.
    async fn find(
        &self,
        case: &Case<'_>,
        secret: Option<&Secret>,
        state: Option<State>,
    ) -> Result<Option<String>, Stop> {
        let create = case.request(&Step::Create)?;
        let state = state.unwrap_or_else(|| State::intended(&case.claim.uid, create.asked.clone(), None));
        let request = Request { asked: state.asked, headers: create.headers };
        let is_lost = secret.is_none();
        let secret = match secret {
            Some(secret) => secret.clone(),
            // The key is what tells the API that it was asked before, and not what else is sent.
            None => Secret { data: Some(generated(None, &request.generated())?), ..Secret::default() },
        };
        let values = self.values(case, &secret, &[&request]).await?;
        match self.send(case, &request, &values, What::Do(&state.key)).await {
            Ok((_, mut answer)) => {
                case.declared.declaration.take_secrets(&mut answer);
                let id = case.api.id(&case.declared.inputs, answer);
                Ok(Some(id.map_err(|why| wrong(case.object, &why.message))?))
            }
            Err(Trouble::Refused(_)) if !is_lost => Ok(None),
            Err(trouble) => Err(case.stop(&trouble)),
        }
    }

    /// Makes the Secret of a claim nobody's, so that it outlives the claim.
    async fn release(&self, claim: &Claim, secret: Option<Secret>) -> Result<(), Stop> {
        let is_of = |secret: &Secret| secret.annotations().get(ANNOTATION_CLAIM_UID) == Some(&claim.uid);
        let Some(secret) = secret.filter(is_of) else { return Ok(()) };
        let Some(patch) = Marks::of(claim, NAME).missing_on(&secret.metadata) else { return Ok(()) };
        match self.secrets.patch(&secret, guarded(patch, &secret.metadata)).await? {
            Written::Secret(_) => Ok(()),
            Written::Refused(_) | Written::Outdated => Err(Stop::Wait(Retry::Soon)),
        }
    }
}

/// The same for a claim that is being deleted.
fn still(stop: Stop) -> Stop {
    stop.map(stays)
}
