//! The loop of a provisioner: which claims are looked at and when, and who tells them what came of it.

use std::{error::Error, sync::Arc};

use api_types::ResourceClaim;
use async_trait::async_trait;
use controller_kit::{Applier, Cache, CacheClosed, Kit, reconcile_in, reconcile_span};
use futures::{Stream, StreamExt as _, channel::mpsc};
use k8s_controller::{Context, TraceMetadata};
use kube::{
    Client,
    runtime::{Controller, controller::Action, watcher},
};

use crate::{
    Finalizer, Leftovers, Pass, Retries, Retry, UpdateStatusError, newest, status, turns::Turns,
    update_status,
};

/// What a provisioner does for a claim. It tells nobody: that is for [`ClaimLoop`].
#[async_trait]
pub trait Provide: Send + Sync + 'static {
    /// Why a pass has to be made again.
    type Error: Error + Send + Sync + 'static;

    /// Waits until everything was listed that a pass reads.
    ///
    /// # Errors
    /// If the process stops before.
    async fn ready(&self) -> Result<(), CacheClosed>;

    /// Makes what `claim` asks for as far as it is not there yet, or removes it if the claim is being deleted.
    ///
    /// # Errors
    /// If something that may mend itself is in the way; outcomes that a user must know of are answers, not errors.
    async fn pass(&self, claim: &ResourceClaim) -> Result<Pass, Self::Error>;
}

/// A step failed; it is tried again with a growing delay.
#[derive(Debug, thiserror::Error)]
pub enum ClaimLoopError<E: Error + 'static> {
    /// The process is stopping.
    #[error("stopped before everything was listed")]
    Stopped(#[from] CacheClosed),
    /// The provisioner could not do its part.
    #[error(transparent)]
    Pass(E),
    /// The answer could not be written.
    #[error(transparent)]
    UpdateStatus(#[from] UpdateStatusError),
}

/// Answers claims by what a provisioner does for them.
pub struct ClaimLoop<P> {
    name: &'static str,
    provisioner: P,
    claims: Cache<ResourceClaim>,
    applier: Applier,
    retries: Retries,
    turns: Turns,
}

impl<P: Provide> ClaimLoop<P> {
    /// Of `claims`, which are answered in the name of the controller `name`.
    pub fn new(name: &'static str, client: Client, claims: Cache<ResourceClaim>, provisioner: P) -> Self {
        let applier = Applier::new(client, name);
        let (retries, turns) = (Retries::default(), Turns::default());
        Self { name, provisioner, claims, applier, retries, turns }
    }

    /// What does the work.
    pub fn provisioner(&self) -> &P {
        &self.provisioner
    }

    /// One pass over `claim`, which is told what came of it.
    ///
    /// # Errors
    /// As [`Provide::pass`], and if the answer could not be written.
    pub async fn reconcile(&self, claim: &ResourceClaim) -> Result<Retry, ClaimLoopError<P::Error>> {
        let answer = match self.provisioner.pass(claim).await.map_err(ClaimLoopError::Pass)? {
            Pass::Answered(answer) => answer,
            Pass::Waits(retry) => return Ok(retry),
        };
        let retry = answer.retry;
        let status = status(answer, claim.metadata.generation);
        update_status(&self.applier, &self.claims, claim, &status).await?;
        Ok(retry)
    }

    /// Looks after the claim, as it is by now, if it is being deleted or if it is not, and says when to come again. Nobody
    /// else looks after it meanwhile: what one pass makes must not be let go by another.
    async fn look(&self, claim: &ResourceClaim, leaves: bool) -> Result<Action, ClaimLoopError<P::Error>> {
        self.claims.ready().await?;
        self.provisioner.ready().await?;
        let Some(_turn) = self.turns.take(claim) else { return Ok(self.retries.action(claim, Retry::Busy)) };
        // Read within the turn: the one before may have let it go.
        let is_due = |claim: &ResourceClaim| claim.metadata.deletion_timestamp.is_some() == leaves;
        let newest = newest(&self.claims, claim).filter(|newest| is_due(newest));
        let Some(newest) = newest else { return Ok(Action::await_change()) };
        let retry = reconcile_in(reconcile_span(self.name, &*newest), self.reconcile(&newest)).await?;
        Ok(self.retries.action(&newest, retry))
    }

    /// As [`Self::look`], for a claim that is being deleted and is held.
    async fn depart(&self, claim: &ResourceClaim) -> Action {
        // The failure is in the log by now.
        self.look(claim, true).await.unwrap_or_else(|_| self.retries.action(claim, Retry::Soon))
    }

    /// Runs until the process stops: over the claims that `events` tell of, those that are being deleted and held by
    /// `finalizer` among them, over what else is watched as `watching` adds it, and over what claims have left behind.
    pub async fn run<E>(
        self,
        kit: &Kit,
        events: E,
        finalizer: Finalizer,
        leftovers: Arc<Leftovers>,
        watching: impl FnOnce(Controller<ResourceClaim>) -> Controller<ResourceClaim>,
    ) where
        E: Stream<Item = Result<ResourceClaim, watcher::Error>> + Send + 'static,
    {
        if let Err(error) = leftovers.count_in(&kit.registry) {
            tracing::error!(error = &error as &dyn Error, "cannot count what is left behind");
        }
        let (departures, leaving) = mpsc::unbounded();
        let events = events.inspect(move |event| finalizer.tell(event, &departures));
        let claims = self.claims.clone();
        let inner = watching(Controller::for_stream(leftovers.woken_by(events), claims.store()));
        let this = Arc::new(self);
        let departing = this.clone();
        let depart = move |claim: Arc<ResourceClaim>| {
            let this = departing.clone();
            async move { this.depart(&claim).await }
        };
        tokio::join!(
            kit.run_controller(Living(this), inner),
            kit.run_departures(&claims, leaving, depart),
            leftovers.run(kit.shutdown.clone()),
        );
    }
}

/// The loop over claims that are not being deleted.
struct Living<P>(Arc<ClaimLoop<P>>);

#[async_trait]
impl<P: Provide> Context for Living<P> {
    type Resource = ResourceClaim;
    type Error = ClaimLoopError<P::Error>;

    async fn apply(
        &self,
        _: Client,
        claim: &ResourceClaim,
        _: &mut TraceMetadata,
    ) -> Result<Option<Action>, Self::Error> {
        self.0.look(claim, false).await.map(Some)
    }
}

#[cfg(test)]
#[path = "claim_loop_tests.rs"]
mod tests;
