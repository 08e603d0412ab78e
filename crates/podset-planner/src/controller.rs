//! The driver: when to reconcile, and the order of the steps.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use controller_kit::{Applier, CacheClosed, Kit, reconcile_in, reconcile_span};
use jiff::Timestamp;
use k8s_controller::{Context, TraceMetadata, events::EventRecorder};
use kube::{
    Client, ResourceExt as _,
    runtime::{Controller, controller::Action},
};
use podset_types::{ScheduleTrigger, ScheduleTriggerStatus};
use tokio::{
    sync::{Mutex, MutexGuard},
    task::{JoinError, spawn_blocking},
};

use crate::{
    NAME,
    apply::{self, Made, Outcome, Writer},
    args::AskArgs,
    build::{Intent, build, needs_survey, recheck, reserves_all},
    caches::{Caches, watch_all},
    consult::Planners,
    dereference::{World, dereference, survey},
    events::{Told, tell, tell_of_planners},
    metrics::Metrics,
    orphans,
    phase::{Phase, phase},
    renew::{self, Schedulers},
    status,
    sweep::sweep,
    triggers::work,
    untried::Untried,
    update_status::{self, Pace, update_status},
    validate::{PodSet, Refusal, validate},
};

/// How many are released at once for whom no room is reserved: the next are looked at again before they go.
const BATCH: usize = 250;

/// When a pass is made again in which something had changed meanwhile.
const SOON: Duration = Duration::from_secs(1);

/// Everything that a reconcile needs.
pub struct Planner {
    caches: Caches,
    applier: Applier,
    writer: Writer,
    events: Arc<EventRecorder>,
    metrics: Metrics,
    told: Told,
    pace: Pace,
    planners: Planners,
    schedulers: Option<Schedulers>,
    untried: Untried,
    /// Held from planning until room is taken: two sets that are planned at once would be given the same.
    turn: Mutex<()>,
}

/// A step failed; it is tried again with a growing delay.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The process is stopping.
    #[error("stopped before everything was listed")]
    Stopped(#[from] CacheClosed),
    /// The process is stopping, or the planner has a defect.
    #[error("the planner did not end")]
    Planning(#[from] JoinError),
    /// Plan or pods could not be written.
    #[error(transparent)]
    Apply(#[from] apply::Error),
    /// The status could not be written.
    #[error(transparent)]
    UpdateStatus(#[from] update_status::Error),
}

/// Held by the one set that is being planned.
type Turn<'a> = Option<MutexGuard<'a, ()>>;

/// A set as one pass sees it.
struct View {
    world: World,
    set: PodSet,
    phase: Phase,
}

impl Planner {
    /// A planner that reads `caches`, whoever fills them, and asks no others.
    pub fn new(caches: Caches, client: Client, events: Arc<EventRecorder>, metrics: Metrics) -> Self {
        let applier = Applier::new(client.clone(), NAME);
        let writer = Writer::new(client, applier.clone(), caches.clone(), metrics.clone());
        let (told, pace, turn) = (Told::default(), Pace::default(), Mutex::default());
        let (planners, untried) = (Planners::none(), Untried::default());
        Self {
            caches,
            applier,
            writer,
            events,
            metrics,
            told,
            pace,
            planners,
            schedulers: None,
            untried,
            turn,
        }
    }

    /// The same, asking `planners`.
    #[must_use]
    pub fn with_planners(self, planners: Planners) -> Self {
        Self { planners, ..self }
    }

    /// Tells a scheduler that has started anew what is reserved.
    #[must_use]
    pub fn with_schedulers(self, schedulers: Schedulers) -> Self {
        Self { schedulers: Some(schedulers), ..self }
    }

    /// One pass for the set of `trigger` at the time `now`. Tells when to look again if nothing changes.
    ///
    /// # Errors
    /// If the API server could not be written to. What stands in the way of the set is no error but in its status.
    pub async fn reconcile(&self, trigger: &Arc<ScheduleTrigger>, now: Timestamp) -> Result<Action, Error> {
        let Some((view, turn)) = self.view(trigger, now).await? else { return Ok(Action::await_change()) };
        if view.phase == Phase::Due {
            let again = match self.writer.fire(trigger).await? {
                Outcome::Written => Duration::ZERO,
                Outcome::Outdated => SOON,
            };
            return Ok(Action::requeue(again));
        }
        let (view, mut intent) = self.build(view).await?;
        let made = self.carry_out(trigger, &view, turn, &mut intent, now).await?;
        let made = made.and(self.renew(trigger, &intent, now).await);
        let soon = made.is_outdated.then_some(SOON);
        intent.rejected = made.rejected;
        // Else the status would be another each time.
        intent.rejected.sort_by(|one, other| one.name.cmp(&other.name));
        let (untried, look_again) = self.untried.look(&view.set, now);
        intent.untried = untried;
        intent.wake = intent.wake.into_iter().chain(look_again).min();
        let looked_again = self.conclude(trigger, &intent, made.failed, now).await?;
        let again = [soon, looked_again, view.wait(&intent)];
        Ok(again.into_iter().flatten().min().map_or_else(Action::await_change, Action::requeue))
    }

    /// Writes what `intent` says. That the plan could not be written is an error: then nothing else was.
    async fn carry_out(
        &self,
        trigger: &Arc<ScheduleTrigger>,
        view: &View,
        turn: Turn<'_>,
        intent: &mut Intent,
        now: Timestamp,
    ) -> Result<Made, Error> {
        let reserved = self.writer.reserve(&view.world, intent).await?;
        intent.hold_back(&view.set, &reserved.rejected);
        let reserves_all = reserves_all(&view.set);
        let turn = turn.filter(|_| !reserves_all);
        let batch = if reserves_all { usize::MAX } else { BATCH };
        let made = if reserved.is_current() {
            reserved.and(self.release(trigger, intent, batch, now).await?)
        } else {
            reserved
        };
        drop(turn);
        Ok(made)
    }

    /// The set of `trigger`, if it governs one; if it is to be planned, this is its turn. Else it is told why not.
    async fn view(
        &self,
        trigger: &Arc<ScheduleTrigger>,
        now: Timestamp,
    ) -> Result<Option<(View, Turn<'_>)>, Error> {
        match View::of(&self.caches, trigger, now) {
            Ok(View { world, set, phase }) if needs_survey(&world, &set, &phase) => {
                // Before its turn: who is slow to answer holds up this set alone.
                let consulted = self.planners.consult(&self.caches, &self.metrics, &world, &set).await;
                let turn = self.turn.lock().await;
                // While this one waited, others may have taken room, and its pods may have changed.
                let view = View::of(&self.caches, trigger, now).ok();
                Ok(view.map(|View { world, set, phase }| {
                    (View { world: World { consulted, ..world }, set, phase }, Some(turn))
                }))
            }
            Ok(view) => Ok(Some((view, None))),
            Err(refusal) => {
                let world = World::without_set(trigger.clone(), now);
                self.tell(trigger, &status::refused(&world, &refusal)).await?;
                Ok(None)
            }
        }
    }

    /// Decides. Planning may take a second, so it is done beside what else the process does.
    async fn build(&self, view: View) -> Result<(View, Intent), Error> {
        if !view.needs_survey() {
            let intent = build(&view.world, &view.set, &view.phase, None);
            return Ok((view, intent));
        }
        let (caches, metrics) = (self.caches.clone(), self.metrics.clone());
        let planned = spawn_blocking(move || {
            let started = Instant::now();
            let intent = build(&view.world, &view.set, &view.phase, Some(&survey(&caches)));
            metrics.planned(started.elapsed());
            (view, intent)
        });
        Ok(planned.await?)
    }

    /// Releases whom `intent` says, as far as that still holds, so many at a time as `batch` says. Of a gang nobody
    /// else goes once the API server has refused one.
    async fn release(
        &self,
        trigger: &Arc<ScheduleTrigger>,
        intent: &mut Intent,
        batch: usize,
        now: Timestamp,
    ) -> Result<Made, Error> {
        let unplaced: Arc<BTreeSet<_>> = Arc::new(intent.unplaced.keys().cloned().collect());
        let mut left = std::mem::take(&mut intent.release);
        let mut made = Made::default();
        while !left.is_empty() {
            let Some(set) = self.unchanged(trigger, now) else {
                return Ok(Made { is_outdated: true, ..made });
            };
            let (together, wanted) = (set.settings.gang.is_some(), left.len());
            let (caches, unplaced) = (self.caches.clone(), unplaced.clone());
            let mut good = spawn_blocking(move || recheck(&set, &survey(&caches), &unplaced, left)).await?;
            let rest = good.split_off(batch.min(good.len()));
            let is_outdated = good.len() + rest.len() < wanted;
            made = made.and(self.writer.release(&good, together).await);
            made.is_outdated |= is_outdated;
            if made.failed.is_some() || (together && !made.rejected.is_empty()) {
                break;
            }
            left = rest.into_iter().map(|(_, release)| release).collect();
        }
        Ok(made)
    }

    /// The set of `trigger` as it is by now, if it is still asked to do what it was.
    fn unchanged(&self, trigger: &Arc<ScheduleTrigger>, now: Timestamp) -> Option<PodSet> {
        let newest =
            self.caches.stores.triggers.get(&trigger.namespace().unwrap_or_default(), &trigger.name_any())?;
        let is_same = newest.spec == trigger.spec && newest.uid() == trigger.uid();
        View::of(&self.caches, trigger, now).ok().filter(|_| is_same).map(|view| view.set)
    }

    /// Renews what was reserved before this pass, for a scheduler that may not know of it.
    async fn renew(&self, trigger: &Arc<ScheduleTrigger>, intent: &Intent, now: Timestamp) -> Made {
        let Some(scheduler) = self.schedulers.as_ref().and_then(Schedulers::working) else {
            return Made::default();
        };
        let Ok(view) = View::of(&self.caches, trigger, now) else { return Made::default() };
        let mut due = renew::due(&view.set, &scheduler);
        due.retain(|pod| intent.reserve.iter().all(|(reserved, _)| reserved.uid() != pod.uid()));
        self.writer.renew(due, &scheduler).await
    }

    /// Says what came of it, also if something has `failed`, which is then the answer. What is only progress may have
    /// to wait for a while; else that is the answer.
    async fn conclude(
        &self,
        trigger: &Arc<ScheduleTrigger>,
        intent: &Intent,
        failed: Option<apply::Error>,
        now: Timestamp,
    ) -> Result<Option<Duration>, Error> {
        let Ok(View { world, set, phase }) = View::of(&self.caches, trigger, now) else {
            return failed.map_or(Ok(Some(SOON)), |error| Err(error.into()));
        };
        // An API server that does not answer would take its time to refuse each event.
        if failed.is_none() {
            tell(&self.events, &self.told, &world, &set, &phase, intent).await;
            tell_of_planners(&self.events, &world.trigger, intent).await;
        }
        let again = self.tell(trigger, &status::compute(&world, &set, &phase, intent)).await?;
        failed.map_or(Ok(again), |error| Err(error.into()))
    }

    async fn tell(
        &self,
        trigger: &ScheduleTrigger,
        status: &ScheduleTriggerStatus,
    ) -> Result<Option<Duration>, Error> {
        Ok(update_status(&self.applier, &self.caches.stores.triggers, &self.pace, trigger, status).await?)
    }
}

impl View {
    fn of(caches: &Caches, trigger: &Arc<ScheduleTrigger>, now: Timestamp) -> Result<Self, Refusal> {
        let world = dereference(caches, trigger, now);
        let set = validate(&world)?;
        let phase = phase(&world, &set);
        Ok(Self { world, set, phase })
    }

    fn needs_survey(&self) -> bool {
        needs_survey(&self.world, &self.set, &self.phase)
    }

    /// How long until something happens by itself.
    fn wait(&self, intent: &Intent) -> Option<Duration> {
        let hold = match &self.phase {
            Phase::Held(hold) => hold.left(self.world.now),
            Phase::Due | Phase::Scheduling => None,
        };
        let limit = intent
            .wake
            .map(|wake| Duration::try_from(wake.duration_since(self.world.now)).unwrap_or_default());
        let tries = intent.rejected.iter().map(|rejected| rejected.again);
        hold.into_iter().chain(limit).chain(tries).min()
    }
}

#[async_trait]
impl Context for Planner {
    type Resource = ScheduleTrigger;
    type Error = Error;

    async fn apply(
        &self,
        _: Client,
        trigger: &ScheduleTrigger,
        _: &mut TraceMetadata,
    ) -> Result<Option<Action>, Error> {
        self.caches.ready().await?;
        // The loop's own store may be older than what this process wrote last.
        let newest =
            self.caches.stores.triggers.get(&trigger.namespace().unwrap_or_default(), &trigger.name_any());
        let Some(newest) = newest else { return Ok(Some(Action::await_change())) };
        reconcile_in(reconcile_span(NAME, &*newest), self.reconcile(&newest, Timestamp::now()))
            .await
            .map(Some)
    }
}

/// Runs the controller until the process stops. It asks the external planners of its own namespace.
pub async fn start(kit: Kit) {
    start_with(kit, AskArgs::default()).await;
}

/// Runs the controller until the process stops, asking those external planners that `ask` says.
pub async fn start_with(kit: Kit, ask: AskArgs) {
    let metrics = match Metrics::register(&kit.registry) {
        Ok(metrics) => metrics,
        Err(error) => {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "cannot register the metrics of the planner"
            );
            return;
        }
    };
    let (caches, changes) = watch_all(&kit);
    let (schedulers, of_schedulers) = Schedulers::watch(&kit);
    let work = work(&caches, changes, Box::pin(of_schedulers));
    let (planners, services) = Planners::watch(&kit, &ask);
    let planner = Planner::new(caches.clone(), kit.client.clone(), kit.events.clone(), metrics)
        .with_planners(planners)
        .with_schedulers(schedulers);
    let inner =
        Controller::for_stream(work.triggers, caches.stores.triggers.store()).reconcile_on(work.concerned);
    let (known, pods, writer) = (caches.clone(), caches.stores.pods.clone(), planner.writer.clone());
    let (events, told) = (kit.events.clone(), Arc::new(orphans::Told::default()));
    let telling = kit.run_departures(&pods, work.orphans, move |pod| {
        let (caches, writer, events, told) = (known.clone(), writer.clone(), events.clone(), told.clone());
        async move { orphans::look_after(&caches, &writer, &events, &told, pod, Timestamp::now()).await }
    });
    let (plans, applier) = (caches.stores.plans.clone(), kit.applier());
    let sweeping = kit.run_departures(&plans, work.left_over, move |plan| {
        let (caches, applier) = (caches.clone(), applier.clone());
        async move { sweep(&caches, &applier, plan).await }
    });
    tokio::join!(kit.run_controller(planner, inner), sweeping, telling, services);
}
