//! What claims that are gone have left behind, by a policy that keeps it: found, labelled so that it can be listed, counted.
//!
//! Nothing waits for this: a claim that keeps what was made for it goes at once, also while its provisioner is down. So
//! what it has left is found by comparing what there is with the claims: whenever one of them changes, and now and then.
//! What is in use again is labelled so by whoever adopts it, see [`Marks`](crate::Marks).

mod count;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use api_types::{ClaimPhase, ResourceClaim, metadata::LABEL_MANAGED_BY};
use async_trait::async_trait;
use controller_kit::{Cache, Shutdown};
use futures::{Stream, StreamExt as _};
use k8s_openapi::{api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::{
    Api, Client, ResourceExt as _,
    api::{Patch, PatchParams},
    core::{ApiResource, DynamicObject},
};
use serde_json::{Map, json};
use tokio::sync::Notify;

use crate::{
    marks::guarded,
    ownership::{
        ANNOTATION_CLAIM, ANNOTATION_CLAIM_UID, LABEL_CLASS, LABEL_STATE, LABEL_TYPE, annotation, label,
        state_without_claim,
    },
};

/// The pause after what could not be finished.
const AGAIN: Duration = Duration::from_secs(30);
/// The pause before a look that nothing has asked for: Secrets tell nobody that they are gone.
const ROUTINE: Duration = Duration::from_secs(1_800);
/// Many changes are one look.
const MOMENT: Duration = Duration::from_secs(1);

/// A claim that was there once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
}

/// An object that was made for a claim.
#[derive(Clone, Debug)]
pub struct Possession {
    /// Its kind.
    pub kind: ApiResource,
    /// Whose it is, and what becomes of it.
    pub meta: ObjectMeta,
}

/// Where a provisioner keeps what it has made.
#[async_trait]
pub trait Possessions: Send + Sync + 'static {
    /// Every object that its watches show.
    fn watched(&self) -> Vec<Possession>;

    /// The names of the Secrets of a claim that is gone, in the order in which they are labelled; that which leads to the
    /// others last. They are read by name, since a provisioner may not list Secrets.
    async fn secrets(&self, claim: &Identity) -> Result<Vec<String>, kube::Error>;
}

/// What was left could not be labelled now. It is tried again.
#[derive(Debug, thiserror::Error)]
pub enum LeftoversError {
    /// The API server did not answer as it should.
    #[error("failed to look for what claims have left behind")]
    Api(#[from] kube::Error),
    /// Somebody else was faster.
    #[error("what a claim has left behind has changed meanwhile")]
    Outdated,
}

/// Of what a claim was, and whether it was retained or orphaned.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Left {
    type_: String,
    class: String,
    state: String,
}

/// What claims that are gone have left behind.
pub struct Leftovers {
    client: Client,
    manager: &'static str,
    claims: Cache<ResourceClaim>,
    possessions: Arc<dyn Possessions>,
    memory: Mutex<Memory>,
    woken: Notify,
}

#[derive(Default)]
struct Memory {
    /// The claims that there were at the last look.
    seen: BTreeSet<Identity>,
    /// Claims that are to be looked for, though no object that is watched speaks of them.
    suspects: BTreeSet<Identity>,
    /// What was found in Secrets.
    in_secrets: BTreeMap<Identity, Left>,
}

impl Leftovers {
    /// Of the claims in `claims`, for which `manager` has made `possessions`.
    pub fn new(
        client: Client,
        manager: &'static str,
        claims: Cache<ResourceClaim>,
        possessions: Arc<dyn Possessions>,
    ) -> Self {
        Self { client, manager, claims, possessions, memory: Mutex::default(), woken: Notify::new() }
    }

    /// `events`, each of which may be that something has lost its claim.
    pub fn woken_by<T: 'static>(
        self: &Arc<Self>,
        events: impl Stream<Item = T> + Send + 'static,
    ) -> impl Stream<Item = T> + Send + 'static {
        let this = self.clone();
        events.inspect(move |_| this.woken.notify_one())
    }

    /// These claims had something once, and may be gone.
    pub fn suspect(&self, claims: impl IntoIterator<Item = Identity>) {
        let living = self.living();
        let mut memory = self.memory();
        for claim in claims {
            let is_known = living.contains(&claim) || memory.in_secrets.contains_key(&claim);
            if !is_known && memory.suspects.insert(claim) {
                self.woken.notify_one();
            }
        }
    }

    /// Looks whenever it is woken, and now and then, until the process stops.
    pub async fn run(self: Arc<Self>, shutdown: Shutdown) {
        let work = async {
            if self.claims.ready().await.is_err() {
                return;
            }
            loop {
                let pause = match self.look().await {
                    Ok(()) => ROUTINE,
                    Err(error) => {
                        tracing::warn!(error = &error as &dyn std::error::Error, "will try again");
                        AGAIN
                    }
                };
                tokio::time::sleep(MOMENT).await;
                if tokio::time::timeout(pause, self.woken.notified()).await.is_err() {
                    self.remember_secrets();
                }
            }
        };
        tokio::select! {
            () = work => {}
            () = shutdown => {}
        }
    }

    /// Labels what was left behind since the last look.
    ///
    /// # Errors
    /// If something could not be labelled. Everything else was, and the next look tries again.
    pub async fn look(&self) -> Result<(), LeftoversError> {
        let mut last = Ok(());
        for (claim, watched) in self.departed() {
            if let Err(error) = self.settle(&claim, &watched).await {
                self.memory().suspects.insert(claim);
                last = Err(error);
            }
        }
        last
    }

    /// The claims that may be gone, each with what is watched and does not say so yet.
    fn departed(&self) -> BTreeMap<Identity, Vec<Possession>> {
        let living = self.living();
        let mut departed = BTreeMap::<_, Vec<_>>::new();
        for possession in self.possessions.watched() {
            let Some(claim) = identity(&possession.meta) else { continue };
            if !living.contains(&claim) && is_to_be_labelled(&possession.meta) {
                departed.entry(claim).or_default().push(possession);
            }
        }
        let mut memory = self.memory();
        let adopted = memory.in_secrets.keys().filter(|claim| self.is_adopted(claim)).cloned();
        let suspects = adopted.collect::<Vec<_>>().into_iter().chain(std::mem::take(&mut memory.suspects));
        let suspects: Vec<_> = suspects.chain(memory.seen.difference(&living).cloned()).collect();
        for claim in suspects {
            departed.entry(claim).or_default();
        }
        memory.seen = living;
        departed
    }

    /// Whether a later claim of the name has what this one left.
    fn is_adopted(&self, claim: &Identity) -> bool {
        let later = self.claims.get(&claim.namespace, &claim.name);
        later.and_then(|later| later.status.as_ref().map(|status| status.phase)) == Some(ClaimPhase::Bound)
    }

    /// Labels what `claim` has left, if it is gone. Secrets come first: nothing watched leads to them once it is labelled.
    async fn settle(&self, claim: &Identity, watched: &[Possession]) -> Result<(), LeftoversError> {
        let claims: Api<ResourceClaim> = Api::namespaced(self.client.clone(), &claim.namespace);
        // A cache may be behind what was just made for a claim, and some claims are another process's.
        if claims.get_opt(&claim.name).await?.is_some_and(|found| found.uid().as_ref() == Some(&claim.uid)) {
            return Ok(());
        }
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), &claim.namespace);
        let mut found = None;
        for name in self.possessions.secrets(claim).await? {
            let Some(Secret { metadata, .. }) = secrets.get_opt(&name).await? else { continue };
            if identity(&metadata).as_ref() == Some(claim) && self.is_ours(&metadata) {
                self.label(&ApiResource::erase::<Secret>(&()), &metadata).await?;
                found = found.or_else(|| left(&metadata));
            }
        }
        for possession in watched {
            self.label(&possession.kind, &possession.meta).await?;
        }
        let mut memory = self.memory();
        match found {
            Some(left) => drop(memory.in_secrets.insert(claim.clone(), left)),
            None => drop(memory.in_secrets.remove(claim)),
        }
        Ok(())
    }

    fn is_ours(&self, meta: &ObjectMeta) -> bool {
        label(meta, LABEL_MANAGED_BY) == Some(self.manager)
    }

    /// Says on the object with `meta`, if it stays, that its claim is gone.
    async fn label(&self, kind: &ApiResource, meta: &ObjectMeta) -> Result<(), LeftoversError> {
        let (true, Some(state)) = (is_to_be_labelled(meta), state_without_claim(meta)) else { return Ok(()) };
        let labels = Map::from_iter([("labels".to_owned(), json!({LABEL_STATE: state}))]);
        let (namespace, name) = (meta.namespace.clone(), meta.name.clone());
        let namespace = namespace.unwrap_or_default();
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), &namespace, kind);
        let params = PatchParams { field_manager: Some(self.manager.to_owned()), ..PatchParams::default() };
        let patch = Patch::Merge(guarded(labels, meta));
        match api.patch(&name.unwrap_or_default(), &params, &patch).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
            Err(kube::Error::Api(status)) if status.is_conflict() => Err(LeftoversError::Outdated),
            Err(error) => Err(error.into()),
        }
    }

    /// Has what was found in Secrets looked for again: somebody may have removed it.
    fn remember_secrets(&self) {
        let mut memory = self.memory();
        let known: Vec<_> = memory.in_secrets.keys().cloned().collect();
        memory.suspects.extend(known);
    }

    fn living(&self) -> BTreeSet<Identity> {
        let claims = self.claims.list_all(|_| true);
        let of = |claim: &Arc<ResourceClaim>| {
            Some(Identity { namespace: claim.namespace()?, name: claim.name_any(), uid: claim.uid()? })
        };
        claims.iter().filter_map(of).collect()
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The claim that the object with `meta` was made for.
fn identity(meta: &ObjectMeta) -> Option<Identity> {
    Some(Identity {
        namespace: meta.namespace.clone()?,
        name: annotation(meta, ANNOTATION_CLAIM)?.to_owned(),
        uid: annotation(meta, ANNOTATION_CLAIM_UID)?.to_owned(),
    })
}

/// Whether an object whose claim is gone stays, and does not say so yet.
fn is_to_be_labelled(meta: &ObjectMeta) -> bool {
    let state = state_without_claim(meta);
    meta.deletion_timestamp.is_none() && state.is_some() && label(meta, LABEL_STATE) != state
}

fn left(meta: &ObjectMeta) -> Option<Left> {
    let text = |key| label(meta, key).unwrap_or_default().to_owned();
    let state = state_without_claim(meta).filter(|_| meta.deletion_timestamp.is_none())?.to_owned();
    Some(Left { type_: text(LABEL_TYPE), class: text(LABEL_CLASS), state })
}

#[cfg(test)]
#[path = "leftovers_tests.rs"]
mod tests;
