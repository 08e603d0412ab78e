//! The driver: declare → dereference → validate → apply → look up → conclude → update_status.

use std::{collections::BTreeMap, sync::Arc};

use api_types::{ResourceClaim, ResourceClaimStatus};
use async_trait::async_trait;
use controller_kit::{Applier, Cache, CacheClosed, Kit, reconcile_in, reconcile_span};
use futures::StreamExt as _;
use k8s_controller::{Context, TraceMetadata};
use kube::{
    Client,
    core::DynamicObject,
    runtime::{Controller, controller::Action, watcher},
};
use provisioner_kit::{
    Answer, Claim, Incomplete, Leftovers, Retries, Retry, Sightings, UpdateStatusError, newest, status,
    update_status,
};
use resource_template::{Live, ObjectKind, Scope, visible};

use crate::{
    Args, NAME,
    apply::{self, Around, Outcome, Writer},
    conclude::{Assessed, conclude},
    declare::{Declared, declare},
    dereference::{self, Found, dereference},
    lookup::{self, References, look_up},
    objects::Objects,
    possessions::Made,
    validate::validate,
    watches,
};

/// Everything that a reconcile needs.
pub struct Provisioner {
    client: Client,
    applier: Applier,
    claims: Cache<ResourceClaim>,
    objects: Objects,
    writer: Writer,
    retries: Retries,
}

/// A step that talks to the API server failed; it is tried again with a growing delay.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The process is stopping.
    #[error("stopped before everything was listed")]
    Stopped(#[from] CacheClosed),
    /// The claim is not what an API server hands out.
    #[error("failed to read the claim")]
    Claim(#[from] Incomplete),
    /// What is there could not be read.
    #[error(transparent)]
    Dereference(#[from] dereference::Error),
    /// What is wanted could not be written.
    #[error(transparent)]
    Apply(#[from] apply::Error),
    /// What the outputs refer to could not be read.
    #[error(transparent)]
    LookUp(#[from] lookup::Error),
    /// The answer could not be written.
    #[error(transparent)]
    UpdateStatus(#[from] UpdateStatusError),
}

/// What a [`Provisioner`] is made of.
pub struct Parts {
    /// Calls the API server.
    pub client: Client,
    /// The claims to answer.
    pub claims: Cache<ResourceClaim>,
    /// The kinds that declarations may make or read.
    pub allowed_kinds: Vec<ObjectKind>,
}

impl Provisioner {
    /// A provisioner made of `parts`.
    pub fn new(parts: Parts) -> Self {
        let Parts { client, claims, allowed_kinds } = parts;
        let applier = Applier::new(client.clone(), NAME);
        let writer = Writer::new(client.clone(), applier.clone());
        let objects = Objects::new(client.clone(), &allowed_kinds);
        Self { client, applier, claims, objects, writer, retries: Retries::default() }
    }

    /// Makes what `object` claims, as far as it is not there yet, and says how far it is.
    ///
    /// # Errors
    /// If something that may mend itself is in the way; outcomes that a user must know of are answers, not errors.
    pub async fn reconcile(&self, object: &ResourceClaim) -> Result<Retry, Error> {
        if object.metadata.deletion_timestamp.is_some() {
            return Ok(Retry::Never);
        }
        let answer = match declare(object) {
            Ok(declared) => self.provide(object, &declared).await?,
            Err(answer) => Some(*answer),
        };
        let Some(answer) = answer else { return Ok(Retry::Soon) };
        let retry = answer.retry;
        let status: ResourceClaimStatus = status(answer, object.metadata.generation);
        update_status(&self.applier, &self.claims, object, &status).await?;
        Ok(retry)
    }

    /// Makes what is `declared`, and looks at what became of it. None if all has to be read again.
    async fn provide(&self, object: &ResourceClaim, declared: &Declared) -> Result<Option<Answer>, Error> {
        let claim = Claim::try_from(object)?;
        let found = dereference(&self.client, &self.objects, &claim, &declared.rendered).await?;
        let work = match validate(claim.clone(), object, declared, &found) {
            Ok(work) => work,
            Err(answer) => return Ok(Some(*answer)),
        };
        let around = Around {
            record: found.record.as_ref(),
            generated: declared.rendered.generated(),
            copied: found.copied.clone(),
        };
        Ok(match self.writer.apply(&self.objects, &work, around).await? {
            Outcome::Applied(applied) => {
                let assessed = self.assess(&claim, declared, &found, &applied).await?;
                Some(conclude(object, declared, assessed))
            }
            Outcome::Refused(quota) => Some(refused(quota)),
            Outcome::Outdated => None,
        })
    }

    async fn assess(
        &self,
        claim: &Claim,
        declared: &Declared,
        found: &Found,
        applied: &BTreeMap<String, DynamicObject>,
    ) -> Result<Assessed, lookup::Error> {
        let kinds = declared.rendered.manifests.iter().map(|manifest| (&manifest.id, &manifest.place.kind));
        let objects = kinds.filter_map(|(id, kind)| {
            let object = serde_json::to_value(applied.get(id)?).unwrap_or_default();
            Some((id.clone(), visible(kind, object)))
        });
        let live = Live { objects: objects.collect(), reads: found.reads(&declared.rendered) };
        let scope = Scope::of(&declared.inputs, &live);
        if let Some(waits_for) = declared.declaration.waits_for(&scope) {
            tracing::info!(waits_for, "an expression has no value yet");
        }
        let resolved = declared.declaration.outputs(&scope);
        let references = match &resolved {
            Ok(resolved) => look_up(&self.client, &self.objects, claim, applied, resolved).await?,
            Err(_) => References::default(),
        };
        Ok(Assessed { readiness: declared.declaration.readiness(&scope), resolved, references })
    }
}

/// What to say when the API server was not allowed to make something.
fn refused(quota: Option<String>) -> Answer {
    let message = match quota {
        Some(quota) => {
            format!("the quota `{quota}` of this namespace leaves no room for it: free some, or ask your platform team for more")
        }
        None => "the platform refuses to set it up here: ask your platform team, the provisioner's log has the reason".into(),
    };
    Answer::failed(message).retry(Retry::Rarely)
}

#[async_trait]
impl Context for Provisioner {
    type Resource = ResourceClaim;
    type Error = Error;

    async fn apply(
        &self,
        _: Client,
        claim: &ResourceClaim,
        _: &mut TraceMetadata,
    ) -> Result<Option<Action>, Error> {
        self.claims.ready().await?;
        let Some(newest) = newest(&self.claims, claim) else { return Ok(Some(Action::await_change())) };
        let retry = reconcile_in(reconcile_span(NAME, &*newest), self.reconcile(&newest)).await?;
        Ok(Some(self.retries.action(&newest, retry)))
    }
}

/// Runs the controller until the process stops.
pub async fn start(kit: Kit, args: Args) {
    let wanted = watcher::Config::default().fields(&format!("spec.provisioner={}", args.provisioner_name));
    let (claims, claim_events) = kit.watch(kit.api(), wanted.clone(), |_| ());
    let sightings = Sightings::default();
    let made = Made { client: kit.client.clone(), sightings: sightings.clone() };
    let leftovers = Leftovers::new(kit.client.clone(), NAME, claims.clone(), Arc::new(made));
    let leftovers = Arc::new(leftovers);
    if let Err(error) = leftovers.count_in(&kit.registry) {
        tracing::error!(error = &error as &dyn std::error::Error, "cannot count what is left behind");
    }
    let (of_claims, of_objects) = (leftovers.clone(), leftovers.clone());
    let claim_events = claim_events.inspect(move |_| of_claims.wake());
    let touched = watches::touched(&kit, &args.allowed_kinds, &sightings);
    let inner = Controller::for_stream(claim_events, claims.store())
        .reconcile_on(touched.inspect(move |_| of_objects.wake()));
    let provisioner =
        Provisioner::new(Parts { client: kit.client.clone(), claims, allowed_kinds: args.allowed_kinds });
    let controller = k8s_controller::Controller::namespaced_all(kit.client.clone(), provisioner, wanted);
    let looking = leftovers.run(kit.shutdown.clone());
    tokio::join!(kit.run_controller(controller.with_controller(|_| inner)), looking);
}
