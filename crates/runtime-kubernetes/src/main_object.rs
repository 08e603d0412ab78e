//! The object that makes a plan's containers run. There is one for each kind of work, all with the plan's name.

use std::sync::Arc;

use k8s_openapi::{
    api::{
        apps::v1::{Deployment, StatefulSet},
        batch::v1::{CronJob, Job},
        core::v1::PodTemplateSpec,
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};

use crate::{
    build::{ANNOTATION_REPLICAS, ANNOTATION_TEMPLATE},
    values::Kind,
};

/// An object that makes containers run, as it is wanted or as it is.
#[derive(Clone, Debug, PartialEq)]
pub enum Main {
    /// Instances that all are alike and keep running.
    Deployment(Arc<Deployment>),
    /// Instances with a name, and a volume, of their own that keep running.
    StatefulSet(Arc<StatefulSet>),
    /// Runs to its end once.
    Job(Arc<Job>),
    /// Runs to its end again and again.
    CronJob(Arc<CronJob>),
}

impl Main {
    /// Which it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Deployment(_) => Kind::Deployment,
            Self::StatefulSet(_) => Kind::StatefulSet,
            Self::Job(_) => Kind::Job,
            Self::CronJob(_) => Kind::CronJob,
        }
    }

    /// Its metadata.
    pub fn metadata(&self) -> &ObjectMeta {
        match self {
            Self::Deployment(object) => &object.metadata,
            Self::StatefulSet(object) => &object.metadata,
            Self::Job(object) => &object.metadata,
            Self::CronJob(object) => &object.metadata,
        }
    }

    /// As [`Self::metadata`], to be changed.
    pub fn metadata_mut(&mut self) -> &mut ObjectMeta {
        match self {
            Self::Deployment(object) => &mut Arc::make_mut(object).metadata,
            Self::StatefulSet(object) => &mut Arc::make_mut(object).metadata,
            Self::Job(object) => &mut Arc::make_mut(object).metadata,
            Self::CronJob(object) => &mut Arc::make_mut(object).metadata,
        }
    }

    /// What its instances are made of.
    pub fn template(&self) -> Option<&PodTemplateSpec> {
        match self {
            Self::Deployment(object) => object.spec.as_ref().map(|spec| &spec.template),
            Self::StatefulSet(object) => object.spec.as_ref().map(|spec| &spec.template),
            Self::Job(object) => object.spec.as_ref().map(|spec| &spec.template),
            Self::CronJob(object) => Some(&object.spec.job_template.spec.as_ref()?.template),
        }
    }

    /// As [`Self::template`], to be changed.
    pub fn template_mut(&mut self) -> Option<&mut PodTemplateSpec> {
        match self {
            Self::Deployment(object) => Arc::make_mut(object).spec.as_mut().map(|spec| &mut spec.template),
            Self::StatefulSet(object) => Arc::make_mut(object).spec.as_mut().map(|spec| &mut spec.template),
            Self::Job(object) => Arc::make_mut(object).spec.as_mut().map(|spec| &mut spec.template),
            Self::CronJob(object) => {
                Some(&mut Arc::make_mut(object).spec.job_template.spec.as_mut()?.template)
            }
        }
    }

    /// How many instances are asked for, if anybody does.
    pub fn replicas(&self) -> Option<i32> {
        match self {
            Self::Deployment(object) => object.spec.as_ref()?.replicas,
            Self::StatefulSet(object) => object.spec.as_ref()?.replicas,
            Self::Job(_) | Self::CronJob(_) => None,
        }
    }

    /// The same with as many instances, where it keeps instances running.
    pub fn with_replicas(mut self, replicas: i32) -> Self {
        let (metadata, wanted) = match &mut self {
            Self::Deployment(object) => {
                let Deployment { metadata, spec, .. } = Arc::make_mut(object);
                (metadata, spec.as_mut().map(|spec| &mut spec.replicas))
            }
            Self::StatefulSet(object) => {
                let StatefulSet { metadata, spec, .. } = Arc::make_mut(object);
                (metadata, spec.as_mut().map(|spec| &mut spec.replicas))
            }
            Self::Job(_) | Self::CronJob(_) => return self,
        };
        if let Some(wanted) = wanted {
            *wanted = Some(replicas);
            let annotations = metadata.annotations.get_or_insert_default();
            annotations.insert(ANNOTATION_REPLICAS.to_owned(), replicas.to_string());
        }
        self
    }

    /// The digest of what its instances are made of.
    pub fn template_hash(&self) -> Option<&str> {
        let metadata = self.template()?.metadata.as_ref()?;
        metadata.annotations.as_ref()?.get(ANNOTATION_TEMPLATE).map(String::as_str)
    }

    /// The fields of the API server's messages that hold [`Self::template`].
    pub fn template_path(&self) -> &'static str {
        match self {
            Self::Deployment(_) | Self::StatefulSet(_) | Self::Job(_) => "spec.template.",
            Self::CronJob(_) => "spec.jobTemplate.spec.template.",
        }
    }
}

/// Whatever stands under the name of a plan, of each kind at most one.
#[derive(Clone, Debug, Default)]
pub struct Mains {
    /// Of the kind Deployment.
    pub deployment: Option<Arc<Deployment>>,
    /// Of the kind StatefulSet.
    pub stateful_set: Option<Arc<StatefulSet>>,
    /// Of the kind Job.
    pub job: Option<Arc<Job>>,
    /// Of the kind CronJob.
    pub cron_job: Option<Arc<CronJob>>,
}

impl Mains {
    /// The one of `kind`.
    pub fn of(&self, kind: Kind) -> Option<Main> {
        match kind {
            Kind::Deployment => self.deployment.clone().map(Main::Deployment),
            Kind::StatefulSet => self.stateful_set.clone().map(Main::StatefulSet),
            Kind::Job => self.job.clone().map(Main::Job),
            Kind::CronJob => self.cron_job.clone().map(Main::CronJob),
        }
    }

    /// All there are.
    pub fn all(&self) -> Vec<Main> {
        Kind::ALL.into_iter().filter_map(|(_, kind)| self.of(kind)).collect()
    }

    /// All but the one of `kind`.
    pub fn others(&self, kind: Kind) -> Vec<Main> {
        let others = Kind::ALL.into_iter().map(|(_, other)| other).filter(|other| *other != kind);
        others.filter_map(|other| self.of(other)).collect()
    }
}
