//! The driver: dereference → release → validate → build → apply → probe → conclude, or [`server`]; [`ClaimLoop`] tells
//! the claim.

use std::sync::Arc;

use api_types::{ClaimPhase, ResourceClaim, metadata::LABEL_MANAGED_BY};
use async_trait::async_trait;
use controller_kit::{Applier, Cache, CacheClosed, Kit};
use k8s_openapi::api::core::v1::{Pod, PodSpec};
use kube::{
    Client, Resource,
    runtime::{reflector::ObjectRef, watcher},
};
use provisioner_kit::{
    AllowedSecrets, Answer, Claim, ClaimLoop, Incomplete, Leftovers, Pass, PassError, Provide, Retry,
    claim_of,
};

use crate::{
    Args, NAME,
    apply::{self, Applied, Outcome, Writer},
    build::build,
    conclude::{Service, conclude, noted, outputs},
    dereference::{self, Caches, Found, dereference},
    health,
    names::Names,
    probe::{Login, PostgresLogin, is_due},
    release::{self, release_all},
    server::{self, FINALIZER, Limits, OnServer},
    settings::Defaults,
    validate::{Database, validate},
};

/// Everything that a reconcile needs.
pub struct Provisioner {
    client: Client,
    caches: Caches,
    writer: Writer,
    defaults: Defaults,
    login: Arc<dyn Login>,
    on_server: OnServer,
    leftovers: Arc<Leftovers>,
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
    /// What is to outlive the claim could not be released from it.
    #[error(transparent)]
    Release(#[from] release::Error),
    /// What is wanted could not be written.
    #[error(transparent)]
    Apply(#[from] apply::Error),
    /// A database on a server could not be provided.
    #[error(transparent)]
    OnServer(#[from] PassError),
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
    /// The platform's Secrets with the credentials and authorities of servers.
    pub server_secrets: AllowedSecrets,
    /// How long things may take on a server.
    pub limits: Limits,
}

impl Provisioner {
    /// A provisioner made of `parts`.
    pub fn new(parts: Parts) -> Self {
        let Parts { client, claims, caches, defaults, login, server_secrets, limits } = parts;
        let applier = Applier::new(client.clone(), NAME);
        let writer = Writer::new(client.clone(), applier, caches.clone());
        let leftovers = Leftovers::new(client.clone(), NAME, claims.clone(), Arc::new(caches.clone()));
        let leftovers = Arc::new(leftovers);
        let on_server = OnServer::new(server::Parts {
            client: client.clone(),
            claims,
            leftovers: leftovers.clone(),
            allowed: server_secrets,
            limits,
        });
        Self { client, caches, writer, defaults, login, on_server, leftovers }
    }

    /// What claims that are gone have left behind.
    pub fn leftovers(&self) -> &Arc<Leftovers> {
        &self.leftovers
    }

    /// Provides a database of its own, of which this was `found`.
    async fn serve(&self, claim: Claim, object: &ResourceClaim, mut found: Found) -> Result<Pass, Error> {
        let answer = match self.judge(claim, object, &mut found).await {
            Ok(database) => self.provide(object, &database, &found).await?,
            Err(answer) => Some(answer),
        };
        // What was handed out says that there is data, and where, should the class have been of the other kind.
        let has_data = found.was_bound || found.secret.as_ref().is_some_and(server::is_of_server);
        Ok(match answer {
            Some(answer) if has_data => Pass::Answered(server::keeping(answer, object)),
            Some(answer) => Pass::Answered(answer),
            None => Pass::Waits(Retry::Soon),
        })
    }

    /// Judges the claim, and does so again with what PostgreSQL says of itself if that matters.
    async fn judge(
        &self,
        claim: Claim,
        object: &ResourceClaim,
        found: &mut Found,
    ) -> Result<Database, Answer> {
        let database = validate(claim.clone(), &object.spec, found, &self.defaults)?;
        let serves = found.database.as_deref().is_some_and(health::serves);
        match &database.credentials {
            Some(credentials) if database.asks && serves => {
                found.version = self.login.version(credentials).await;
                validate(claim, &object.spec, found, &self.defaults)
            }
            _ => Ok(database),
        }
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
                let refused = health::refused(&message, &database.settings).retry(Retry::Rarely);
                Some(noted(refused, database))
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
        let answer = conclude(database, found, service);
        // From the first time that it is Bound: until then there is no data that somebody could miss.
        let is_known = found.was_bound || answer.phase == ClaimPhase::Bound;
        Some(if is_known { answer.outputs(outputs) } else { answer })
    }
}

#[async_trait]
impl Provide for Provisioner {
    type Error = Error;

    async fn ready(&self) -> Result<(), CacheClosed> {
        self.caches.ready().await
    }

    async fn pass(&self, object: &ResourceClaim) -> Result<Pass, Error> {
        let claim = Claim::try_from(object)?;
        let names = Names::of(&claim.namespace, &claim.name);
        let is_on_server = server::concerns(object);
        if is_on_server && !self.caches.hold(&names) {
            return Ok(self.on_server.pass(object).await?);
        }
        let mut found = dereference(&self.client, &self.caches, object, &names).await?;
        let released = release_all(&self.client, &self.caches, &claim, &mut found).await?;
        if released == release::Outcome::Outdated {
            return Ok(Pass::Waits(Retry::Soon));
        }
        let pass = if is_on_server {
            self.on_server.pass(object).await?
        } else {
            self.serve(claim, object, found).await?
        };
        Ok(if released == release::Outcome::Refused { again(pass) } else { pass })
    }
}

/// The same, but looked at again: nothing tells when the API server allows what it has refused.
fn again(pass: Pass) -> Pass {
    match pass {
        Pass::Answered(answer) if answer.retry == Retry::Never => Pass::Answered(answer.retry(Retry::Rarely)),
        pass => pass,
    }
}

/// Runs the controller until the process stops.
pub async fn start(kit: Kit, args: Args) {
    let wanted = watcher::Config::default().fields(&format!("spec.provisioner={}", args.provisioner_name));
    let ours = watcher::Config::default().labels(&format!("{LABEL_MANAGED_BY}={NAME}"));
    let (claims, claim_events) = kit.watch(kit.api(), wanted, |_| ());
    let (volumes, volume_events) = kit.watch(kit.api(), ours.clone(), |_| ());
    let (services, service_events) = kit.watch(kit.api(), ours.clone(), |_| ());
    let (databases, database_events) = kit.watch(kit.api(), ours.clone(), |_| ());
    let (pods, pod_events) = kit.watch(kit.api(), ours, trim);
    let provisioner = Provisioner::new(Parts {
        client: kit.client.clone(),
        claims: claims.clone(),
        caches: Caches { volumes, services, databases, pods },
        login: Arc::new(PostgresLogin::new(args.login_timeout())),
        server_secrets: args.server_secrets(kit.client.default_namespace()),
        limits: args.limits(),
        defaults: args.into(),
    });
    let leftovers = provisioner.leftovers.clone();
    let (volume_events, service_events, database_events) = (
        leftovers.woken_by(volume_events),
        leftovers.woken_by(service_events),
        leftovers.woken_by(database_events),
    );
    ClaimLoop::new(NAME, kit.client.clone(), claims, provisioner)
        .run(&kit, claim_events, FINALIZER, leftovers, |claims| {
            claims
                .watches_stream(volume_events, claim_ref)
                .watches_stream(service_events, claim_ref)
                .watches_stream(database_events, claim_ref)
                .watches_stream(pod_events, claim_ref)
        })
        .await;
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
