//! The driver: dereference → validate → build → apply → observe → answer.

use std::time::Instant;

use api_types::{WorkloadExposure, WorkloadPlan, metadata::LABEL_MANAGED_BY};
use controller_kit::{Cache, Kit, reconcile_span};
use futures::{TryStreamExt as _, future::ready};
use jiff::Timestamp;
use k8s_controller::{Context, TraceMetadata};
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{ConfigMap, Pod, Service},
};
use kube::{
    Client, Resource, ResourceExt as _,
    core::PartialObjectMeta,
    runtime::{Controller, controller::Action, reflector::ObjectRef, watcher},
};
use tracing::Instrument as _;

use crate::{
    FIELD_MANAGER, RuntimeArgs,
    answer::{self, Decision, Said, decide},
    apply::{self, Outcome, Writer},
    build,
    clock::Clock,
    dereference::{self, Caches, Dereferenced},
    messages,
    observe::{Failing, Health, Seen, observe},
    update_status,
    validate::{self, Identity, ValidPlan, ValidPort},
};

/// Everything that a reconcile needs.
pub struct Runtime {
    args: RuntimeArgs,
    caches: Caches,
    writer: Writer,
    clock: Clock,
}

/// Why a reconcile has to be tried again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing could be looked at.
    #[error(transparent)]
    Dereference(#[from] dereference::Error),
    /// The plan is not what the API server hands out.
    #[error(transparent)]
    Validate(#[from] validate::Error),
    /// The cluster could not be changed.
    #[error(transparent)]
    Apply(#[from] apply::Error),
    /// The answer could not be given.
    #[error(transparent)]
    UpdateStatus(#[from] update_status::Error),
}

impl Runtime {
    /// A runtime that reads `caches` and writes with `writer`.
    pub fn new(args: RuntimeArgs, caches: Caches, writer: Writer) -> Self {
        Self { args, caches, writer, clock: Clock::default() }
    }

    /// Makes the cluster hold what `plan` wants, and answers how it is doing.
    ///
    /// # Errors
    /// If something that may mend itself is in the way; outcomes that a user must know of are answers, not errors.
    pub async fn reconcile(&self, plan: &WorkloadPlan) -> Result<Option<Action>, Error> {
        let identity = Identity::of(plan)?;
        let found = dereference::dereference(&self.caches, &identity).await?;
        let valid = validate::validate(identity.clone(), plan)
            .and_then(|valid| valid.with_joiner(self.args.image.as_deref()));
        let (health, ports) = match valid {
            Ok(valid) => (self.project(&valid, &found).await?, valid.ports),
            Err(problems) => (Health::Failing(Failing::degraded(messages::problems(&problems))), Vec::new()),
        };
        self.answer(&identity, health, &ports, &found).await
    }

    /// Builds and applies, and looks at what became of it.
    async fn project(&self, plan: &ValidPlan, found: &Dereferenced) -> Result<Health, Error> {
        let resources = build::build(plan, self.args.pod_security);
        let outcome = apply::apply(&self.writer, &self.caches, &plan.identity, &resources, found).await?;
        let health = match outcome {
            Outcome::Applied(deployment) => observe(Seen {
                plan,
                deployment: &deployment,
                pods: &found.pods,
                template_hash: resources.template_hash().unwrap_or_default(),
                now: Timestamp::now(),
            }),
            Outcome::Refused(failing) => Health::Failing(failing),
            Outcome::Waiting(underway) => Health::Underway(underway),
        };
        if health == Health::Running {
            apply::prune(&self.writer, &resources, found).await?;
        }
        Ok(health)
    }

    /// Says how the plan is doing, if there is anything to say and anybody who asks.
    async fn answer(
        &self,
        identity: &Identity,
        health: Health,
        ports: &[ValidPort],
        found: &Dereferenced,
    ) -> Result<Option<Action>, Error> {
        let Some(exposure) = &found.exposure else { return Ok(None) };
        let current = exposure.status.as_ref();
        let waited = self.waited(identity, &health);
        let verdict = match decide(health, Said::of(current, identity.generation), waited) {
            Decision::Say(verdict) => verdict,
            Decision::Wait(rest) => return Ok(Some(Action::requeue(rest))),
        };
        let exposures = answer::exposures(identity, ports, &self.args.cluster_domain, verdict.ready());
        let status = answer::status(identity, &verdict, exposures, current, Timestamp::now());
        update_status::update_status(&self.writer.applier, &self.caches.exposures, exposure, &status).await?;
        Ok(verdict.again.map(Action::requeue))
    }

    fn waited(&self, identity: &Identity, health: &Health) -> std::time::Duration {
        if matches!(health, Health::Underway(_)) {
            return self.clock.waited(identity, Instant::now());
        }
        self.clock.stop(identity);
        std::time::Duration::ZERO
    }
}

#[async_trait::async_trait]
impl Context for Runtime {
    type Resource = WorkloadPlan;
    type Error = Error;

    async fn apply(
        &self,
        _: Client,
        plan: &WorkloadPlan,
        _: &mut TraceMetadata,
    ) -> Result<Option<Action>, Error> {
        self.reconcile(plan).instrument(reconcile_span(FIELD_MANAGER, plan)).await
    }
}

/// Runs the controller until the process stops.
pub async fn start(kit: Kit, args: RuntimeArgs) {
    let class = watcher::Config::default().fields(&format!("spec.runtimeClass={}", args.runtime_class));
    let ours = watcher::Config::default().labels(&format!("{LABEL_MANAGED_BY}={FIELD_MANAGER}"));
    let (plans, plan_events) = kit.watch(kit.api::<WorkloadPlan>(), class.clone(), |_| ());
    let (exposures, exposure_events) = kit.watch(kit.api(), class, dereference::trim_exposure);
    let (deployments, deployment_events) = kit.watch(kit.api::<Deployment>(), ours.clone(), |_| ());
    let (services, service_events) = kit.watch(kit.api::<Service>(), ours.clone(), |_| ());
    let (pods, pod_events) = kit.watch(kit.api(), ours.clone(), dereference::trim_pod);
    let (config_maps, config_map_events) = kit.watch(kit.api::<PartialObjectMeta<ConfigMap>>(), ours, |_| ());

    let caches = Caches { deployments, services, pods, config_maps, exposures };
    let writer = Writer { client: kit.client.clone(), applier: kit.applier() };
    let mapper = Mapper(plans.clone());
    // A plan that is gone needs nothing: what was made for it is collected.
    let known = mapper.clone();
    let plan_events =
        plan_events.try_filter(move |plan| ready(known.named(plan, &plan.name_any()).is_some()));
    let triggers = Controller::for_stream(plan_events, plans.store())
        .watches_stream(exposure_events, mapper.namesake::<WorkloadExposure>())
        .watches_stream(deployment_events, mapper.namesake::<Deployment>())
        .watches_stream(service_events, mapper.namesake::<Service>())
        .watches_stream(pod_events, mapper.owner_of::<Pod>())
        .watches_stream(config_map_events, mapper.owner_of::<PartialObjectMeta<ConfigMap>>());
    let runtime = Runtime::new(args, caches, writer);
    let controller =
        k8s_controller::Controller::namespaced_all(kit.client.clone(), runtime, watcher::Config::default());
    kit.run_controller(controller.with_controller(|_| triggers)).await;
}

/// From what was touched to the plan to reconcile, if there is one: what comes before its plan, or stays for a moment
/// after it, is none of its business.
#[derive(Clone)]
struct Mapper(Cache<WorkloadPlan>);

impl Mapper {
    /// The plan that has the name of the object, as everything but a pod has.
    fn namesake<K: Resource<DynamicType = ()>>(
        &self,
    ) -> impl Fn(K) -> Option<ObjectRef<WorkloadPlan>> + Send + Sync + use<K> {
        let plans = self.clone();
        move |object| plans.named(&object, &object.name_any())
    }

    /// The plan that the object is a part of, for what has a name of its own.
    fn owner_of<K: Resource<DynamicType = ()>>(
        &self,
    ) -> impl Fn(K) -> Option<ObjectRef<WorkloadPlan>> + Send + Sync + use<K> {
        let plans = self.clone();
        move |object| plans.named(&object, dereference::workload_of(&object)?)
    }

    fn named<K: Resource>(&self, object: &K, name: &str) -> Option<ObjectRef<WorkloadPlan>> {
        let plan = self.0.get(&object.namespace()?, name)?;
        Some(ObjectRef::from_obj(&*plan))
    }
}

#[cfg(test)]
mod files_tests;
#[cfg(test)]
mod tests;
