//! The three writers: what each one writes for an object, and when that object runs.

use api_types::{Workload, WorkloadExposure, WorkloadPlan};
use futures::StreamExt;
use futures::stream::BoxStream;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Service;
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use kube::runtime::watcher;
use kube::{Api, Client, Resource, ResourceExt};
use serde::Serialize;

use crate::error::BenchError;
use crate::kinds::dynamic;
use crate::ready;
use crate::sample::{Identity, Template, Templates};

const FIELD_MANAGER: &str = "score-bench";

/// Who writes.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// The client creates the Deployment and the Service.
    Bare,
    /// The client writes these and every object and status that the contract between the controllers costs.
    Ideal,
    /// The client creates the Workload, the controllers do the rest.
    Controllers,
}

impl Kind {
    /// All, in the order of a round.
    pub(crate) const ALL: [Self; 3] = [Self::Bare, Self::Ideal, Self::Controllers];

    /// The name for people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare writer",
            Self::Ideal => "ideal writer",
            Self::Controllers => "controllers",
        }
    }

    /// The part of an object's name that tells who made it.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::Bare => "score-bench-bare",
            Self::Ideal => "score-bench-ideal",
            Self::Controllers => "score-bench-ours",
        }
    }
}

/// A writer in its namespace.
#[derive(Clone)]
pub(crate) struct Writer {
    /// Which one.
    pub(crate) kind: Kind,
    /// Where it writes.
    pub(crate) namespace: String,
    /// Its connections.
    pub(crate) client: Client,
    /// What it writes.
    pub(crate) templates: Templates,
}

impl Writer {
    /// Writes what can be written before the object runs.
    pub(crate) async fn create(&self, name: &str) -> Result<(), BenchError> {
        let identity = self.identity(name);
        match self.kind {
            Kind::Bare => self.create_bare(&identity).await,
            Kind::Ideal => self.create_all(identity).await,
            Kind::Controllers => self.post::<Workload>(&self.templates.workload, &identity).await.map(drop),
        }
    }

    /// Writes what can be written only now that the object runs.
    pub(crate) async fn finish(&self, name: &str) -> Result<(), BenchError> {
        if self.kind != Kind::Ideal {
            return Ok(());
        }
        let identity = self.identity(name);
        self.apply_status::<WorkloadExposure>(&self.templates.exposure_status, &identity).await?;
        self.apply_status::<Workload>(&self.templates.workload_ready, &identity).await
    }

    /// The names of the objects that run.
    pub(crate) fn running(&self) -> BoxStream<'static, String> {
        let (client, all) = (self.client.clone(), watcher::Config::default());
        match self.kind {
            Kind::Bare | Kind::Ideal => {
                ready::watch(Api::namespaced(client, &self.namespace), all, ready::deployment).boxed()
            }
            Kind::Controllers => {
                ready::watch(Api::namespaced(client, &self.namespace), all, ready::workload).boxed()
            }
        }
    }

    async fn create_bare(&self, identity: &Identity) -> Result<(), BenchError> {
        let mut deployment = self.templates.deployment.render(identity)?;
        let mut service = self.templates.service.render(identity)?;
        // There is no plan that could own them.
        deployment.metadata.owner_references = None;
        service.metadata.owner_references = None;
        self.post_object::<Deployment>(&deployment).await?;
        self.post_object::<Service>(&service).await.map(drop)
    }

    async fn create_all(&self, mut identity: Identity) -> Result<(), BenchError> {
        let templates = &self.templates;
        identity.workload = self.post::<Workload>(&templates.workload, &identity).await?;
        self.apply_status::<Workload>(&templates.workload_pending, &identity).await?;
        identity.plan = self.post::<WorkloadPlan>(&templates.plan, &identity).await?;
        self.post::<WorkloadExposure>(&templates.exposure, &identity).await?;
        self.post::<Deployment>(&templates.deployment, &identity).await?;
        self.post::<Service>(&templates.service, &identity).await.map(drop)
    }

    fn identity(&self, name: &str) -> Identity {
        Identity { name: name.to_owned(), namespace: self.namespace.clone(), ..Identity::default() }
    }

    /// Creates an object and returns its uid.
    async fn post<K>(&self, template: &Template, identity: &Identity) -> Result<String, BenchError>
    where
        K: Resource<DynamicType = ()>,
    {
        self.post_object::<K>(&template.render(identity)?).await
    }

    async fn post_object<K: Resource<DynamicType = ()>>(
        &self,
        object: &DynamicObject,
    ) -> Result<String, BenchError> {
        let api = dynamic::<K>(&self.client, &self.namespace);
        let created = api.create(&PostParams::default(), object).await;
        let created =
            created.map_err(BenchError::api(format!("create {} {}", K::kind(&()), object.name_any())))?;
        Ok(created.uid().unwrap_or_default())
    }

    async fn apply_status<K: Resource<DynamicType = ()>>(
        &self,
        template: &Template,
        identity: &Identity,
    ) -> Result<(), BenchError> {
        let api = dynamic::<K>(&self.client, &self.namespace);
        let parameters = PatchParams::apply(FIELD_MANAGER).force();
        let applied =
            api.patch_status(&identity.name, &parameters, &Patch::Apply(template.render(identity)?)).await;
        applied.map(drop).map_err(BenchError::api(format!(
            "apply the status of {} {}",
            K::kind(&()),
            identity.name
        )))
    }
}
