//! Step 4: write what differs from what is there.

use std::sync::Arc;

use api_types::{ResourceClaim, WorkloadExposure, WorkloadPlan};
use controller_kit::{Applied, Applier};
use futures::future::{try_join, try_join_all};

use crate::{
    asked::ask,
    build::{Built, Emitted, Projection, Withdrawn},
    caches::Caches,
    dereference::World,
};

/// What could not be written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A claim.
    #[error("failed to apply resource claim {name}")]
    Claim {
        /// The claim's name.
        name: String,
        /// What the API server said.
        source: kube::Error,
    },
    /// The plan.
    #[error("failed to apply or withdraw the workload plan")]
    Plan(#[source] kube::Error),
    /// The exposure.
    #[error("failed to apply or withdraw the workload exposure")]
    Exposure(#[source] kube::Error),
    /// A claim that nothing uses any more.
    #[error("failed to delete resource claim {name}")]
    Obsolete {
        /// The claim's name.
        name: String,
        /// What the API server said.
        source: kube::Error,
    },
}

impl Error {
    /// What the client says of it.
    pub fn client_error(&self) -> &kube::Error {
        let (Self::Claim { source, .. }
        | Self::Plan(source)
        | Self::Exposure(source)
        | Self::Obsolete { source, .. }) = self;
        source
    }
}

/// Writes what differs, and keeps what was written where the next reconcile finds it. Gives back the plan and the
/// exposure as they stand then.
pub async fn apply(applier: &Applier, caches: &Caches, world: &World, built: &Built) -> Result<World, Error> {
    let claims = built.claims().map(|claim| apply_claim(applier, caches, world, claim));
    try_join_all(claims).await?;
    let mut after = world.clone();
    match &built.projection {
        Projection::Emitted(emitted) => {
            let (plan, exposure) = apply_plan(applier, caches, world, emitted).await?;
            (after.plan, after.exposure) = (plan, exposure);
        }
        Projection::Moving(withdrawn) => withdraw(applier, withdrawn).await?,
        Projection::Stands | Projection::Withheld(..) => {}
    }
    try_join_all(built.obsolete.iter().map(|claim| delete_claim(applier, claim))).await?;
    Ok(after)
}

async fn apply_claim(
    applier: &Applier,
    caches: &Caches,
    world: &World,
    claim: &ResourceClaim,
) -> Result<(), Error> {
    let name = claim.metadata.name.clone().unwrap_or_default();
    let live = world.claims.get(&name).map(Arc::as_ref);
    let applied = ask(applier, claim.clone(), live, world.now).await;
    let applied = applied.map_err(|source| Error::Claim { name, source })?;
    if let Applied::Written(claim) = applied {
        caches.claims.record(claim);
    }
    Ok(())
}

type PlanAndExposure = (Option<Arc<WorkloadPlan>>, Option<Arc<WorkloadExposure>>);

/// Both at once: a runtime copes with a plan whose exposure is not there yet.
async fn apply_plan(
    applier: &Applier,
    caches: &Caches,
    world: &World,
    emitted: &Emitted,
) -> Result<PlanAndExposure, Error> {
    let (plan, exposure) = try_join(
        async {
            let (plan, live) = (emitted.plan.clone(), world.plan.as_deref());
            ask(applier, plan, live, world.now).await.map_err(Error::Plan)
        },
        async {
            let (exposure, live) = (emitted.exposure.clone(), world.exposure.as_deref());
            applier.apply_exactly(exposure, live).await.map_err(Error::Exposure)
        },
    )
    .await?;
    let plan = match plan {
        Applied::Unchanged => world.plan.clone(),
        Applied::Written(plan) => {
            caches.plans.record(plan.clone());
            Some(Arc::new(plan))
        }
    };
    let exposure = match exposure {
        Applied::Unchanged => world.exposure.clone(),
        Applied::Written(exposure) => {
            caches.exposures.record(exposure.clone());
            Some(Arc::new(exposure))
        }
    };
    Ok((plan, exposure))
}

/// The plan stays, marked, until all that was made for it is gone: only then may another runtime begin.
async fn withdraw(applier: &Applier, withdrawn: &Withdrawn) -> Result<(), Error> {
    if let Some(plan) = &withdrawn.plan {
        applier.delete_after_dependents(&**plan).await.map_err(Error::Plan)?;
    }
    if let Some(exposure) = &withdrawn.exposure {
        applier.delete(&**exposure).await.map_err(Error::Exposure)?;
    }
    Ok(())
}

async fn delete_claim(applier: &Applier, claim: &ResourceClaim) -> Result<(), Error> {
    let name = claim.metadata.name.clone().unwrap_or_default();
    applier.delete(claim).await.map_err(|source| Error::Obsolete { name, source })
}
