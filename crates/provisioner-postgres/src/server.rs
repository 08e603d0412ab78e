//! Classes of kind `server`: a database and roles on a PostgreSQL server that the platform gives.
//!
//! A pass reads the claim's Secret and the platform's credentials, [`judge`]s them and whether the server is the right one
//! ([`origin`]), writes down in the Secret what it is going to make ([`record`]), looks at the server ([`observe`]),
//! [`decide`]s what is missing, makes it and logs in ([`provide`]), removes logins that were replaced once nothing runs with
//! them ([`rolled_out`]), and answers ([`conclude`]). Whose a database is stands on the server itself ([`names`]), so that
//! nothing foreign is ever touched and a deletion needs nothing but the claim ([`deprovision`]).

mod access;
mod authority;
mod breaker;
mod conclude;
mod connect;
mod decide;
mod deprovision;
mod failure;
mod judge;
mod keep;
mod leave;
mod names;
mod observe;
mod origin;
mod provide;
mod record;
mod rolled_out;
mod rotation;
mod secrets;
mod settings;
mod statements;
mod survey;

use std::sync::Arc;

use api_types::ResourceClaim;
use controller_kit::Cache;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::{Client, ResourceExt as _};
use provisioner_kit::{
    AllowedSecrets, Answer, Claim, Finalizer, Leftovers, Marks, Pass, PassError, Secrets, Stop,
};

use self::{
    connect::{Server, Servers},
    decide::{Desired, Obstacle},
    failure::Failure,
    names::Mark,
    provide::{Provided, Target},
    record::Record,
    settings::{ServerSettings, Tls, is_server},
};
use crate::{NAME, names::Names};

pub use self::{connect::Limits, origin::keeping, record::is_of_server};

/// Stands on a claim whose database on a server is to be dropped with it.
pub const FINALIZER: Finalizer = Finalizer { name: "score.dev/postgres", manager: NAME };

/// Whether this module answers `claim`.
pub fn concerns(claim: &ResourceClaim) -> bool {
    FINALIZER.holds(claim) || is_server(claim.spec.parameters.as_ref().map(|parameters| &parameters.0))
}

/// Provides databases on servers.
pub struct OnServer {
    client: Client,
    claims: Cache<ResourceClaim>,
    leftovers: Arc<Leftovers>,
    allowed: AllowedSecrets,
    secrets: Secrets,
    servers: Servers,
}

/// What an [`OnServer`] is made of.
pub struct Parts {
    /// Calls the API server.
    pub client: Client,
    /// The claims to answer.
    pub claims: Cache<ResourceClaim>,
    /// Is told of claims that have something on a server.
    pub leftovers: Arc<Leftovers>,
    /// The credentials and authorities of servers.
    pub allowed: AllowedSecrets,
    /// How long things may take on a server.
    pub limits: Limits,
}

/// A claim, and what it says.
struct Case<'a> {
    object: &'a ResourceClaim,
    claim: Claim,
    names: Names,
    settings: ServerSettings,
    server: Arc<Server>,
}

impl OnServer {
    /// One made of `parts`.
    pub fn new(parts: Parts) -> Self {
        let Parts { client, claims, leftovers, allowed, limits } = parts;
        let secrets = Secrets::new(client.clone(), NAME);
        Self { client, claims, leftovers, allowed, secrets, servers: Servers::new(limits) }
    }

    /// Makes what `object` claims, or removes it, and says how far it is.
    ///
    /// # Errors
    /// If something that may mend itself is in the way of the API server; whatever the database server does is an answer.
    pub async fn pass(&self, object: &ResourceClaim) -> Result<Pass, PassError> {
        Pass::ended(match object.metadata.deletion_timestamp {
            Some(_) => self.leave(object).await,
            // Once the credentials are lost too, nothing else tells where the database is.
            None => self.provide(object).await.map_err(|stop| stop.map(|answer| keeping(answer, object))),
        })
    }

    async fn provide(&self, object: &ResourceClaim) -> Result<Answer, Stop> {
        let claim = Claim::try_from(object)?;
        let settings = judge::server_settings(&object.spec)?;
        let names = Names::of(&claim.namespace, &claim.name);
        let secret = self.secrets.own(&names.namespace, &names.secret).await?;
        judge::free(&claim, &names, secret.as_ref())?;
        let server = self.server(&settings).await?;
        let case = Case { object, claim, names, settings, server };
        origin::check(&case, secret.as_ref()).await?;
        let (mut secret, mut record) = self.keep(&case, secret).await?;
        let asked = object.annotations().get(rotation::ANNOTATION_ROTATE).map(String::as_str);
        if record.provisioned && rotation::is_due(&record, asked, &case.settings.rotation, Timestamp::now()) {
            (secret, record) = self.rotate(&case, &secret, &record, asked).await?;
        }
        self.work(&case, secret, record).await
    }

    /// The server of `settings`, with the credentials that are there now.
    async fn server(&self, settings: &ServerSettings) -> Result<Arc<Server>, Stop> {
        let given = async |name: &str| self.secrets.given(&self.allowed, name).await;
        let admin = given(&settings.server.admin_secret).await?;
        let authority = match &settings.server.tls {
            Tls::Disable => None,
            Tls::Verify { secret, .. } if *secret == settings.server.admin_secret => Some(admin.clone()),
            Tls::Verify { secret, .. } => Some(given(secret).await?),
        };
        let access = judge::access(settings, &admin, authority.as_ref(), &self.allowed.namespace)?;
        Ok(self.servers.get(&access).map_err(|error| conclude::unusable(settings, &error))?)
    }

    async fn work(&self, case: &Case<'_>, secret: Secret, mut record: Record) -> Result<Answer, Stop> {
        let target = target(case, &record);
        let outputs = record.provisioned.then(|| record.outputs(&case.settings, &secret));
        let failed = |failure| conclude::failed(&failure, &case.settings, outputs.clone());
        let retired = match provide::provide(&case.server, &target).await.map_err(failed)? {
            Provided::Complete(logins) => logins.retired,
            // What was handed out leads to nothing any more.
            Provided::Hindered(gone @ Obstacle::Gone(_)) => return Ok(conclude::hindered(&gone, case)),
            Provided::Hindered(obstacle) => return Err(conclude::hindered(&obstacle, case).into()),
        };
        match provide::furnish(&case.server, &target).await {
            // Its own clients fill it, so it is in use. What it lacks is added once there is room.
            Err(Failure::Full) if record.provisioned => {}
            result => result.map_err(failed)?,
        }
        match provide::log_in(&case.server, &target).await {
            Err(Failure::Refused) => return Err(conclude::shut_out(case).into()),
            result => result.map_err(failed)?,
        }
        record.provisioned = true;
        let secret = self.write(secret, &Marks::of(&case.claim, NAME), &record, &case.settings).await?;
        self.survey(&case.server).await;
        let outputs = record.outputs(&case.settings, &secret);
        self.retire(case, &target, &retired, &outputs.revision).await?;
        Ok(conclude::ready().outputs(outputs))
    }

    /// Removes the logins with `numbers`, which were replaced, once every Workload that uses the claim runs with the outputs
    /// of `revision`: those of this pass, since the claim's status may still have those before.
    async fn retire(
        &self,
        case: &Case<'_>,
        target: &Target,
        numbers: &[u32],
        revision: &str,
    ) -> Result<(), Stop> {
        // While there is no such login, nothing is asked.
        if numbers.is_empty() || !self.has_rolled_out(case, revision).await? {
            return Ok(());
        }
        if let Err(failure) = provide::retire(&case.server, target, numbers).await {
            // It is of no concern to the claim, whose credentials work, and is tried again at the next look.
            tracing::warn!(
                error = &failure as &dyn std::error::Error,
                "a replaced login could not be removed"
            );
        }
        Ok(())
    }
}

fn target(case: &Case<'_>, record: &Record) -> Target {
    let desired = Desired {
        base: record.base.clone(),
        mark: Mark::of(&case.claim),
        login: record.login,
        provisioned: record.provisioned,
        retires: rotation::retires(record, &case.settings.rotation, Timestamp::now()),
        connection_limit: case.settings.connection_limit,
    };
    Target { desired, password: record.password.clone(), settings: case.settings.clone() }
}
