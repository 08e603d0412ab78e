//! What the platform decides by, as it is now: its configuration, its policies, and the labels of namespaces.

mod parsed;

use std::{collections::BTreeMap, sync::Arc};

use api_types::{PlatformPolicy, ResourceClaimSpec, Workload};
use controller_kit::{Cache, CacheClosed};
use k8s_openapi::api::core::v1::Namespace;
use kube::core::PartialObjectMeta;
use platform::{
    config::Config,
    decide::{Decision, GivenParams, Provided, Refusal, decide},
    policy::Policies,
    standing::standing,
};
use score_spec::validate::{FieldError, ValidWorkload, validate};
use tokio::sync::watch;

use parsed::Parsed;

/// The configuration in force; none before it was loaded.
pub type CurrentConfig = watch::Receiver<Option<Arc<Config>>>;

/// What the platform decides by, kept current.
#[derive(Clone)]
pub struct Governance {
    /// The configuration.
    pub config: CurrentConfig,
    /// The policies.
    pub policies: Cache<PlatformPolicy>,
    /// The namespaces, of which only the labels are read.
    pub namespaces: Cache<PartialObjectMeta<Namespace>>,
    parsed: Parsed,
}

/// What the platform decides by in one namespace, at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Platform {
    config: Arc<Config>,
    policies: Arc<Policies>,
    labels: BTreeMap<String, String>,
}

/// The platform's part is not known yet.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NotReady {
    /// Policies or namespaces could not be listed.
    #[error(transparent)]
    Cache(#[from] CacheClosed),
    /// Nobody will load the configuration any more.
    #[error("stopped before the configuration was loaded")]
    Config(#[from] watch::error::RecvError),
}

impl Governance {
    /// What the platform decides by, read from these.
    pub fn new(
        config: CurrentConfig,
        policies: Cache<PlatformPolicy>,
        namespaces: Cache<PartialObjectMeta<Namespace>>,
    ) -> Self {
        Self { config, policies, namespaces, parsed: Parsed::default() }
    }

    /// Waits until everything is known.
    ///
    /// # Errors
    /// If it never will be, as it happens when the process stops.
    pub async fn ready(&self) -> Result<(), NotReady> {
        self.policies.ready().await?;
        self.namespaces.ready().await?;
        self.config.clone().wait_for(Option::is_some).await?;
        Ok(())
    }

    /// What holds in a namespace; none as long as nothing is known of it, since a policy might apply to it.
    pub fn in_namespace(&self, name: &str) -> Option<Platform> {
        let namespace = self.namespaces.get("", name)?;
        let labels = namespace.metadata.labels.clone().unwrap_or_default();
        Some(Platform { config: self.config.borrow().clone()?, policies: self.policies(), labels })
    }

    /// The policies, ready to be applied.
    pub fn policies(&self) -> Arc<Policies> {
        self.parsed.of(self.policies.list_all(|_| true))
    }
}

impl Platform {
    /// What holds with this configuration, these policies, and these labels of the namespace.
    pub fn new(config: Arc<Config>, policies: Arc<Policies>, labels: BTreeMap<String, String>) -> Self {
        Self { config, policies, labels }
    }

    /// Decides for a Workload, of which `valid` is the valid view, or what is wrong with it. What it shares with others
    /// has the params that are `given` by them where it gives none.
    ///
    /// # Errors
    /// Why it is not rolled out as it is.
    pub fn decide(
        &self,
        workload: &Workload,
        valid: Result<ValidWorkload, Vec<FieldError>>,
        given: &GivenParams<'_>,
    ) -> Result<Decision<'_>, Refusal> {
        decide(workload, valid, given, &self.config, &self.policies.terms(&self.labels))
    }

    /// How the resource of a claim stands now, whatever its Workload says by now; none where nobody would provide it.
    pub fn standing(&self, claim: &ResourceClaimSpec) -> Option<Provided<'_>> {
        standing(claim, &self.config, &self.policies.terms(&self.labels))
    }

    /// Whether `workload` is valid and allowed, whatever others define, with the params that are `given` by them.
    pub fn lets_run(&self, workload: &Workload, given: &GivenParams<'_>) -> bool {
        self.decide(workload, validate(workload), given).is_ok()
    }

    /// The policies that apply.
    pub fn policy_names(&self) -> impl Iterator<Item = &str> {
        self.policies.terms(&self.labels).names().collect::<Vec<_>>().into_iter()
    }
}
