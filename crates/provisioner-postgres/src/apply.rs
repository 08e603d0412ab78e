//! Step 4: makes what was built, in an order in which the process may die after any write.
//!
//! - Credentials come before the volume: a volume without credentials then means that they were lost.
//! - Credentials never go before the data: they become owned by the claim last, and are released first.

use api_types::DeprovisionPolicy;
use controller_kit::{Applier, Created};
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::StatefulSet,
        core::v1::{PersistentVolumeClaim, Secret},
    },
};
use kube::{
    Api, Client, Resource,
    api::{Patch, PatchParams, PostParams},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::{
    NAME,
    build::{Kept, Objects},
    credentials::{Credentials, Password},
    dereference::{Caches, Found},
    names::Names,
    validate::Database,
};

/// Writes, and remembers what it wrote.
#[derive(Clone)]
pub struct Writer {
    client: Client,
    applier: Applier,
    caches: Caches,
}

/// What became of the writes.
#[derive(Debug)]
pub enum Outcome {
    /// Everything is as it was built.
    Applied(Box<Applied>),
    /// The API server does not allow it; in its own words.
    Refused(String),
    /// Something has changed since it was read: look again.
    Outdated,
}

/// What the API server holds now.
#[derive(Debug)]
pub struct Applied {
    /// The credentials.
    pub secret: Secret,
    /// PostgreSQL.
    pub database: StatefulSet,
}

/// A write failed for a reason that may go away by itself.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server did not answer as it should.
    #[error("failed to write the {what} of the claim")]
    Write {
        /// Which part of the database.
        what: &'static str,
        /// What went wrong.
        source: kube::Error,
    },
    /// There is no password without it.
    #[error("failed to get randomness from the operating system")]
    Randomness(#[from] rand::rngs::SysError),
}

/// Why the writes were not brought to an end.
enum Stop {
    Refused(String),
    Outdated,
    Failed(Error),
}

impl Writer {
    /// Writes with `client` and `applier`, and records in `caches`.
    pub fn new(client: Client, applier: Applier, caches: Caches) -> Self {
        Self { client, applier, caches }
    }

    /// Makes `objects`, which were built for `database` from what was `found`.
    ///
    /// # Errors
    /// If the API server does not answer as it should.
    pub async fn apply(
        &self,
        objects: Objects,
        database: &Database,
        found: &Found,
    ) -> Result<Outcome, Error> {
        match self.write(objects, database, found).await {
            Ok(applied) => Ok(Outcome::Applied(Box::new(applied))),
            Err(Stop::Refused(message)) => Ok(Outcome::Refused(message)),
            Err(Stop::Outdated) => Ok(Outcome::Outdated),
            Err(Stop::Failed(error)) => Err(error),
        }
    }

    async fn write(&self, objects: Objects, database: &Database, found: &Found) -> Result<Applied, Stop> {
        let Objects { mut secret, volume, service, database: statefulset } = objects;
        let owned = database.claim.policy == DeprovisionPolicy::Delete;
        if !owned || matches!(secret, Kept::Create(_)) {
            secret = Kept::Unchanged(self.secret(secret, database).await?);
        }
        self.volume(volume, &database.names).await?;
        if let Some(service) = self.put("host name", service, found.service.as_deref()).await? {
            self.caches.services.record(service);
        }
        let applied = self.statefulset(statefulset, found).await?;
        Ok(Applied { secret: self.secret(secret, database).await?, database: applied })
    }

    async fn statefulset(&self, desired: StatefulSet, found: &Found) -> Result<StatefulSet, Stop> {
        let live = found.database.as_deref();
        Ok(match self.put("database", desired.clone(), live).await? {
            Some(written) => {
                self.caches.databases.record(written.clone());
                written
            }
            None => live.cloned().unwrap_or(desired),
        })
    }

    /// Applies `desired` to `live`, or creates it: whoever took its name since nothing was found there keeps it. None
    /// if there was nothing to write.
    async fn put<K>(&self, what: &'static str, desired: K, live: Option<&K>) -> Result<Option<K>, Stop>
    where
        K: Resource<DynamicType = ()> + Serialize + DeserializeOwned + Clone,
    {
        let Some(live) = live else {
            return match self.applier.create(desired).await.map_err(stopped(what))? {
                Created::Written(object) => Ok(Some(object)),
                Created::InTheWay => Err(Stop::Outdated),
            };
        };
        Ok(self.applier.apply(desired, Some(live)).await.map_err(stopped(what))?.written())
    }

    /// The password is generated only to be created with the Secret: if another one is there by then, that one holds.
    async fn secret(&self, secret: Kept<Secret>, database: &Database) -> Result<Secret, Stop> {
        let names = &database.names;
        match secret {
            Kept::Unchanged(secret) => Ok(secret),
            Kept::Patch(live, patch) => self.patch(&live, patch, names).await.map_err(stopped("credentials")),
            Kept::Create(mut secret) => {
                let password = Password::generate().map_err(|error| Stop::Failed(error.into()))?;
                secret.data = Some(Credentials { host: database.host.clone(), password }.data());
                self.create(&secret, names).await.map_err(stopped("credentials"))
            }
        }
    }

    async fn volume(&self, volume: Kept<PersistentVolumeClaim>, names: &Names) -> Result<(), Stop> {
        let written = match volume {
            Kept::Unchanged(_) => return Ok(()),
            Kept::Patch(live, patch) => self.patch(&live, patch, names).await,
            Kept::Create(volume) => self.create(&volume, names).await,
        };
        self.caches.volumes.record(written.map_err(stopped("volume"))?);
        Ok(())
    }

    async fn create<K>(&self, object: &K, names: &Names) -> Result<K, kube::Error>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Serialize + DeserializeOwned + Clone,
        K: std::fmt::Debug,
    {
        let api = Api::namespaced(self.client.clone(), &names.namespace);
        let params = PostParams { field_manager: Some(NAME.to_owned()), ..PostParams::default() };
        api.create(&params, object).await
    }

    async fn patch<K>(&self, live: &K, patch: Map<String, Value>, names: &Names) -> Result<K, kube::Error>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Serialize + DeserializeOwned + Clone,
        K: std::fmt::Debug,
    {
        let api: Api<K> = Api::namespaced(self.client.clone(), &names.namespace);
        let name = live.meta().name.as_deref().unwrap_or_default();
        let params = PatchParams { field_manager: Some(NAME.to_owned()), ..PatchParams::default() };
        api.patch(name, &params, &Patch::Merge(patch)).await
    }
}

/// Tells apart what the API server does not allow, what has changed meanwhile, and what went wrong.
fn stopped(what: &'static str) -> impl Fn(kube::Error) -> Stop {
    move |error| match &error {
        kube::Error::Api(status) if status.is_forbidden() || status.is_invalid() => {
            tracing::warn!(what, message = status.message, "the API server refuses a part of the database");
            Stop::Refused(status.message.clone())
        }
        kube::Error::Api(status) if status.code == 409 || status.is_not_found() => Stop::Outdated,
        _ => Stop::Failed(Error::Write { what, source: error }),
    }
}
