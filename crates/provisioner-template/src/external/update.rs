//! Makes what is there as the claim asks for it by now.
//!
//! As when it is made: what is asked for is written down first, and asked until it is answered. A later change waits for
//! the answer, so that none comes after one that is newer, and none is lost.

use k8s_openapi::api::core::v1::Secret;
use provisioner_kit::{Retry, Stop};
use resource_template::{Request, Step};

use super::{Case, End, OnApi, What, reply::Trouble, state::State, wish::Wish};

/// What resources are called where it does not matter.
const ANY: &str = "id";

impl OnApi {
    /// What `case` asks for by now of what can be changed; none if nothing can.
    pub(super) async fn wish(&self, case: &Case<'_>) -> Result<Option<Wish>, Stop> {
        if !case.api.can_update() {
            return Ok(None);
        }
        let update = case.request(&Step::Update(ANY.into()))?;
        let copied = self.copied(case, &[&update]).await?;
        Ok(Some(Wish::of(&update, &copied, &case.api.lasting(&case.declared.inputs))))
    }

    /// Asks for what has changed since it was asked for last, and writes down what was.
    pub(super) async fn update(
        &self,
        case: &Case<'_>,
        creates: &Request,
        wish: &Wish,
        secret: Secret,
        state: State,
    ) -> Result<(Secret, State), End> {
        let update = case.request(&Step::Update(state.id.clone().unwrap_or_default()))?;
        let Some(change) = state.change(wish, update.asked.clone(), &creates.asked) else {
            return Ok((secret, state));
        };
        let is_wished = change.digest == wish.digest;
        let state = state.intending(Some(change.clone()));
        let secret = self.write(case, secret, &state).await?;
        let request = Request { asked: change.asked.clone(), ..update };
        let values = self.values(case, &secret, &[&request]).await?;
        match self.send(case, &request, &values, What::Do(&state.key_of(&change))).await {
            Ok((_, mut answer)) => {
                let mut state = state.changed(change);
                case.take_secrets(&mut answer, &mut state);
                tracing::info!(id = state.id, origin = %case.api.origin(), "a resource was changed");
                let secret = self.write(case, secret, &state).await?;
                // Otherwise there is another change by now.
                if is_wished { Ok((secret, state)) } else { Err(Stop::Wait(Retry::Soon).into()) }
            }
            // It is certain now that this was not done, and by now something else is wished.
            Err(Trouble::Refused(_)) if !is_wished => {
                self.write(case, secret, &state.intending(None)).await?;
                Err(Stop::Wait(Retry::Soon).into())
            }
            Err(trouble) => Err(self.unchanged(case, &secret, &state, &trouble).await),
        }
    }

    /// What follows from `trouble` with a change.
    async fn unchanged(&self, case: &Case<'_>, secret: &Secret, state: &State, trouble: &Trouble) -> End {
        let stop = case.stop(trouble);
        if *trouble != Trouble::Gone {
            return stop.into();
        }
        // Either the resource is gone, or the address is wrong.
        match self.read(case, secret, state).await {
            Ok(Err(Trouble::Gone)) => case.gone(state.provisioned),
            Ok(_) => stop.into(),
            Err(stop) => stop.into(),
        }
    }
}
