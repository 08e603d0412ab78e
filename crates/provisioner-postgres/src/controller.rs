//! The driver: dereference → validate → build → apply → probe → update_status.

use std::sync::Arc;

use api_types::{ResourceClaim, metadata::LABEL_MANAGED_BY};
use async_trait::async_trait;
use controller_kit::{Applier, Cache, CacheClosed, Kit, reconcile_in, reconcile_span};
use futures::{Stream, StreamExt as _, channel::mpsc};
use k8s_controller::{Context, TraceMetadata};
use k8s_openapi::api::core::v1::{Pod, PodSpec};
use kube::{
    Client, Resource,
    runtime::{Controller, controller::Action, reflector::ObjectRef, watcher},
};
use provisioner_kit::{
    Answer, Claim, Incomplete, Leftovers, Retries, Retry, UpdateStatusError, claim_of, newest, status,
    update_status,
};

use crate::{
    Args, NAME,
    apply::{self, Applied, Outcome, Writer},
    build::build,
    conclude::{Service, conclude, outputs},
    dereference::{self, Caches, Found, dereference},
    health,
    names::Names,
    probe::{Login, PostgresLogin, is_due},
    server::{self, FINALIZER, Limits, OnServer},
    settings::Defaults,
    validate::{Database, validate},
};

/// Everything that a reconcile needs.
pub struct Provisioner {
    client: Client,
    applier: Applier,
    claims: Cache<ResourceClaim>,
    caches: Caches,
    writer: Writer,
    defaults: Defaults,
    login: Arc<dyn Login>,
    retries: Retries,
    on_server: OnServer,
    leftovers: Arc<Leftovers>,
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
    /// The answer could not be written.
    #[error(transparent)]
    UpdateStatus(#[from] UpdateStatusError),
    /// A database on a server could not be provided.
    #[error(transparent)]
    OnServer(#[from] server::Error),
}

/// What a [`Provisioner`] is made of.
pub struct Parts {
    /// Calls the API server.
    pub client: Client,
    /// The claims to answer.
    pub claims: Cache<ResourceClaim>,
    /// What was made for them.
    pub caches: Caches,
    /// What every database is made of.
    pub defaults: Defaults,
    /// Tries credentials.
    pub login: Arc<dyn Login>,
    /// The namespace in which the platform's Secrets with the credentials of servers lie.
    pub secrets_namespace: String,
    /// How long things may take on a server.
    pub limits: Limits,
}

impl Provisioner {
    /// A provisioner made of `parts`.
    pub fn new(parts: Parts) -> Self {
        let Parts { client, claims, caches, defaults, login, secrets_namespace, limits } = parts;
        let applier = Applier::new(client.clone(), NAME);
        let writer = Writer::new(client.clone(), applier.clone(), caches.clone());
        let leftovers = Leftovers::new(client.clone(), NAME, claims.clone(), Arc::new(caches.clone()));
        let leftovers = Arc::new(leftovers);
        let on_server = OnServer::new(server::Parts {
            client: client.clone(),
            applier: applier.clone(),
            claims: claims.clone(),
            leftovers: leftovers.clone(),
            namespace: secrets_namespace,
            limits,
        });
        let retries = Retries::default();
        Self { client, applier, claims, caches, writer, defaults, login, retries, on_server, leftovers }
    }

    /// What claims that are gone have left behind.
    pub fn leftovers(&self) -> &Arc<Leftovers> {
        &self.leftovers
    }

    /// Makes what `object` claims, as far as it is not there yet, and says how far it is.
    ///
    /// # Errors
    /// If something that may mend itself is in the way; outcomes that a user must know of are answers, not errors.
    pub async fn reconcile(&self, object: &ResourceClaim) -> Result<Retry, Error> {
        if server::concerns(object) {
            return Ok(self.on_server.reconcile(object).await?);
        }
        let claim = Claim::try_from(object)?;
        let names = Names::of(&claim.namespace, &claim.name);
        let found = dereference(&self.client, &self.caches, &names).await?;
        let answer = match validate(claim, &object.spec, &found, &self.defaults) {
            Ok(database) => self.provide(object, &database, &found).await?,
            Err(answer) => Some(answer),
        };
        let Some(answer) = answer else { return Ok(Retry::Soon) };
        let retry = answer.retry;
        update_status(&self.applier, &self.claims, object, &status(answer, object.metadata.generation))
            .await?;
        Ok(retry)
    }

    /// Builds and applies, and looks at what became of it. None if all has to be read again.
    async fn provide(
        &self,
        object: &ResourceClaim,
        database: &Database,
        found: &Found,
    ) -> Result<Option<Answer>, apply::Error> {
        Ok(match self.writer.apply(build(database, found), database, found).await? {
            Outcome::Applied(applied) => self.assess(object, database, found, &applied).await,
            Outcome::Refused(message) => {
                Some(health::refused(&message, &database.settings).retry(Retry::Rarely))
            }
            Outcome::Outdated => None,
        })
    }

    async fn assess(
        &self,
        object: &ResourceClaim,
        database: &Database,
        found: &Found,
        applied: &Applied,
    ) -> Option<Answer> {
        let (credentials, outputs) = outputs(database, applied)?;
        let service = match health::serves(&applied.database) {
            false => Service::Absent,
            true if is_due(object.status.as_ref(), &outputs.revision) => {
                Service::Tried(self.login.attempt(&credentials).await)
            }
            true => Service::Known,
        };
        Some(conclude(database, found, service).outputs(outputs))
    }

    /// Looks after the claim, as it is by now, if it is being deleted or if it is not, and says when to come again.
    async fn look(&self, claim: &ResourceClaim, leaves: bool) -> Result<Action, Error> {
        self.caches.ready().await?;
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
    let ours = watcher::Config::default().labels(&format!("{LABEL_MANAGED_BY}={NAME}"));
    let (claims, claim_events) = kit.watch(kit.api(), wanted.clone(), |_| ());
    let (volumes, volume_events) = kit.watch(kit.api(), ours.clone(), |_| ());
    let (services, service_events) = kit.watch(kit.api(), ours.clone(), |_| ());
    let (databases, database_events) = kit.watch(kit.api(), ours.clone(), |_| ());
    let (pods, pod_events) = kit.watch(kit.api(), ours, trim);
    let provisioner = Arc::new(Provisioner::new(Parts {
        client: kit.client.clone(),
        claims: claims.clone(),
        caches: Caches { volumes, services, databases, pods },
        login: Arc::new(PostgresLogin::new(args.login_timeout())),
        secrets_namespace: args
            .secrets_namespace()
            .unwrap_or_else(|| kit.client.default_namespace().to_owned()),
        limits: args.limits(),
        defaults: args.into(),
    }));
    let leftovers = provisioner.leftovers.clone();
    if let Err(error) = leftovers.count_in(&kit.registry) {
        tracing::error!(error = &error as &dyn std::error::Error, "cannot count what is left behind");
    }
    let (departures, leaving) = mpsc::unbounded();
    let claim_events = claim_events.inspect(move |event| FINALIZER.tell(event, &departures));
    let inner = Controller::for_stream(waking(&leftovers, claim_events), claims.store())
        .watches_stream(waking(&leftovers, volume_events), claim_ref)
        .watches_stream(waking(&leftovers, service_events), claim_ref)
        .watches_stream(waking(&leftovers, database_events), claim_ref)
        .watches_stream(pod_events, claim_ref);
    let living = Living(provisioner.clone());
    let controller = k8s_controller::Controller::namespaced_all(kit.client.clone(), living, wanted);
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

/// `events`, each of which may be that something has lost its claim.
fn waking<K: 'static>(
    leftovers: &Arc<Leftovers>,
    events: impl Stream<Item = Result<K, watcher::Error>> + Send + 'static,
) -> impl Stream<Item = Result<K, watcher::Error>> + Send + 'static {
    let leftovers = leftovers.clone();
    events.inspect(move |_| leftovers.wake())
}

/// The claim that an object was made for. Retained objects have no owner, so the mark is an annotation.
fn claim_ref<K: Resource>(object: K) -> Option<ObjectRef<ResourceClaim>> {
    let name = claim_of(object.meta())?;
    Some(ObjectRef::new(name).within(object.meta().namespace.as_deref()?))
}

/// Of a pod only its state matters.
fn trim(pod: &mut Pod) {
    pod.spec = pod.spec.is_some().then(PodSpec::default);
}
