//! What is written down, in an order in which nothing is forgotten whenever the process dies.
//!
//! What is asked for is in the Secret before it is asked. A claim that is to remove what was made is held before it owns
//! a Secret with an id, and owns no such Secret when it is let go. The id also stands on such a claim, since its Secret
//! may be gone first, as when the namespace is deleted.

use std::collections::BTreeMap;

use api_types::{DeprovisionPolicy, ResourceClaim};
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::ResourceExt as _;
use provisioner_kit::{Answer, Marks, Retry, Written, lacking};
use resource_template::{Request, Step, generated_name};

use super::{
    Case, FINALIZER, OnApi, Stop,
    state::{ANNOTATION_API, ANNOTATION_ID, Damaged, State},
    wish::Wish,
};
use crate::{
    NAME,
    generate::generate,
    record::{self, Inventory},
    validate,
};

impl OnApi {
    /// Writes down what is asked for, unless it was, and holds the claim or lets it go as its policy says.
    pub(super) async fn keep(
        &self,
        case: &Case<'_>,
        create: &Request,
        wish: Option<&Wish>,
    ) -> Result<(Secret, State), Stop> {
        let claim = &case.claim;
        let found = self.secrets.own(&claim.namespace, &generated_name(&claim.name)).await?;
        validate::record_is_free(claim, found.as_ref()).map_err(Stop::Answer)?;
        let removes = claim.policy == DeprovisionPolicy::Delete;
        let intended = || case.intended(create, wish);
        let Some(secret) = found else {
            if is_known(case.object) {
                return Err(lost(case).into());
            }
            let state = intended();
            let generated = generated(None, &wanted(case, create, &state)?)?;
            let secret = state.secret(claim, &Marks::of(claim, NAME), generated);
            let secret = settled(case, self.secrets.create(&secret).await?)?;
            self.hold(case.object, removes).await?;
            return Ok((secret, state));
        };
        let state = recorded(case, &secret)?.unwrap_or_else(intended);
        case.is_at(state.api.as_deref())?;
        let state = state.at(case.api.address()).changeable(&create.asked, wish);
        let wanted = wanted(case, create, &state)?;
        validate::values_are_kept(claim, Some(&secret), &wanted).map_err(Stop::Answer)?;
        let generated = generated(Some(&secret), &wanted)?;
        if removes {
            self.hold(case.object, true).await?;
            return Ok((self.write_with(case, secret, &state, generated).await?, state));
        }
        let secret = self.write_with(case, secret, &state, generated).await?;
        self.hold(case.object, false).await?;
        Ok((secret, state))
    }

    pub(super) async fn write(&self, case: &Case<'_>, live: Secret, state: &State) -> Result<Secret, Stop> {
        self.write_with(case, live, state, BTreeMap::new()).await
    }

    async fn write_with(
        &self,
        case: &Case<'_>,
        live: Secret,
        state: &State,
        generated: BTreeMap<String, ByteString>,
    ) -> Result<Secret, Stop> {
        let data = state.data().into_iter().chain(generated.clone()).collect();
        match lacking(&live, &Marks::of(&case.claim, NAME), state.annotations(), data) {
            None => Ok(live),
            Some(patch) => {
                let patch = record::with_names(patch, &live, &generated);
                settled(case, self.secrets.patch(&live, patch).await?)
            }
        }
    }

    pub(super) async fn hold(&self, object: &ResourceClaim, wanted: bool) -> Result<(), Stop> {
        match FINALIZER.set(&self.client, &self.claims, object, wanted).await? {
            true => Ok(()),
            false => Err(Stop::Wait(Retry::Soon)),
        }
    }

    /// Writes on a claim that is to remove what was made where that is and what it is called.
    pub(super) async fn point_to(&self, case: &Case<'_>, state: &State) -> Result<(), Stop> {
        let Some(id) = state.id.as_deref().filter(|_| case.claim.policy == DeprovisionPolicy::Delete) else {
            return Ok(());
        };
        // The id last: without the other it would be taken for one of wherever the declaration points to by then.
        for annotation in [(ANNOTATION_API, case.api.address()), (ANNOTATION_ID, id)] {
            if !FINALIZER.annotate(&self.client, &self.claims, case.object, annotation).await? {
                return Err(Stop::Wait(Retry::Soon));
            }
        }
        Ok(())
    }
}

/// What `secret` says; none if it is one of a claim for which nothing was made.
fn recorded(case: &Case<'_>, secret: &Secret) -> Result<Option<State>, Stop> {
    let state = State::read(secret).map_err(|Damaged| damaged(case))?;
    if state.is_none() && !Inventory::of(Some(secret)).0.is_empty() {
        return Err(validate::other_strategy(&case.claim).into());
    }
    Ok(state)
}

/// Whether something was made for this very claim, as far as it says itself.
fn is_known(object: &ResourceClaim) -> bool {
    let status = object.status.as_ref();
    status.is_some_and(|status| status.outputs_revision.is_some())
        || object.annotations().contains_key(ANNOTATION_ID)
}

/// What must be generated before anything is asked, with lengths.
fn wanted(case: &Case<'_>, create: &Request, state: &State) -> Result<BTreeMap<String, usize>, Stop> {
    let mut wanted = BTreeMap::new();
    // It is not asked for again once it has a name.
    if state.id.is_none() {
        let recorded = Request { asked: state.asked.clone(), headers: BTreeMap::new() };
        wanted.extend(recorded.generated());
        wanted.extend(create.generated());
    }
    // What these need besides must be there in time, and what is wrong with them is told in time, too.
    let update = case.api.can_update().then(|| Step::Update("id".into()));
    for step in [Step::Read("id".into()), Step::Delete("id".into())].into_iter().chain(update) {
        wanted.extend(case.request(&step)?.generated());
    }
    Ok(wanted)
}

/// New values for those of `wanted` that `secret` does not hold.
pub(super) fn generated(
    secret: Option<&Secret>,
    wanted: &BTreeMap<String, usize>,
) -> Result<BTreeMap<String, ByteString>, Stop> {
    let missing = record::missing(secret, wanted).into_iter();
    missing.map(|(name, length)| Ok((name, generate(length)?))).collect()
}

fn settled(case: &Case<'_>, written: Written) -> Result<Secret, Stop> {
    match written {
        Written::Secret(secret) => Ok(*secret),
        Written::Outdated => Err(Stop::Wait(Retry::Soon)),
        Written::Refused(message) => {
            // It may hold a part of what was to be written, and is told to nobody.
            let quota = validate::quota(&message);
            tracing::warn!(claim = case.claim.name, "the API server refuses the record of a claim");
            Err(validate::refused(quota).into())
        }
    }
}

/// Without it nobody knows what was made, and another would be made.
fn lost(case: &Case<'_>) -> Answer {
    Answer::failed(format!(
        "the record of it (`{}`) is gone: ask your platform team to restore it, or to delete this claim so that a new \
         one is made",
        generated_name(&case.claim.name)
    ))
    .retry(Retry::Rarely)
}

/// The answer if what is written down of the claim cannot be read.
pub(super) fn damaged(case: &Case<'_>) -> Answer {
    Answer::failed(format!(
        "the record of it (`{}`) was changed so that it cannot be read: ask your platform team to restore it",
        generated_name(&case.claim.name)
    ))
    .retry(Retry::Rarely)
}
