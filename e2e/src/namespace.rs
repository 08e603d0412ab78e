//! A namespace per test.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::ops::Deref;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use api_types::{ConditionType, Reason, ResourceClaim, Workload};
use futures::FutureExt as _;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{Namespace, Node, Secret, ServiceAccount};
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PostParams};
use kube::{Client, Resource, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::history::History;
use crate::wait::PATIENCE;
use crate::{Result, apply, cluster, controllers, history, kubectl, lock, promises, secrets, wait};

/// On every namespace and node of the tests, so that what a killed run left is found.
pub(crate) const LABEL: &str = "score.dev/e2e";
/// The Pod Security level that is enforced in a namespace.
pub const SECURITY_LEVEL: &str = "pod-security.kubernetes.io/enforce";
pub(crate) const LOG_LINES: i64 = 40;

/// Where a test works: a namespace of its own.
#[derive(Clone)]
pub struct Place {
    /// A client with all rights.
    pub client: Client,
    /// The namespace, in which the Pod Security level `baseline` is enforced.
    pub namespace: String,
}

/// What a test works with in its [`Place`], and what is done around the test.
pub(crate) trait Scene: Clone {
    /// The Deployments without which the test says nothing.
    const CONTROLLERS: &'static [&'static str];

    /// Begins before the test.
    async fn open(place: Place) -> Result<Self>;

    /// What must hold after every test.
    async fn check(&self) -> Result;

    /// What the reader of a failed test wants to see.
    async fn report(&self) -> String;

    /// Removes the namespace and what was made for the test elsewhere.
    async fn close(&self) -> Result;
}

/// What a test works with: a client, a namespace of its own, and the record of what happens in it.
#[derive(Clone)]
pub struct Context {
    place: Place,
    /// Every version of every Workload in the namespace.
    pub workloads: History<Workload>,
    /// Every version of every claim in the namespace.
    pub claims: History<ResourceClaim>,
    /// Every version of every Secret in the namespace.
    pub secrets: History<Secret>,
}

impl Deref for Context {
    type Target = Place;

    fn deref(&self) -> &Place {
        &self.place
    }
}

/// Runs a test in a namespace of its own, which is deleted at the end also when the test fails; then it first shows
/// what is in it. The name begins with `theme` and ends in random characters.
///
/// At the end every version of every Workload, and every event on one, must have kept the [`promises`], and no secret
/// value have left its Secret.
///
/// # Errors
/// There is no cluster, the test failed, or a promise was broken.
pub async fn with_namespace<Fut>(theme: &str, test: impl FnOnce(Context) -> Fut) -> Result
where
    Fut: Future<Output = Result>,
{
    beside_others(theme, test).await
}

/// As [`with_namespace`], for a test during which no other may run: the namespaces of all others are gone before it
/// begins.
///
/// # Errors
/// As [`with_namespace`].
pub async fn alone<Fut>(theme: &str, test: impl FnOnce(Context) -> Fut) -> Result
where
    Fut: Future<Output = Result>,
{
    by_itself(theme, test).await
}

/// Runs a test on its scene, beside others that share the cluster.
pub(crate) async fn beside_others<S: Scene, Fut>(theme: &str, test: impl FnOnce(S) -> Fut) -> Result
where
    Fut: Future<Output = Result>,
{
    let _lock = lock::shared().await?;
    on_scene(cluster::connect(S::CONTROLLERS).await?, theme, test).await
}

/// Runs a test on its scene while no other runs.
pub(crate) async fn by_itself<S: Scene, Fut>(theme: &str, test: impl FnOnce(S) -> Fut) -> Result
where
    Fut: Future<Output = Result>,
{
    let _lock = lock::exclusive().await?;
    let client = cluster::connect(S::CONTROLLERS).await?;
    remove_leftovers(&client).await?;
    on_scene(client, theme, test).await
}

async fn on_scene<S: Scene, Fut>(client: Client, theme: &str, test: impl FnOnce(S) -> Fut) -> Result
where
    Fut: Future<Output = Result>,
{
    let scene = S::open(Place::create(client, theme).await?).await?;
    let outcome = AssertUnwindSafe(Box::pin(checked(&scene, test))).catch_unwind().await;
    if !matches!(outcome, Ok(Ok(()))) {
        println!("{}", scene.report().await);
    }
    let closed = if std::env::var_os("E2E_KEEP").is_some() {
        println!("E2E_KEEP: everything is kept");
        Ok(())
    } else {
        scene.close().await
    };
    outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic)).and(closed)
}

async fn checked<S: Scene, Fut>(scene: &S, test: impl FnOnce(S) -> Fut) -> Result
where
    Fut: Future<Output = Result>,
{
    Box::pin(test(scene.clone())).await?;
    scene.check().await
}

async fn remove_leftovers(client: &Client) -> Result {
    let ours = ListParams::default().labels(LABEL);
    Api::<Node>::all(client.clone()).delete_collection(&DeleteParams::default(), &ours).await?;
    let namespaces: Api<Namespace> = Api::all(client.clone());
    for namespace in namespaces.list(&ours).await? {
        if namespace.metadata.deletion_timestamp.is_none() {
            namespaces.delete(&namespace.name_any(), &DeleteParams::default()).await?;
        }
        wait::until_gone(&namespaces, &namespace).await?;
    }
    Ok(())
}

impl Scene for Context {
    const CONTROLLERS: &'static [&'static str] = &controllers::NAMES;

    async fn open(place: Place) -> Result<Self> {
        let Place { client, namespace } = &place;
        let (workloads, claims, secrets) = tokio::try_join!(
            history::of_namespace(client, namespace),
            history::of_namespace(client, namespace),
            history::of_namespace(client, namespace),
        )?;
        Ok(Self { place, workloads, claims, secrets })
    }

    async fn check(&self) -> Result {
        let versions = self.workloads.versions()?;
        let mut broken = promises::broken(versions.iter().map(AsRef::as_ref));
        let events: Api<Event> = Api::namespaced(self.client.clone(), &self.namespace);
        broken.extend(promises::broken_by_events(&events.list(&ListParams::default()).await?.items));
        ensure!(broken.is_empty(), "promises that were broken:\n{}", broken.join("\n"));
        secrets::never_left_secrets(self).await
    }

    async fn report(&self) -> String {
        let kinds = "workloads,resourceclaims.score.dev,workloadplans,workloadexposures,pods";
        let seen = self
            .seen(&[
                &["get", kinds, "--output=wide"],
                &["get", "workloads", "--output=yaml"],
                &["get", "events", "--sort-by=.metadata.creationTimestamp"],
            ])
            .await;
        seen + &controllers::last_log_lines(&self.client, &controllers::NAMES, LOG_LINES).await
    }

    async fn close(&self) -> Result {
        self.remove().await
    }
}

impl Place {
    async fn create(client: Client, theme: &str) -> Result<Self> {
        let name = format!("e2e-{theme}-{:06x}", rand::random_range(0..0x100_0000));
        let labels = BTreeMap::from([
            (LABEL.to_owned(), "true".to_owned()),
            (SECURITY_LEVEL.to_owned(), "baseline".to_owned()),
        ]);
        let metadata = ObjectMeta { name: Some(name.clone()), labels: Some(labels), ..ObjectMeta::default() };
        let namespace = Namespace { metadata, ..Namespace::default() };
        Api::all(client.clone()).create(&PostParams::default(), &namespace).await?;
        // Before this one exists, every pod is refused.
        let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), &name);
        wait::until_there(&accounts, "default", "made", PATIENCE, |_| true).await?;
        Ok(Self { client, namespace: name })
    }

    pub(crate) async fn remove(&self) -> Result {
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        namespaces.delete(&self.namespace, &DeleteParams::default()).await?;
        Ok(())
    }

    /// The objects of a kind in the namespace.
    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Applies every document of `yaml` in the namespace.
    ///
    /// # Errors
    /// As [`apply::apply`].
    pub async fn apply(&self, yaml: &str) -> Result<Vec<DynamicObject>> {
        apply::apply(&self.client, &self.namespace, yaml).await
    }

    /// Applies a file of the repository in the namespace.
    ///
    /// # Errors
    /// As [`apply::apply`].
    pub async fn apply_file(&self, path: &str) -> Result<Vec<DynamicObject>> {
        self.apply(&apply::repository_file(path)?).await
    }

    /// What kubectl prints, in the namespace.
    ///
    /// # Errors
    /// As [`kubectl::kubectl`].
    pub async fn kubectl(&self, args: &[&str]) -> Result<String> {
        kubectl::kubectl(&[&["--namespace", self.namespace.as_str()], args].concat()).await
    }

    /// What kubectl prints for each of these commands, for the reader of a failed test.
    pub(crate) async fn seen(&self, commands: &[&[&str]]) -> String {
        let mut text = format!("\n=== namespace {}\n", self.namespace);
        for args in commands {
            let said = tokio::time::timeout(Duration::from_secs(20), self.kubectl(args)).await;
            let said = said.map(|said| said.unwrap_or_else(|error| format!("{error:#}"))).unwrap_or_default();
            text += &format!("$ kubectl {}\n{said}\n", args.join(" "));
        }
        text
    }

    /// Deletes an object and waits until it is gone.
    ///
    /// # Errors
    /// It was not there, or stays.
    pub async fn delete<K>(&self, name: &str) -> Result
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
            + Clone
            + Debug
            + Serialize
            + DeserializeOwned
            + Send
            + 'static,
    {
        let api = self.api::<K>();
        let object = api.get(name).await.with_context(|| format!("no {name} to delete"))?;
        api.delete(name, &DeleteParams::default()).await?;
        wait::until_gone(&api, &object).await
    }
}

impl Context {
    /// Merges `patch` into the Workload, as `kubectl patch --type=merge` does.
    ///
    /// # Errors
    /// It is not there, or the result is refused.
    pub async fn patch(&self, name: &str, patch: serde_json::Value) -> Result<Workload> {
        Ok(self.api::<Workload>().patch(name, &Default::default(), &Patch::Merge(patch)).await?)
    }

    /// Waits until the Workload's spec of now is Ready.
    ///
    /// # Errors
    /// It is not in time.
    pub async fn wait_ready(&self, name: &str) -> Result<Workload> {
        self.wait_condition(name, ConditionType::Ready, "True", Reason::Succeeded).await
    }

    /// As [`Context::wait_ready`], with a time limit of its own.
    ///
    /// # Errors
    /// It is not Ready in time.
    pub async fn wait_ready_within(&self, name: &str, within: Duration) -> Result<Workload> {
        let is_ready = |workload: &Workload| says(workload, ConditionType::Ready, "True", Reason::Succeeded);
        wait::until_there(&self.api(), name, "Ready for its generation", within, is_ready).await
    }

    /// Waits until a condition of the Workload says this of its spec of now.
    ///
    /// # Errors
    /// It does not in time: then the Workload as it is.
    pub async fn wait_condition(
        &self,
        name: &str,
        type_: ConditionType,
        status: &str,
        reason: Reason,
    ) -> Result<Workload> {
        let what = format!("{type_}={status}/{reason} for its generation");
        wait::until_there(&self.api(), name, &what, PATIENCE, |w| says(w, type_, status, reason)).await
    }

    /// Waits until a condition of the Workload is False for this reason, of its spec of now, and its message has these words.
    ///
    /// # Errors
    /// It does not in time: then the Workload as it is.
    pub async fn told(&self, name: &str, type_: ConditionType, reason: Reason, words: &[&str]) -> Result {
        let is_told = |workload: &Workload| {
            let message = message(workload, type_);
            says(workload, type_, "False", reason) && words.iter().all(|word| message.contains(word))
        };
        let what = format!("{type_}=False/{reason} with {words:?}");
        wait::until_there(&self.api(), name, &what, PATIENCE, is_told).await.map(drop)
    }
}

/// Whether a condition of the Workload says this of the spec that stands now.
pub fn says(workload: &Workload, type_: ConditionType, status: &str, reason: Reason) -> bool {
    let conditions = workload.status.iter().flat_map(|status| &status.conditions);
    conditions.into_iter().any(|condition| {
        condition.type_ == type_.to_string()
            && condition.status == status
            && condition.reason == reason.to_string()
            && condition.observed_generation == workload.metadata.generation
    })
}

/// The message of a condition of the Workload; empty where there is none.
pub fn message(workload: &Workload, type_: ConditionType) -> String {
    let mut conditions = workload.status.iter().flat_map(|status| &status.conditions);
    conditions
        .find(|condition| condition.type_ == type_.to_string())
        .map(|c| c.message.clone())
        .unwrap_or_default()
}
