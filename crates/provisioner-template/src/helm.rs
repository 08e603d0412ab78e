//! Resources that are Helm charts.
//!
//! Helm is asked for two things: to fetch a chart ([`package`]) and to fill it in ([`fill`]). It has no access to the
//! cluster, an environment of its own, a folder of its own, and an end ([`tool`]). What comes of it is checked and made as
//! the objects of `manifests` are, so nothing of a release can be left half done.
//!
//! The same chart with the same values comes to the same text, so Helm runs only when one of them has changed, or the
//! process has just started.

mod access;
mod fill;
mod fillings;
mod package;
mod tool;

use std::{collections::BTreeSet, io, path::PathBuf, sync::Arc};

use api_types::ResourceClaim;
use kube::Client;
use provisioner_kit::{AllowedSecrets, Answer, Pass, Retry, SecretError, Secrets};
use resource_template::{ChartInputs, ChartOrigin, HelmChart, ObjectKind, shortened_to};
use tokio::sync::{OnceCell, Semaphore};

use self::{
    access::{Access, access},
    fill::fill,
    fillings::Fillings,
    package::Package,
    tool::Tool,
};
use crate::{
    NAME,
    declare::{Declared, wrong},
    digest::digest,
};

/// What is needed to work with charts.
#[derive(Clone, Debug)]
pub struct Helm {
    /// Where the program is.
    pub binary: PathBuf,
    /// A folder that nobody else uses.
    pub folder: PathBuf,
    /// Where charts may come from.
    pub origins: BTreeSet<ChartOrigin>,
    /// Credentials of registries, and authorities.
    pub secrets: AllowedSecrets,
}

/// Makes objects of charts.
pub struct Charts {
    client: Client,
    secrets: Secrets,
    allowed: AllowedSecrets,
    tool: Arc<Tool>,
    origins: BTreeSet<ChartOrigin>,
    /// What charts find in `.Capabilities.APIVersions` beyond what Helm knows itself.
    api_versions: Vec<String>,
    /// What charts find in `.Capabilities.KubeVersion`.
    kube_version: OnceCell<String>,
    slots: Arc<Semaphore>,
    fillings: Fillings,
}

/// A step failed for a reason that may go away by itself.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server does not say what it is.
    #[error("failed to ask the API server for its version")]
    Version(#[source] kube::Error),
    /// A Secret of the platform could not be read.
    #[error(transparent)]
    Secrets(#[from] SecretError),
    /// Helm could not be run, or its folder not be used.
    #[error("failed to run Helm")]
    Tool(#[from] io::Error),
    /// The process is stopping.
    #[error("stopped while Helm was running")]
    Stopped(#[from] tokio::task::JoinError),
}

/// What a chart comes to.
#[derive(Clone, Debug, PartialEq)]
struct Filling {
    /// The objects, in YAML.
    text: String,
    /// Its Chart.yaml.
    about: String,
}

/// Why a chart comes to nothing.
#[derive(Clone, Debug, PartialEq)]
enum Trouble {
    /// It could not be fetched; what Helm says.
    Unreachable(String),
    /// What was fetched is not what is declared, or cannot be worked with just now; why.
    Other(String),
    /// It cannot be filled in as it is; why.
    Unfit(String),
}

/// What is to be done for one claim: a chart and all that it is given.
#[derive(Clone, Debug)]
struct Order {
    chart: HelmChart,
    given: ChartInputs,
    kube_version: String,
    api_versions: Vec<String>,
}

/// How many times Helm runs at once: it takes as much memory as this process several times over.
const SLOTS: usize = 2;
/// How much of what Helm says is told.
const LONGEST: usize = 300;

impl Charts {
    /// Works with `helm`; `kinds` are those that declarations may make.
    pub fn new(client: Client, helm: Helm, kinds: &[ObjectKind]) -> Self {
        let Helm { binary, folder, origins, secrets: allowed } = helm;
        let api_versions: BTreeSet<_> =
            kinds.iter().flat_map(|kind| [kind.api_version().to_owned(), kind.to_string()]).collect();
        Self {
            secrets: Secrets::new(client.clone(), NAME),
            client,
            allowed,
            tool: Arc::new(Tool::new(binary, folder)),
            origins,
            api_versions: api_versions.into_iter().collect(),
            kube_version: OnceCell::new(),
            slots: Arc::new(Semaphore::new(SLOTS)),
            fillings: Fillings::default(),
        }
    }

    /// What is `declared`, with the objects of its chart if it has one; or how the pass ends without them.
    ///
    /// # Errors
    /// If Helm cannot be run, or the API server does not answer as it should.
    pub async fn complete(
        &self,
        object: &ResourceClaim,
        declared: Declared,
    ) -> Result<Result<Declared, Pass>, Error> {
        let Some(chart) = declared.declaration.helm() else { return Ok(Ok(declared)) };
        let answered = |answer: Answer| Ok(Err(Pass::Answered(answer)));
        if !self.origins.contains(chart.origin()) {
            let why = format!(
                "`{}` is not among the places for charts that the provisioner's chart value `helm.origins` allows",
                chart.origin()
            );
            return answered(wrong(object, &why));
        }
        let given = match chart.inputs(&declared.inputs) {
            Ok(given) => given,
            Err(misfit) => return answered(wrong(object, &misfit.to_string())),
        };
        let order = Order {
            chart: chart.clone(),
            given,
            kube_version: self.kube_version().await?,
            api_versions: self.api_versions.clone(),
        };
        let filling = match self.filling(&order).await? {
            None => return Ok(Err(Pass::Waits(Retry::Busy))),
            Some(Err(trouble)) => return answered(told(object, chart, &trouble)),
            Some(Ok(filling)) => filling,
        };
        let Filling { text, about } = &*filling;
        match chart.objects(&order.given, text, about, &declared.inputs, declared.rendered.clone()) {
            Ok(rendered) => Ok(Ok(Declared { rendered, ..declared })),
            Err(misfit) => answered(wrong(object, &misfit.to_string())),
        }
    }

    /// What `order` comes to; none if others have to be let go first.
    async fn filling(&self, order: &Order) -> Result<Option<Result<Arc<Filling>, Trouble>>, Error> {
        if let Some(known) = self.fillings.get(order) {
            return Ok(Some(known));
        }
        let Ok(slot) = self.slots.clone().try_acquire_owned() else { return Ok(None) };
        let access = match access(&self.secrets, &self.allowed, &order.chart).await? {
            Ok(access) => access,
            Err(why) => return Ok(Some(Err(Trouble::Other(format!("cannot be asked for: {why}"))))),
        };
        let (tool, ordered) = (self.tool.clone(), order.clone());
        let work = move || {
            let filling = made(&tool, &ordered, &access);
            drop(slot);
            filling
        };
        let filling = tokio::task::spawn_blocking(work).await??.map(Arc::new);
        if !matches!(filling, Err(Trouble::Unreachable(_) | Trouble::Other(_))) {
            self.fillings.keep(order, filling.clone());
        }
        Ok(Some(filling))
    }

    async fn kube_version(&self) -> Result<String, Error> {
        let ask = || async { Ok(self.client.apiserver_version().await.map_err(Error::Version)?.git_version) };
        self.kube_version.get_or_try_init(ask).await.cloned()
    }
}

/// Fetches and fills in.
fn made(tool: &Tool, order: &Order, access: &Access) -> io::Result<Result<Filling, Trouble>> {
    let Package { file, about } = match package::fetch(tool, &order.chart, access)? {
        Ok(package) => package,
        Err(trouble) => return Ok(Err(trouble)),
    };
    Ok(fill(tool, order, &file)?.map(|text| Filling { text, about }))
}

fn told(object: &ResourceClaim, chart: &HelmChart, trouble: &Trouble) -> Answer {
    let name = format!("the chart `{}` {}", chart.reference(), chart.version);
    tracing::info!(chart = chart.reference(), version = chart.version, ?trouble, "a chart comes to nothing");
    match trouble {
        Trouble::Unreachable(why) => Answer::binding(format!(
            "{name} cannot be fetched and is tried again: ask your platform team if that lasts (Helm says `{}`)",
            shortened_to(LONGEST, why)
        ))
        .retry(Retry::Soon),
        Trouble::Other(why) => wrong(object, &format!("{name} {why}")).retry(Retry::Rarely),
        Trouble::Unfit(why) => wrong(object, &format!("{name} {why}")),
    }
}

impl Order {
    fn place(&self) -> (String, String) {
        (self.given.namespace.clone(), self.given.release.clone())
    }

    /// What tells it from any other.
    fn digest(&self) -> String {
        let Self { chart, given, kube_version, api_versions } = self;
        let parts =
            [package::key(chart), given.release.clone(), given.namespace.clone(), given.values.to_string()];
        digest(parts.iter().chain([kube_version]).chain(api_versions).map(String::as_bytes))
    }
}
