//! What the planner reads: everything through watches, nothing by request.

use std::pin::Pin;

use controller_kit::{Cache, CacheClosed, Index, Kit, Shutdown};
use futures::{Stream, StreamExt as _, future::ready};
use k8s_openapi::api::core::v1::{Container, Namespace, Node, PersistentVolume, PersistentVolumeClaim, Pod};
use kube::{Api, Resource, ResourceExt as _, runtime::watcher};
use podset_types::{ANNOTATION_TICKET, SchedulePlan, ScheduleTrigger};

use crate::{dereference::Sets, pods::set_of, renew::ANNOTATION};

/// A cache for each kind, whoever fills it.
#[derive(Clone)]
pub struct Stores {
    /// The triggers.
    pub triggers: Cache<ScheduleTrigger>,
    /// The plans.
    pub plans: Cache<SchedulePlan>,
    /// All pods of the cluster: they take the room that is planned with.
    pub pods: Cache<Pod>,
    /// The nodes.
    pub nodes: Cache<Node>,
    /// The volume claims of pods.
    pub claims: Cache<PersistentVolumeClaim>,
    /// The volumes that claims are bound to.
    pub volumes: Cache<PersistentVolume>,
    /// The namespaces, whose labels affinity may ask for.
    pub namespaces: Cache<Namespace>,
}

/// The newest known state of everything, and what finds the parts of a set in it.
#[derive(Clone)]
pub struct Caches {
    /// By kind.
    pub stores: Stores,
    /// The pods by their set.
    pub members: Index<Pod>,
    /// The triggers by their set.
    pub governing: Index<ScheduleTrigger>,
}

impl Caches {
    /// These caches, with indices.
    pub fn new(stores: Stores) -> Self {
        let (members, governing) = (by_set(&stores.pods), by_set(&stores.triggers));
        Self { stores, members, governing }
    }

    /// What finds the parts of a set.
    pub(crate) fn sets(&self) -> Sets<'_> {
        Sets { members: &self.members, governing: &self.governing, plans: &self.stores.plans }
    }

    /// Waits until every kind was listed once: whoever reads before takes what exists for missing.
    ///
    /// # Errors
    /// If a watch ended, as it does when the process stops.
    pub async fn ready(&self) -> Result<(), CacheClosed> {
        let Stores { triggers, plans, pods, nodes, claims, volumes, namespaces } = &self.stores;
        triggers.ready().await?;
        plans.ready().await?;
        pods.ready().await?;
        nodes.ready().await?;
        claims.ready().await?;
        volumes.ready().await?;
        namespaces.ready().await
    }
}

/// The objects of `cache` by their set.
pub fn by_set<K: Resource<DynamicType = ()> + Clone + 'static>(cache: &Cache<K>) -> Index<K> {
    cache.index(|object| set_of(object.labels()).map(str::to_owned).into_iter().collect())
}

/// Changes of one kind, as triggers.
pub type Changes<K> = Pin<Box<dyn Stream<Item = Result<K, watcher::Error>> + Send>>;

/// Polls what keeps a cache current, until the process stops.
pub async fn poll<K>(changes: Changes<K>, stop: &Shutdown) {
    changes.take_until(stop.clone()).for_each(|_| ready(())).await;
}

/// The streams that keep [`Caches`] current; they must be polled.
pub struct AllChanges {
    /// Of triggers.
    pub triggers: Changes<ScheduleTrigger>,
    /// Of plans.
    pub plans: Changes<SchedulePlan>,
    /// Of pods.
    pub pods: Changes<Pod>,
    /// Of nodes.
    pub nodes: Changes<Node>,
    /// Of volume claims.
    pub claims: Changes<PersistentVolumeClaim>,
    /// Of volumes.
    pub volumes: Changes<PersistentVolume>,
    /// Of namespaces.
    pub namespaces: Changes<Namespace>,
}

/// Starts a watch for each kind.
pub fn watch_all(kit: &Kit) -> (Caches, AllChanges) {
    let everything = watcher::Config::default;
    let (triggers, of_triggers) = kit.watch(kit.api(), everything(), |_| ());
    let (plans, of_plans) = kit.watch(kit.api(), everything(), |_| ());
    // Of all namespaces, whichever are worked in: all share the nodes.
    let (pods, of_pods) = kit.watch(Api::all(kit.client.clone()), everything(), slim_pod);
    let (nodes, of_nodes) = kit.watch(Api::all(kit.client.clone()), everything(), slim_node);
    let (claims, of_claims) = kit.watch(Api::all(kit.client.clone()), everything(), |_| ());
    let (volumes, of_volumes) = kit.watch(Api::all(kit.client.clone()), everything(), |_| ());
    let (namespaces, of_namespaces) = kit.watch(Api::all(kit.client.clone()), everything(), |_| ());
    let stores = Stores { triggers, plans, pods, nodes, claims, volumes, namespaces };
    let changes = AllChanges {
        triggers: Box::pin(of_triggers),
        plans: Box::pin(of_plans),
        pods: Box::pin(of_pods),
        nodes: Box::pin(of_nodes),
        claims: Box::pin(of_claims),
        volumes: Box::pin(of_volumes),
        namespaces: Box::pin(of_namespaces),
    };
    (Caches::new(stores), changes)
}

/// Drops what planning does not look at: every pod of the cluster is kept.
fn slim_pod(pod: &mut Pod) {
    pod.metadata.annotations = pod.metadata.annotations.take().map(|mut annotations| {
        annotations.retain(|key, _| key == ANNOTATION || key == ANNOTATION_TICKET);
        annotations
    });
    if let Some(spec) = &mut pod.spec {
        spec.containers.iter_mut().chain(spec.init_containers.iter_mut().flatten()).for_each(slim_container);
        spec.ephemeral_containers = None;
    }
}

fn slim_container(container: &mut Container) {
    container.args = None;
    container.command = None;
    container.env = None;
    container.env_from = None;
    container.lifecycle = None;
    container.liveness_probe = None;
    container.readiness_probe = None;
    container.startup_probe = None;
    container.volume_mounts = None;
}

fn slim_node(node: &mut Node) {
    node.metadata.annotations = None;
    if let Some(status) = &mut node.status {
        status.images = None;
    }
}

#[cfg(test)]
mod tests {
    use controller_kit::testing::{TestApiServer, until};
    use futures::{FutureExt as _, StreamExt as _, future::ready};
    use k8s_openapi::api::core::v1::Node;

    use super::*;

    fn fill<K: Send + 'static>(changes: Changes<K>) {
        tokio::spawn(changes.for_each(|_| ready(())));
    }

    /// D12: who was asked right after the start knew no nodes, and planned all the same.
    #[tokio::test]
    async fn d12_nothing_is_read_before_every_kind_was_listed() {
        let server = TestApiServer::new();
        let mut node = Node::default();
        node.metadata.name = Some("n".to_owned());
        server.insert(node);
        let (kit, _stop) = server.kit(crate::NAME);
        let (caches, changes) = watch_all(&kit);
        let AllChanges { triggers, plans, pods, nodes, claims, volumes, namespaces } = changes;
        fill(triggers);
        fill(plans);
        fill(pods);
        fill(claims);
        fill(volumes);
        fill(namespaces);
        until("all others are listed", || {
            let Stores { triggers, plans, pods, nodes: _, claims, volumes, namespaces } = &caches.stores;
            let listed = [
                triggers.ready().now_or_never(),
                plans.ready().now_or_never(),
                pods.ready().now_or_never(),
                claims.ready().now_or_never(),
                volumes.ready().now_or_never(),
                namespaces.ready().now_or_never(),
            ];
            listed.iter().all(Option::is_some)
        })
        .await;
        assert!(caches.ready().now_or_never().is_none());
        fill(nodes);
        caches.ready().await.unwrap();
        assert!(caches.stores.nodes.get("", "n").is_some());
    }
}
