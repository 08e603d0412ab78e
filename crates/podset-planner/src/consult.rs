//! Step 1, for sets that are to be planned: what external planners say. See `docs/adr/0019-external-planners.md`.
//!
//! They are the Services with a planner's label, in the namespaces that are trusted; all are asked at once, each for as
//! long as the deadline allows. Nothing that they answer is believed: `build` judges it. Nobody is asked the same twice
//! while nothing has changed, and who did not answer in time is left alone for a while.

mod call;
mod memory;
mod question;
mod target;

use std::{
    collections::{BTreeMap, BTreeSet},
    future::{Future, ready},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use controller_kit::{Cache, Kit, watch};
use futures::{StreamExt as _, future::join_all, stream};
use k8s_openapi::api::core::v1::Service;
use kube::{Api, ResourceExt as _, runtime::watcher};
use planner_api::SchedulePlanRequest;
use pod_planner::{NodeName, Uid};
use tokio::{sync::OnceCell, task::spawn_blocking, time::timeout};

pub use self::target::Target;
use self::{call::call, memory::Memory, question::Question, target::targets};
use crate::{args::AskArgs, caches::Caches, dereference::World, metrics::Metrics, validate::PodSet};

/// What the external planners of a set say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Consulted {
    /// The uids of the members that a node was asked for.
    pub asked_for: BTreeSet<Uid>,
    /// Sorted by planner.
    pub answers: Vec<Answer>,
}

/// What one of them says.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Namespace and name of its Service: `<namespace>/<Service>`.
    pub planner: String,
    /// Names of nodes by names of pods, all of which could be such names; or why there is no answer.
    pub assignments: Result<BTreeMap<String, NodeName>, String>,
}

/// Where a planner is reached: a URL.
pub type Route = Arc<dyn Fn(&Target) -> String + Send + Sync>;

/// Asks the external planners.
pub struct Planners {
    /// The Services of each namespace that is trusted.
    services: Vec<Cache<Service>>,
    /// Where this process runs, and with it the planner that is our own.
    home: String,
    deadline: Duration,
    route: Route,
    memory: Mutex<Memory>,
    /// Filled once the Services are known, or have not become so for as long as a planner may take.
    listed: OnceCell<()>,
}

impl Planners {
    /// Nobody is asked.
    pub fn none() -> Self {
        Self::new(Vec::new(), "", &AskArgs::default())
    }

    /// Those among `services`, as `args` say. `home` is the namespace of this process.
    pub fn new(services: Vec<Cache<Service>>, home: &str, args: &AskArgs) -> Self {
        let domain = args.cluster_domain.clone();
        Self {
            services,
            home: home.to_owned(),
            deadline: args.deadline(),
            route: Arc::new(move |target| target.url(&domain)),
            memory: Mutex::default(),
            listed: OnceCell::new(),
        }
    }

    /// Reaches planners elsewhere than by the cluster's DNS.
    #[must_use]
    pub fn with_route(self, route: Route) -> Self {
        Self { route, ..self }
    }

    /// Watches the Services of the namespaces that `args` trust. What is returned beside must be polled; it ends when the
    /// process stops.
    ///
    /// The process is ready without them: a namespace that cannot be watched has no planners, and keeps nobody waiting.
    pub fn watch(kit: &Kit, args: &AskArgs) -> (Self, impl Future<Output = ()> + Send + use<>) {
        let home = kit.client.default_namespace().to_owned();
        let watched = args.namespaces(&home).into_iter().map(|namespace| {
            let services: Api<Service> = Api::namespaced(kit.client.clone(), &namespace);
            let (cache, changes) =
                watch(services, watcher::Config::default(), |service| service.status = None);
            (cache, changes.boxed())
        });
        let (services, changes): (Vec<_>, Vec<_>) = watched.unzip();
        let polled = stream::select_all(changes).take_until(kit.shutdown.clone()).for_each(|_| ready(()));
        (Self::new(services, &home, args), polled)
    }

    /// What the planners of `set` say of the members that are held. None if there is nothing to ask.
    pub(crate) async fn consult(
        &self,
        caches: &Caches,
        metrics: &Metrics,
        world: &World,
        set: &PodSet,
    ) -> Option<Arc<Consulted>> {
        set.held().next()?;
        self.listed.get_or_init(|| self.list()).await;
        let services = self.services.iter().flat_map(|cache| cache.list_all(|_| true));
        let targets = targets(services, &set.name, &self.home);
        if targets.is_empty() {
            return Some(Arc::default());
        }
        let (caches, set) = (caches.clone(), set.clone());
        // None if the process is stopping, too.
        let question = spawn_blocking(move || Question::new(&caches, &set, targets)).await.ok()??;
        let trigger = world.trigger.uid().unwrap_or_default();
        let known = self.memory().recall(&trigger, &question, Instant::now());
        if known.is_some() {
            return known;
        }
        let consulted = Arc::new(self.ask(&question, metrics).await);
        self.memory().remember(trigger, question, consulted.clone(), Instant::now());
        Some(consulted)
    }

    async fn list(&self) {
        let listed = join_all(self.services.iter().map(Cache::ready));
        if timeout(self.deadline, listed).await.is_err() {
            tracing::warn!(
                "the Services of some trusted namespace are not known yet: external planners there are not asked"
            );
        }
    }

    async fn ask(&self, question: &Question, metrics: &Metrics) -> Consulted {
        let calls = question.targets.iter().map(|target| self.ask_one(target, &question.request, metrics));
        Consulted { asked_for: question.members.clone(), answers: join_all(calls).await }
    }

    async fn ask_one(&self, target: &Target, request: &SchedulePlanRequest, metrics: &Metrics) -> Answer {
        let planner = target.to_string();
        let rests = self.memory().rests(&planner, Instant::now());
        if let Some(why) = rests {
            return Answer { planner, assignments: Err(why) };
        }
        let called = call((self.route)(target), request.clone());
        let assignments = timeout(self.deadline, called).await.unwrap_or_else(|_| {
            let why = format!("did not answer within {:?}", self.deadline);
            self.memory().was_silent(planner.clone(), why.clone(), Instant::now());
            Err(why)
        });
        metrics.asked(assignments.is_ok());
        Answer { planner, assignments }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
