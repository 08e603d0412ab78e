//! The driver: when to reconcile, and the order of the steps.

use std::sync::Arc;

use api_types::{Reason, Workload, WorkloadExposure, WorkloadPlan, metadata::ANNOTATION_TRACEPARENT};
use async_trait::async_trait;
use controller_kit::{Applier, CacheClosed, Kit, reconcile_in, reconcile_span};
use futures::{StreamExt as _, stream};
use jiff::Timestamp;
use k8s_controller::{Context, Phase, TraceMetadata, events::Event};
use kube::{
    Client, ResourceExt as _,
    runtime::{Controller, controller::Action},
};
use platform::annotations;
use tokio::sync::Notify;
use tracing::Span;

use crate::{
    DEFINITION,
    apply::{self, apply},
    build::{Built, Projection, build},
    caches::{Caches, Triggers, watch_all},
    concerned::{Change, Concerned},
    dereference::{World, dereference},
    events::event_for,
    governance::{CurrentConfig, Governance, NotReady, Platform},
    grace::{Silence, answered_by_runtime},
    neighbours::{self, Neighbours},
    policy_status,
    refusal::Refusal,
    status::{self, Findings, Verdict},
    update_status::{self, update_status},
    validate::validate,
};

/// Everything that a reconcile needs.
pub struct Orchestrator {
    caches: Caches,
    governance: Governance,
    applier: Applier,
    /// Notified of whatever may change what policies count.
    counted: Arc<Notify>,
}

/// A step that talks to the API server failed; it is tried again with a growing delay.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The process is stopping.
    #[error("stopped before everything was listed")]
    Dereference(#[from] CacheClosed),
    /// The process is stopping.
    #[error("stopped before the platform's part was known")]
    Governance(#[from] NotReady),
    /// Claims, plan or exposure could not be written.
    #[error("failed to write what the workload needs")]
    Apply(#[from] apply::Error),
    /// The status could not be written.
    #[error("failed to write what came of it")]
    UpdateStatus(#[from] update_status::Error),
}

impl Orchestrator {
    /// An orchestrator that follows `config`, and the streams that trigger it.
    pub fn new(kit: &Kit, config: CurrentConfig) -> (Self, Triggers) {
        let (caches, governance, triggers) = watch_all(kit, config);
        (Self::reading(caches, governance, kit.applier()), triggers)
    }

    /// An orchestrator that reads `caches` and `governance`, whoever fills them.
    pub fn reading(caches: Caches, governance: Governance, applier: Applier) -> Self {
        Self { caches, governance, applier, counted: Arc::default() }
    }

    /// Keeps the status of policies current, to the end of the process.
    pub fn keep_counting(&self) -> impl Future<Output = ()> + Send + use<> {
        let (workloads, applier) = (self.caches.workloads.clone(), self.applier.clone());
        policy_status::keep(self.governance.clone(), workloads, applier, self.counted.clone())
    }

    /// One pass for one Workload at the time `now`: the pipeline. Tells when to look again if nothing changes.
    ///
    /// # Errors
    /// If the API server could not be written to. What stands in the Workload's own way is no error but its status.
    pub async fn reconcile(
        &self,
        workload: &Workload,
        now: Timestamp,
        trace: &TraceMetadata,
    ) -> Result<Action, Error> {
        let Some(platform) = self.governance.in_namespace(&workload.namespace().unwrap_or_default()) else {
            // The namespace becoming known is a trigger.
            return Ok(Action::await_change());
        };
        let world = dereference(&self.caches, &platform, workload, now);
        let span = span(workload, &world);
        reconcile_in(span, self.settle(workload, &platform, world, trace)).await
    }

    async fn settle(
        &self,
        workload: &Workload,
        platform: &Platform,
        world: World,
        trace: &TraceMetadata,
    ) -> Result<Action, Error> {
        let built = build(workload, validate(workload, &world), platform, &world);
        let (world, built, refused) = match apply(&self.applier, &self.caches, &world, &built).await {
            Ok(world) => (world, built, None),
            Err(error) => match Refusal::of(&error) {
                Some(refusal) => (world, built.refused(refusal), Some(error)),
                None => return Err(error.into()),
            },
        };
        let findings = findings(workload, built, &world);
        let status = status::compute(workload.status.as_ref(), findings, world.now);
        if update_status(&self.applier, &self.caches, workload, &status).await?
            && let Some(event) = event_for(workload.status.as_ref(), &status)
        {
            trace.publish_event(event).await;
        }
        // The user has been told, and it is tried again: what refuses may be mended.
        refused.map_or(Ok(()), |error| Err(Error::Apply(error)))?;
        Ok(world.grace_left().map_or_else(Action::await_change, Action::requeue))
    }
}

/// The span of a pass. It continues the trace that the version at hand has begun.
fn span(workload: &Workload, world: &World) -> Span {
    let mut carrier = workload.clone();
    if let Some(traceparent) = world.traceparent(workload) {
        carrier.annotations_mut().insert(ANNOTATION_TRACEPARENT.to_owned(), traceparent.to_owned());
    }
    reconcile_span(DEFINITION.name, &carrier)
}

/// What is told while a Workload moves from one runtime to another.
const MOVING: &str = "The platform moves the Workload to another runtime: it starts there as soon as it has stopped on \
                      the former one. Wait.";

/// What the pass found, for the status. `world` is what is there after it.
fn findings(workload: &Workload, built: Built, world: &World) -> Findings {
    Findings {
        generation: workload.metadata.generation.unwrap_or_default(),
        annotations: annotations::asking(workload.annotations()),
        inputs: built.inputs,
        claims: built.summaries,
        projection: match built.projection {
            Projection::Emitted(_) | Projection::Stands => taken(world),
            Projection::Moving(_) => Verdict::No(Reason::RuntimeSelecting, MOVING.to_owned()),
            Projection::Withheld(reason, message) => Verdict::No(reason, message),
        },
        answer: world.answer(),
    }
}

/// Whether there is a runtime for the plan, as far as anyone can tell.
fn taken(world: &World) -> Verdict {
    match (world.silence_of_runtime(), &world.exposure) {
        (Silence::Long, Some(exposure)) => Verdict::No(Reason::RuntimeSelecting, untaken(exposure)),
        _ => Verdict::Yes,
    }
}

fn untaken(exposure: &WorkloadExposure) -> String {
    let class = &exposure.spec.runtime_class;
    match answered_by_runtime(exposure) {
        None => format!(
            "No runtime has taken the Workload up: ask your platform team whether a runtime of class `{class}` is \
             installed and runs, or choose another spec.profile."
        ),
        Some(_) => format!(
            "No runtime has taken this version of the Workload up, and the one before stays as it is: ask your \
             platform team whether the runtime of class `{class}` runs."
        ),
    }
}

#[async_trait]
impl Context for Orchestrator {
    type Resource = Workload;
    type Error = Error;

    async fn apply(
        &self,
        _: Client,
        workload: &Workload,
        trace: &mut TraceMetadata,
    ) -> Result<Option<Action>, Error> {
        self.caches.ready().await?;
        self.governance.ready().await?;
        // The loop's own store may be older than what this process wrote last.
        let newest =
            self.caches.workloads.get(&workload.namespace().unwrap_or_default(), &workload.name_any());
        let Some(newest) = newest else { return Ok(Some(Action::await_change())) };
        self.reconcile(&newest, Timestamp::now(), trace).await.map(Some)
    }

    /// None: what a user can mend is told by [`event_for`], and the rest is in words of the platform's inside, for its log
    /// and metrics.
    fn failure_event(&self, _: &Workload, _: Phase, _: &k8s_controller::Error<Error>) -> Option<Event> {
        None
    }
}

/// The loop: a Workload is looked at when it changes, when anything that was made for it does, when one that it shares
/// something with does, and when the platform decides otherwise for it.
pub async fn run(kit: &Kit, orchestrator: Orchestrator, triggers: Triggers) {
    let caches = orchestrator.caches.clone();
    let (of_claims, of_plans, of_exposures) = (caches.clone(), caches.clone(), caches.clone());
    let Triggers { workloads, claims, plans, exposures, platform } = triggers;
    let counted = orchestrator.counted.clone();
    let mut concerned =
        Concerned::new(orchestrator.governance.clone(), caches.workloads.clone(), caches.claims.clone());
    let of_platform = caches.clone();
    let platform = platform.flat_map(move |change: Change| {
        counted.notify_one();
        stream::iter(neighbours::with_those_who_share(&of_platform, &concerned.by(&change)))
    });
    let counted = orchestrator.counted.clone();
    let mut neighbours = Neighbours::new(caches.clone());
    let workloads = workloads.flat_map(move |changed| {
        counted.notify_one();
        let concerned = changed.map(|workload| neighbours.with(workload));
        stream::iter(match concerned {
            Ok(workloads) => workloads.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        })
    });
    let inner = Controller::for_stream(workloads, caches.workloads.store())
        .watches_stream(plans, move |plan: WorkloadPlan| {
            neighbours::of_roll_out(&of_plans, &plan.namespace().unwrap_or_default(), &plan.spec.workload_ref)
        })
        .watches_stream(exposures, move |exposure: WorkloadExposure| {
            let namespace = exposure.namespace().unwrap_or_default();
            neighbours::of_roll_out(&of_exposures, &namespace, &exposure.spec.workload_ref)
        })
        .watches_stream(claims, move |claim| neighbours::of_claim(&of_claims, &claim))
        .reconcile_on(platform);
    kit.run_controller(orchestrator, inner).await;
}
