//! The driver: declare → dereference → validate → apply → look up → conclude → update_status, or [`external`] in the
//! middle.

use std::{collections::BTreeMap, sync::Arc};

use api_types::{ResourceClaim, ResourceClaimStatus};
use async_trait::async_trait;
use controller_kit::{Applier, Cache, CacheClosed, Kit, reconcile_in, reconcile_span};
use futures::{StreamExt as _, channel::mpsc};
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
use resource_template::{Live, ObjectKind, Origin, Scope, visible};

use crate::{
    Args, NAME,
    apply::{self, Around, Outcome, Writer},
    conclude::{Assessed, Watched, conclude},
    declare::{Declared, declare},
    dereference::{self, Found, copied, dereference},
    external::{self, FINALIZER, OnApi},
    helm::{self, Charts, Helm},
    lookup::{self, References, look_up},
    objects::Objects,
    possessions::Made,
    validate::{refused, validate},
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
    on_api: OnApi,
    charts: Charts,
}

/// How a pass ends.
#[derive(Clone, Debug, PartialEq)]
pub enum Pass {
    /// With this answer.
    Answered(Answer),
    /// Without another answer, until then.
    Waits(Retry),
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
    /// What lies behind an API could not be provided.
    #[error(transparent)]
    External(#[from] external::Error),
    /// A chart could not be made into objects.
    #[error(transparent)]
    Helm(#[from] helm::Error),
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
    /// The APIs that declarations may use.
    pub origins: Vec<Origin>,
    /// The namespace in which the platform's Secrets with the credentials of APIs and registries lie.
    pub secrets_namespace: String,
    /// Helm, and where charts may come from.
    pub helm: Helm,
}

impl Provisioner {
    /// A provisioner made of `parts`.
    pub fn new(parts: Parts) -> Self {
        let Parts { client, claims, allowed_kinds, origins, secrets_namespace, helm } = parts;
        let applier = Applier::new(client.clone(), NAME);
        let writer = Writer::new(client.clone(), applier.clone());
        let objects = Objects::new(client.clone(), &allowed_kinds);
        let charts = Charts::new(client.clone(), helm, secrets_namespace.clone(), &allowed_kinds);
        let on_api = OnApi::new(client.clone(), claims.clone(), secrets_namespace, origins);
        Self { client, applier, claims, objects, writer, retries: Retries::default(), on_api, charts }
    }

    /// Makes what `object` claims, as far as it is not there yet, or removes it, and says how far it is.
    ///
    /// # Errors
    /// If something that may mend itself is in the way; outcomes that a user must know of are answers, not errors.
    pub async fn reconcile(&self, object: &ResourceClaim) -> Result<Retry, Error> {
        let pass = match object.metadata.deletion_timestamp {
            Some(_) => self.on_api.leave(object).await?,
            None => self.serve(object).await?,
        };
        let answer = match pass {
            Pass::Answered(answer) => answer,
            Pass::Waits(retry) => return Ok(retry),
        };
        let retry = answer.retry;
        let status: ResourceClaimStatus = status(answer, object.metadata.generation);
        update_status(&self.applier, &self.claims, object, &status).await?;
        Ok(retry)
    }

    /// Does what the declaration says, in the way that it says.
    async fn serve(&self, object: &ResourceClaim) -> Result<Pass, Error> {
        let declared = match declare(object) {
            Ok(declared) => declared,
            Err(answer) => return Ok(Pass::Answered(*answer)),
        };
        match declared.declaration.external_api() {
            Some(api) => Ok(self.on_api.provide(object, &declared, api).await?),
            None => match self.charts.complete(object, declared).await? {
                Ok(declared) => self.provide(object, &declared).await,
                Err(pass) => Ok(pass),
            },
        }
    }

    /// Makes the objects that are `declared`, and looks at what became of them.
    async fn provide(&self, object: &ResourceClaim, declared: &Declared) -> Result<Pass, Error> {
        let claim = Claim::try_from(object)?;
        let found = dereference(&self.client, &self.objects, &claim, &declared.rendered).await?;
        let work = match validate(claim.clone(), object, declared, &found) {
            Ok(work) => work,
            Err(answer) => return Ok(Pass::Answered(*answer)),
        };
        let around = Around {
            record: found.record.as_ref(),
            generated: declared.rendered.generated(),
            copied: found.copied.clone(),
        };
        Ok(match self.writer.apply(&self.objects, &work, around).await? {
            Outcome::Applied(applied) => {
                let assessed = self.assess(&claim, declared, &found, &applied).await?;
                Pass::Answered(conclude(object, watched(declared), assessed))
            }
            Outcome::Refused(quota) => Pass::Answered(refused(quota)),
            Outcome::Outdated => Pass::Waits(Retry::Soon),
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
        let live =
            Live { objects: objects.collect(), reads: found.reads(&declared.rendered), ..Live::default() };
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

    /// Looks after the claim, as it is by now, if it is being deleted or if it is not, and says when to come again.
    async fn look(&self, claim: &ResourceClaim, leaves: bool) -> Result<Action, Error> {
        self.claims.ready().await?;
        let is_due = |claim: &ResourceClaim| claim.metadata.deletion_timestamp.is_some() == leaves;
        let newest = newest(&self.claims, claim).filter(|newest| is_due(newest));
        let Some(newest) = newest else { return Ok(Action::await_change()) };
        let retry = reconcile_in(reconcile_span(NAME, &*newest), self.reconcile(&newest)).await?;
        Ok(self.retries.action(&newest, retry))
    }

    /// As [`Self::look`], for a claim that is being deleted and is held.
    async fn depart(&self, claim: &ResourceClaim) -> Action {
        // The failure is in the log by now.
        self.look(claim, true).await.unwrap_or_else(|_| self.retries.action(claim, Retry::Soon))
    }
}

/// How changes of the objects that are `declared` are noticed.
fn watched(declared: &Declared) -> Watched {
    match (declared.rendered.reads.is_empty(), copied(&declared.rendered).is_empty()) {
        (false, _) => Watched::AllButReads,
        (true, false) => Watched::AllButCopies,
        (true, true) if declared.declaration.helm().is_some() => Watched::AllButRelease,
        (true, true) => Watched::Always,
    }
}

/// The loop over claims that are not being deleted.
struct Living(Arc<Provisioner>);

#[async_trait]
impl Context for Living {
    type Resource = ResourceClaim;
    type Error = Error;

    async fn apply(
        &self,
        _: Client,
        claim: &ResourceClaim,
        _: &mut TraceMetadata,
    ) -> Result<Option<Action>, Error> {
        self.0.look(claim, false).await.map(Some)
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
    let (departures, leaving) = mpsc::unbounded();
    let claim_events = claim_events.inspect(move |event| {
        of_claims.wake();
        FINALIZER.tell(event, &departures);
    });
    let touched = watches::touched(&kit, &args.allowed_kinds, &sightings);
    let inner = Controller::for_stream(claim_events, claims.store())
        .reconcile_on(touched.inspect(move |_| of_objects.wake()));
    let provisioner = Arc::new(Provisioner::new(Parts {
        client: kit.client.clone(),
        claims: claims.clone(),
        secrets_namespace: args
            .secrets_namespace()
            .unwrap_or_else(|| kit.client.default_namespace().to_owned()),
        helm: args.helm(),
        allowed_kinds: args.allowed_kinds,
        origins: args.allowed_origins,
    }));
    let controller =
        k8s_controller::Controller::namespaced_all(kit.client.clone(), Living(provisioner.clone()), wanted);
    let depart = move |claim: Arc<ResourceClaim>| {
        let provisioner = provisioner.clone();
        async move { provisioner.depart(&claim).await }
    };
    let (living, departing, looking) = (
        kit.run_controller(controller.with_controller(|_| inner)),
        kit.run_departures(&claims, leaving, depart),
        leftovers.run(kit.shutdown.clone()),
    );
    tokio::join!(living, departing, looking);
}
