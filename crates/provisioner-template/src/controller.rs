//! The driver: declare → dereference → validate → apply → look up → conclude, or [`external`]; [`ClaimLoop`] tells the
//! claim.

use std::{collections::BTreeMap, sync::Arc};

use api_types::ResourceClaim;
use async_trait::async_trait;
use controller_kit::{Applier, Cache, CacheClosed, Kit};
use kube::{Client, core::DynamicObject, runtime::watcher};
use provisioner_kit::{
    Answer, Claim, ClaimLoop, Incomplete, Leftovers, Pass, PassError, Provide, Retry, Sightings,
};
use resource_template::{Live, ObjectKind, Scope, visible};

use crate::{
    Args, NAME,
    apply::{self, Around, Outcome, Writer},
    conclude::{Assessed, Watched, conclude, kept},
    declare::{Declared, declare, wrong},
    dereference::{self, Found, copied, dereference},
    external::{Apis, FINALIZER, OnApi},
    helm::{self, Charts, Helm},
    lookup::{self, References, look_up},
    objects::Objects,
    possessions::Made,
    retain::{no_later, retain},
    validate::{refused, validate},
    watches,
};

/// Everything that a reconcile needs.
pub struct Provisioner {
    client: Client,
    objects: Objects,
    writer: Writer,
    on_api: OnApi,
    charts: Charts,
}

/// A step that talks to the API server failed; it is tried again with a growing delay.
#[derive(Debug, thiserror::Error)]
pub enum Error {
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
    External(#[from] PassError),
    /// A chart could not be made into objects.
    #[error(transparent)]
    Helm(#[from] helm::Error),
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
    pub apis: Apis,
    /// Helm, and where charts may come from.
    pub helm: Helm,
}

impl Provisioner {
    /// A provisioner made of `parts`.
    pub fn new(parts: Parts) -> Self {
        let Parts { client, claims, allowed_kinds, apis, helm } = parts;
        let writer = Writer::new(client.clone(), Applier::new(client.clone(), NAME));
        let objects = Objects::new(client.clone(), &allowed_kinds);
        let charts = Charts::new(client.clone(), helm, &allowed_kinds);
        let on_api = OnApi::new(client.clone(), claims.clone(), apis);
        Self { client, objects, writer, on_api, charts }
    }

    /// Does what the declaration says, in the way that it says.
    async fn serve(&self, object: &ResourceClaim) -> Result<Pass, Error> {
        let declared = match declare(object) {
            Ok(declared) => declared,
            Err(answer) => return Ok(unseen(object, *answer)),
        };
        match declared.declaration.external_api() {
            Some(api) => Ok(self.on_api.provide(object, &declared, api).await?),
            None => match self.charts.complete(object, declared).await? {
                Ok(declared) => self.provide(object, &declared).await,
                Err(Pass::Answered(answer)) => Ok(unseen(object, answer)),
                Err(waits) => Ok(waits),
            },
        }
    }

    /// Makes the objects that are `declared`, and looks at what became of them.
    async fn provide(&self, object: &ResourceClaim, declared: &Declared) -> Result<Pass, Error> {
        let claim = Claim::try_from(object)?;
        let found = dereference(&self.client, &self.objects, &claim, &declared.rendered).await?;
        let work = match validate(claim.clone(), object, declared, &found) {
            Ok(work) => work,
            Err(answer) => return Ok(unseen(object, *answer)),
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
            // The kind may learn the field with its next version, of which nothing tells.
            Outcome::Misfit(why) => Pass::Answered(wrong(object, &why).retry(Retry::Rarely)),
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
}

/// The end of a pass with an `answer` to `object` for which nobody looked at what was made.
fn unseen(object: &ResourceClaim, answer: Answer) -> Pass {
    Pass::Answered(kept(object, answer))
}

/// How changes of the objects that are `declared` are noticed.
fn watched(declared: &Declared) -> Watched {
    let makes_secrets = declared.rendered.manifests.iter().any(|manifest| manifest.place.kind.is_secret());
    match (declared.rendered.reads.is_empty(), copied(&declared.rendered).is_empty()) {
        (false, _) => Watched::AllButReads,
        (true, false) => Watched::AllButCopies,
        (true, true) if makes_secrets || declared.declaration.has_references() => Watched::AllButSecrets,
        (true, true) => Watched::Always,
    }
}

#[async_trait]
impl Provide for Provisioner {
    type Error = Error;

    /// A pass reads nothing but claims from caches.
    async fn ready(&self) -> Result<(), CacheClosed> {
        Ok(())
    }

    async fn pass(&self, claim: &ResourceClaim) -> Result<Pass, Error> {
        match claim.metadata.deletion_timestamp {
            Some(_) => Ok(self.on_api.leave(claim).await?),
            None => {
                let again = retain(&self.client, &self.objects, &Claim::try_from(claim)?).await;
                Ok(no_later(self.serve(claim).await?, again))
            }
        }
    }
}

/// Runs the controller until the process stops.
pub async fn start(kit: Kit, args: Args) {
    let wanted = watcher::Config::default().fields(&format!("spec.provisioner={}", args.provisioner_name));
    let (claims, claim_events) = kit.watch(kit.api(), wanted, |_| ());
    let sightings = Sightings::default();
    let made = Made { client: kit.client.clone(), sightings: sightings.clone() };
    let leftovers = Arc::new(Leftovers::new(kit.client.clone(), NAME, claims.clone(), Arc::new(made)));
    let touched = leftovers.woken_by(watches::touched(&kit, &args.allowed_kinds, &sightings));
    let provisioner = Provisioner::new(Parts {
        client: kit.client.clone(),
        claims: claims.clone(),
        apis: args.apis(kit.client.default_namespace()),
        helm: args.helm(kit.client.default_namespace()),
        allowed_kinds: args.allowed_kinds,
    });
    ClaimLoop::new(NAME, kit.client.clone(), claims, provisioner)
        .run(&kit, claim_events, FINALIZER, leftovers, |claims| claims.reconcile_on(touched))
        .await;
}
