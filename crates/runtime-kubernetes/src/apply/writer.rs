//! The hand that writes.

use std::{fmt::Debug, sync::Arc};

use controller_kit::{Applied, Applier, Cache, Created};
use k8s_openapi::{NamespaceResourceScope, api::core::v1::Event};
use kube::{Api, Client, Resource, ResourceExt as _, api::ListParams, core::Status};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;

use super::succession;
use crate::{
    build::ANNOTATION_REPLICAS,
    dereference::Caches,
    main_object::{Main, Mains},
    observe::Unmade,
    tidy::Expiry,
};

/// Writes to the cluster.
#[derive(Clone)]
pub struct Writer {
    /// Asks for what no cache holds.
    pub client: Client,
    /// Applies and deletes.
    pub applier: Applier,
}

/// Neither done nor refused.
#[derive(Debug, thiserror::Error)]
#[error("failed to {action} the {kind} of the plan")]
pub struct Error {
    action: &'static str,
    kind: String,
    pub(super) source: kube::Error,
}

impl Error {
    pub(super) fn new<K: Resource<DynamicType = ()>>(action: &'static str, source: kube::Error) -> Self {
        Self { action, kind: K::kind(&()).into_owned(), source }
    }
}

impl Writer {
    /// The object under the name of `desired`, also if it is none of those that the cache holds, which are ours.
    /// Costs a request, but only before something is created.
    pub(super) async fn live<K>(
        &self,
        desired: Option<&K>,
        cached: Option<Arc<K>>,
    ) -> Result<Option<Arc<K>>, Error>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
    {
        let Some(desired) = desired.filter(|_| cached.is_none()) else { return Ok(cached) };
        let api = Api::<K>::namespaced(self.client.clone(), &desired.namespace().unwrap_or_default());
        let found = api.get_opt(&desired.name_any()).await;
        found.map(|found| found.map(Arc::new)).map_err(|source| Error::new::<K>("look for", source))
    }

    /// As [`Self::live`], for the one of the kind that is desired, if any is.
    pub(super) async fn live_mains(&self, desired: Option<&Main>, cached: Mains) -> Result<Mains, Error> {
        let Some(desired) = desired else { return Ok(cached) };
        let Mains { deployment, stateful_set, job, cron_job } = cached.clone();
        Ok(match desired {
            Main::Deployment(desired) => {
                Mains { deployment: self.live(Some(&**desired), deployment).await?, ..cached }
            }
            Main::StatefulSet(desired) => {
                Mains { stateful_set: self.live(Some(&**desired), stateful_set).await?, ..cached }
            }
            Main::Job(desired) => Mains { job: self.live(Some(&**desired), job).await?, ..cached },
            Main::CronJob(desired) => {
                Mains { cron_job: self.live(Some(&**desired), cron_job).await?, ..cached }
            }
        })
    }

    /// Writes the main object unless it is as desired, and returns it as it is then.
    pub(super) async fn write_main(
        &self,
        desired: &Main,
        live: Mains,
        caches: &Caches,
    ) -> Result<Main, Error> {
        Ok(match desired {
            Main::Deployment(desired) => {
                self.leave_scaling(&**desired, live.deployment.as_deref()).await?;
                Main::Deployment(self.write(&**desired, live.deployment, &caches.deployments).await?)
            }
            Main::StatefulSet(desired) => {
                self.leave_scaling(&**desired, live.stateful_set.as_deref()).await?;
                Main::StatefulSet(self.write(&**desired, live.stateful_set, &caches.stateful_sets).await?)
            }
            Main::Job(desired) => {
                let desired = succession::onto(desired, live.job.as_deref());
                Main::Job(self.write(&desired, live.job, &caches.jobs).await?)
            }
            Main::CronJob(desired) => {
                Main::CronJob(self.write(&**desired, live.cron_job, &caches.cron_jobs).await?)
            }
        })
    }

    /// Others are to decide how many instances there are from now on: until they do, there are as many as before.
    async fn leave_scaling<K>(&self, desired: &K, live: Option<&K>) -> Result<(), Error>
    where
        K: Resource<DynamicType = ()> + Serialize + DeserializeOwned,
    {
        let decides = |object: &K| object.annotations().contains_key(ANNOTATION_REPLICAS);
        let Some(live) = live.filter(|live| decides(live) && !decides(desired)) else { return Ok(()) };
        let failed = |source| Error::new::<K>("leave the scaling of", source);
        let document =
            serde_json::to_value(live).map_err(|source| failed(kube::Error::SerdeError(source)))?;
        let fields = json!({"spec": {"replicas": document["spec"]["replicas"]}});
        self.applier.leave(live, fields).await.map(drop).map_err(failed)
    }

    async fn write<K>(&self, desired: &K, live: Option<Arc<K>>, cache: &Cache<K>) -> Result<Arc<K>, Error>
    where
        K: Resource<DynamicType = ()> + Clone + Serialize + DeserializeOwned,
    {
        let Some(live) = live else { return self.create(desired, cache).await };
        match self.applier.apply(desired.clone(), Some(&*live)).await {
            Ok(Applied::Unchanged) => Ok(live),
            Ok(Applied::Written(written)) => {
                cache.record(written.clone());
                Ok(Arc::new(written))
            }
            Err(source) => Err(Error::new::<K>("apply", source)),
        }
    }

    /// What somebody made under the name since this controller looked is none of its business: the next attempt looks
    /// again.
    async fn create<K>(&self, desired: &K, cache: &Cache<K>) -> Result<Arc<K>, Error>
    where
        K: Resource<DynamicType = ()> + Clone + Serialize + DeserializeOwned,
    {
        match self.applier.create(desired.clone()).await {
            Ok(Created::Written(written)) => {
                cache.record(written.clone());
                Ok(Arc::new(written))
            }
            Ok(Created::InTheWay) => {
                let status = Status::failure("somebody made it a moment ago", "AlreadyExists").with_code(409);
                Err(Error::new::<K>("create", kube::Error::Api(status.boxed())))
            }
            Err(source) => Err(Error::new::<K>("create", source)),
        }
    }

    /// Makes there be what is desired, or nothing.
    pub(super) async fn write_or_delete<K>(
        &self,
        desired: Option<&K>,
        live: Option<Arc<K>>,
        cache: &Cache<K>,
    ) -> Result<(), Error>
    where
        K: Resource<DynamicType = ()> + Clone + Serialize + DeserializeOwned,
    {
        match (desired, live) {
            (Some(desired), live) => self.write(desired, live, cache).await.map(drop),
            (None, Some(live)) => self.delete(&*live).await,
            (None, None) => Ok(()),
        }
    }

    /// Deletes an object along with what it owns.
    async fn delete<K: Resource<DynamicType = ()>>(&self, object: &K) -> Result<(), Error> {
        self.applier.delete(object).await.map_err(|source| Error::new::<K>("delete", source))
    }

    /// Deletes a main object whose place another has taken.
    ///
    /// # Errors
    /// If the API server cannot be asked, or objects.
    pub async fn delete_main(&self, former: &Main) -> Result<(), Error> {
        match former {
            Main::Deployment(object) => self.delete(&**object).await,
            Main::StatefulSet(object) => self.delete(&**object).await,
            Main::Job(object) => self.delete(&**object).await,
            Main::CronJob(object) => self.delete(&**object).await,
        }
    }

    /// What keeps instances from being created, as far as that is still known, the newest first.
    ///
    /// # Errors
    /// If the API server cannot be asked.
    pub async fn refused_instances(&self, namespace: &str, unmade: Unmade<'_>) -> Result<Vec<String>, Error> {
        let fields = format!("involvedObject.uid={},reason=FailedCreate", unmade.uid);
        let about = ListParams::default().fields(&fields);
        let events = Api::<Event>::namespaced(self.client.clone(), namespace).list(&about).await;
        let mut events = events.map_err(|source| Error::new::<Event>("look for", source))?.items;
        events.retain(|event| event.last_timestamp.as_ref().is_none_or(|time| Some(time.0) >= unmade.made));
        events.sort_by_key(|event| std::cmp::Reverse(event.last_timestamp.as_ref().map(|time| time.0)));
        Ok(events.into_iter().filter_map(|event| event.message).collect())
    }

    /// Deletes what was kept for long enough after it completed.
    ///
    /// # Errors
    /// If the API server cannot be asked, or objects.
    pub async fn delete_expired(&self, expiry: &Expiry) -> Result<(), Error> {
        for job in &expiry.jobs {
            self.delete(&**job).await?;
        }
        Ok(())
    }

    /// Deletes everything that must not run beside `desired`, and returns whether there is anything of that kind.
    /// Each stays, marked as deleted, until what it started has ended, so that whoever looks next waits for it too.
    pub(super) async fn make_way(&self, desired: &Main, live: &Mains) -> Result<bool, Error> {
        let former = succession::in_the_way(desired, live);
        for main in &former {
            match main {
                Main::Deployment(object) => self.delete_after_dependents(&**object).await?,
                Main::StatefulSet(object) => self.delete_after_dependents(&**object).await?,
                Main::Job(object) => self.delete_after_dependents(&**object).await?,
                Main::CronJob(object) => self.delete_after_dependents(&**object).await?,
            }
        }
        Ok(!former.is_empty())
    }

    async fn delete_after_dependents<K: Resource<DynamicType = ()>>(&self, object: &K) -> Result<(), Error> {
        let deleted = self.applier.delete_after_dependents(object).await;
        deleted.map_err(|source| Error::new::<K>("delete", source))
    }
}
