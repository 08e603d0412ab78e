//! The driver: dereference → validate → build → apply → observe → answer.

mod finding;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use api_types::{WorkloadExposure, WorkloadExposureStatus, WorkloadPlan, metadata::LABEL_MANAGED_BY};
use controller_kit::{Cache, Kit, reconcile_in, reconcile_span};
use futures::{TryStreamExt as _, future::ready};
use jiff::Timestamp;
use k8s_controller::{Context, TraceMetadata};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Client, Resource, ResourceExt as _,
    core::PartialObjectMeta,
    runtime::{Controller, controller::Action, reflector::ObjectRef, watcher},
};

use self::finding::{Finding, of_closed, with_doors};
use crate::{
    FIELD_MANAGER, RuntimeArgs,
    addresses::{Sources, exposures},
    answer::{self, Decision, GRACE, Said, decide},
    apply::{self, Applied, Outcome, Stance, Writer, stance},
    build::{self, Resources},
    clock::Clock,
    dereference::{self, Caches, Dereferenced},
    extras::{self, Extras, Inventory, Survey, Work, Written},
    main_object::Main,
    messages,
    observe::{Failing, Health, Load, Seen, Underway, has_taken_over, observe, serves, unmade},
    tidy::{self, Expiry},
    update_status,
    validate::{self, Identity, ValidPlan},
    values::Kind,
};

/// Everything that a reconcile needs.
pub struct Runtime {
    args: RuntimeArgs,
    caches: Caches,
    writer: Writer,
    extras: Extras,
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
    /// What the template adds could not be changed.
    #[error(transparent)]
    Extras(#[from] extras::Error),
    /// The answer could not be given.
    #[error(transparent)]
    UpdateStatus(#[from] update_status::Error),
}

impl Runtime {
    /// A runtime that reads `caches` and writes with `writer`.
    pub fn new(args: RuntimeArgs, caches: Caches, writer: Writer) -> Self {
        let (client, applier) = (writer.client.clone(), writer.applier.clone());
        let extras = Extras::new(client, applier, args.allowed_kinds.iter().cloned());
        Self { args, caches, writer, extras, clock: Clock::default() }
    }

    /// Makes the cluster hold what `plan` wants, and answers how it is doing.
    ///
    /// # Errors
    /// If something that may mend itself is in the way; outcomes that a user must know of are answers, not errors.
    pub async fn reconcile(&self, plan: &WorkloadPlan) -> Result<Option<Action>, Error> {
        let identity = Identity::of(plan)?;
        let mut found = dereference::dereference(&self.caches, &identity).await?;
        let valid = validate::validate(identity.clone(), plan)
            .and_then(|valid| valid.with_joiner(self.args.image.as_deref()));
        let (finding, expiry) = match valid {
            Ok(valid) => {
                self.forget_another_run(&valid, &mut found).await?;
                let finding = match self.project(&valid, &found).await {
                    Ok(finding) => finding,
                    Err(error) => return Err(self.tell(&valid, &found, error).await),
                };
                let expiry = tidy::expiry(&valid, &found, Timestamp::now());
                (finding, expiry)
            }
            Err(problems) => (Finding::refused(&problems), Expiry::default()),
        };
        let sooner = finding.again;
        let again = self.answer(&identity, finding, &found).await?;
        // Only after the answer says that it completed, since then nothing else does. What was added goes first, while
        // it is on record.
        let expired = expiry.jobs.iter().map(|job| &job.metadata);
        self.extras.remove(&identity, &Inventory::of(expired)).await?;
        self.writer.delete_expired(&expiry).await?;
        Ok(again.into_iter().chain(sooner).chain(expiry.again).min().map(Action::requeue))
    }

    /// Something else is to run: that it completed once must not be remembered when it is wanted again.
    async fn forget_another_run(&self, plan: &ValidPlan, found: &mut Dereferenced) -> Result<(), Error> {
        let wanted = (plan.work.kind() == Kind::Job).then_some(&plan.run);
        let Some(exposure) = found.exposure.clone().filter(|_| found.completed_run().is_some()) else {
            return Ok(());
        };
        if found.completed_run() != wanted {
            let current = exposure.status.clone().unwrap_or_default();
            let status = WorkloadExposureStatus { completed_run: None, ..current };
            found.exposure = self.say(&exposure, &status).await?;
        }
        Ok(())
    }

    /// Builds and applies, and looks at what became of it.
    async fn project(&self, plan: &ValidPlan, found: &Dereferenced) -> Result<Finding, Error> {
        let mut resources = match build::build(plan, self.args.pod_security) {
            Ok(resources) => resources,
            Err(misfit) => return Ok(Finding::of(plan, Health::Failing(messages::misfit(&misfit).into()))),
        };
        let work = match self.prepare(plan, &resources, found).await? {
            Survey::Go(work) => work,
            Survey::Stop(health) => return Ok(Finding::of(plan, health)),
        };
        work.inventory().record(resources.main.metadata_mut());
        let outcome = apply::apply(&self.writer, &self.caches, plan, &resources, found).await?;
        let Applied { main, formers } = match outcome {
            Outcome::Applied(applied) => applied,
            Outcome::Refused(failing) => return Ok(Finding::of(plan, Health::Failing(failing))),
            Outcome::Waiting(underway) => return Ok(Finding::of(plan, Health::Underway(underway))),
        };
        let live = match self.extras.make(&plan.identity, work).await? {
            Written::Done(live) => live,
            Written::Refused(failing) => return Ok(Finding::of(plan, Health::Failing(failing))),
        };
        let seen = Seen { plan, main: &main, runs: &found.runs, pods: &found.pods, now: Timestamp::now() };
        let health = if found.has_completed(plan) { Health::Completed } else { observe(seen) };
        let (health, again) = self.explain(seen, health).await?;
        if has_taken_over(&main, &health) {
            for former in &formers {
                self.writer.delete_main(former).await?;
            }
        }
        if health.is_good() {
            apply::prune(&self.writer, &resources, found).await?;
        }
        let serves = serves(seen, &health);
        let load = Load::of(found.autoscaler.as_deref().filter(|_| resources.autoscaler.is_some()), seen.now);
        let routes = with_doors(resources.routes, &live);
        let (closed, open_by) = of_closed(&routes, &live, seen.now);
        let remark = (load == Load::Unknown).then_some(messages::UNMEASURED).or(closed);
        let look = self.extras.again(&plan.identity);
        let again = [again, look, load.again(), open_by].into_iter().flatten().min();
        Ok(Finding { remark, serves, routes, again, ..Finding::of(plan, health) })
    }

    /// An error says nothing to users, and whoever asks would take it for absence: one that lasts is told, unless
    /// something was said of this generation already.
    async fn tell(&self, plan: &ValidPlan, found: &Dereferenced, error: Error) -> Error {
        let status = found.exposure.as_ref().and_then(|exposure| exposure.status.as_ref());
        if Said::of(status, plan.identity.generation) != Said::Nothing {
            return error;
        }
        let finding = Finding::of(plan, Health::Underway(Underway::because(messages::OUT_OF_ORDER)));
        if let Err(also) = self.answer(&plan.identity, finding, found).await {
            tracing::debug!(error = &also as &dyn std::error::Error, "cannot tell what is wrong");
        }
        error
    }

    /// Asks for what no status says: why there is no instance although there should be one. When to look again, if it
    /// is too early to ask.
    async fn explain(&self, seen: Seen<'_>, health: Health) -> Result<(Health, Option<Duration>), Error> {
        let asks = matches!(health, Health::Underway(_) | Health::Scheduled { .. });
        let Some(unmade) = unmade(seen).filter(|_| asks) else {
            return Ok((health, None));
        };
        if let Some(rest) = GRACE.checked_sub(unmade.age).filter(|rest| !rest.is_zero()) {
            return Ok((health, Some(rest)));
        }
        let why = self.writer.refused_instances(&seen.plan.identity.namespace, unmade).await?;
        let refusal = why.iter().find_map(|message| messages::refusal(message));
        let failing = refusal.map(|refusal| Health::Failing(Failing::from(refusal).slowly()));
        Ok((failing.unwrap_or(health), None))
    }

    /// What is to be done about what the template adds, once what it no longer has was removed. What completed and was
    /// removed has nothing left.
    async fn prepare(
        &self,
        plan: &ValidPlan,
        resources: &Resources,
        found: &Dereferenced,
    ) -> Result<Survey, Error> {
        if found.has_completed(plan) {
            return Ok(Survey::Go(Work::none()));
        }
        let mains = found.mains.all();
        let ours = mains.iter().map(Main::metadata).filter(|it| stance(it, &plan.identity) == Stance::Ours);
        let recorded = Inventory::of(ours);
        Ok(self.extras.prepare(&plan.identity, &resources.extras, &recorded).await?)
    }

    /// Says how the plan is doing, if there is anything to say and anybody who asks.
    async fn answer(
        &self,
        identity: &Identity,
        finding: Finding,
        found: &Dereferenced,
    ) -> Result<Option<Duration>, Error> {
        let Some(exposure) = &found.exposure else { return Ok(None) };
        let Finding { health, remark, serves, ports, claim_urls, routes, completed_run, again: _ } = finding;
        let current = exposure.status.as_ref();
        let waited = self.waited(identity, &health);
        let verdict = match decide(health, Said::of(current, identity.generation), waited) {
            Decision::Say(verdict) => verdict.with(remark),
            Decision::Wait(rest) => return Ok(Some(rest)),
        };
        let exposures = exposures(Sources {
            identity,
            ports: &ports,
            claims: &claim_urls,
            routes: &routes,
            service: found.service.as_deref(),
            cluster_domain: &self.args.cluster_domain,
            running: serves,
        });
        let status = answer::status(identity, &verdict, exposures, current, Timestamp::now());
        let completed_run = completed_run.or(status.completed_run.clone());
        self.say(exposure, &WorkloadExposureStatus { completed_run, ..status }).await?;
        Ok(verdict.again)
    }

    async fn say(
        &self,
        exposure: &Arc<WorkloadExposure>,
        status: &WorkloadExposureStatus,
    ) -> Result<Option<Arc<WorkloadExposure>>, Error> {
        let exposures = &self.caches.exposures;
        Ok(update_status::update_status(&self.writer.applier, exposures, exposure, status).await?)
    }

    fn waited(&self, identity: &Identity, health: &Health) -> Duration {
        if matches!(health, Health::Underway(_)) {
            return self.clock.waited(identity, Instant::now());
        }
        self.clock.stop(identity);
        Duration::ZERO
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
        reconcile_in(reconcile_span(FIELD_MANAGER, plan), self.reconcile(plan)).await
    }
}

/// Runs the controller until the process stops.
pub async fn start(kit: Kit, args: RuntimeArgs) {
    let class = watcher::Config::default().fields(&format!("spec.runtimeClass={}", args.runtime_class));
    let ours = || watcher::Config::default().labels(&format!("{LABEL_MANAGED_BY}={FIELD_MANAGER}"));
    let (plans, plan_events) = kit.watch(kit.api::<WorkloadPlan>(), class.clone(), |_| ());
    let (exposures, exposure_events) = kit.watch(kit.api(), class, dereference::trim_exposure);
    let (deployments, deployment_events) = kit.watch(kit.api(), ours(), |_| ());
    let (stateful_sets, stateful_set_events) = kit.watch(kit.api(), ours(), |_| ());
    let (jobs, job_events) = kit.watch(kit.api(), ours(), dereference::trim_job);
    let (cron_jobs, cron_job_events) = kit.watch(kit.api(), ours(), |_| ());
    let (autoscalers, autoscaler_events) = kit.watch(kit.api(), ours(), dereference::trim_autoscaler);
    let (services, service_events) = kit.watch(kit.api(), ours(), |_| ());
    let (pods, pod_events) = kit.watch(kit.api(), ours(), dereference::trim_pod);
    let (config_maps, config_map_events) =
        kit.watch(kit.api::<PartialObjectMeta<ConfigMap>>(), ours(), |_| ());

    let caches = Caches {
        deployments,
        stateful_sets,
        jobs,
        cron_jobs,
        autoscalers,
        services,
        pods,
        config_maps,
        exposures,
    };
    let writer = Writer { client: kit.client.clone(), applier: kit.applier() };
    let mapper = Mapper(plans.clone());
    // A plan that is gone needs nothing: what was made for it is collected.
    let known = mapper.clone();
    let plan_events =
        plan_events.try_filter(move |plan| ready(known.named(plan, &plan.name_any()).is_some()));
    let triggers = Controller::for_stream(plan_events, plans.store())
        .watches_stream(exposure_events, mapper.namesake::<WorkloadExposure>())
        .watches_stream(deployment_events, mapper.beneficiary())
        .watches_stream(stateful_set_events, mapper.beneficiary())
        .watches_stream(job_events, mapper.beneficiary())
        .watches_stream(cron_job_events, mapper.beneficiary())
        .watches_stream(autoscaler_events, mapper.beneficiary())
        .watches_stream(service_events, mapper.beneficiary())
        .watches_stream(pod_events, mapper.beneficiary())
        .watches_stream(config_map_events, mapper.beneficiary());
    let runtime = Runtime::new(args, caches, writer);
    kit.run_controller(runtime, triggers).await;
}

/// From what was touched to the plan to reconcile, if there is one: what comes before its plan, or stays for a moment
/// after it, is none of its business.
#[derive(Clone)]
struct Mapper(Cache<WorkloadPlan>);

impl Mapper {
    /// The plan that has the name of the object.
    fn namesake<K: Resource<DynamicType = ()>>(
        &self,
    ) -> impl Fn(K) -> Option<ObjectRef<WorkloadPlan>> + Send + Sync + use<K> {
        let plans = self.clone();
        move |object| plans.named(&object, &object.name_any())
    }

    /// The plan that owns the object, or whose instances' or runs' label it carries.
    fn beneficiary<K: Resource<DynamicType = ()>>(
        &self,
    ) -> impl Fn(K) -> Option<ObjectRef<WorkloadPlan>> + Send + Sync + use<K> {
        let plans = self.clone();
        move |object| {
            let kind = WorkloadPlan::kind(&());
            let owner = object.owner_references().iter().find(|owner| owner.kind == kind);
            let name = owner.map(|owner| owner.name.as_str());
            plans.named(&object, name.or_else(|| dereference::workload_of(&object))?)
        }
    }

    fn named<K: Resource>(&self, object: &K, name: &str) -> Option<ObjectRef<WorkloadPlan>> {
        let plan = self.0.get(&object.namespace()?, name)?;
        Some(ObjectRef::from_obj(&*plan))
    }
}

#[cfg(test)]
mod files_tests;
#[cfg(test)]
mod kinds_tests;
#[cfg(test)]
mod lasting_tests;
#[cfg(test)]
mod runs_tests;
#[cfg(test)]
mod tests;
