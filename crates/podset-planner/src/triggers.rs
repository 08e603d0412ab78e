//! Who is looked at when something changes.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use controller_kit::Cache;
use futures::{Stream, StreamExt as _, channel::mpsc, future::ready, stream, stream::BoxStream};
use k8s_openapi::api::{coordination::v1::Lease, core::v1::Pod};
use kube::{
    Resource, ResourceExt as _,
    runtime::{reflector::ObjectRef, watcher},
};
use podset_types::{SchedulePlan, ScheduleTrigger, TriggerState, plan_name};
use tokio::sync::Notify;

use crate::{
    caches::{AllChanges, Caches, Changes},
    digest::{of_node, of_occupant},
    gather::gather,
    pods::{is_held, set_of},
};

/// How often at most a set is looked at because its pods change.
const PACE: Duration = Duration::from_millis(100);

/// How often at most the sets that wait for room are looked at.
const PAUSE: Duration = Duration::from_secs(1);

/// What there is to do.
pub struct Work {
    /// The triggers that changed, or whose set did.
    pub triggers: Changes<ScheduleTrigger>,
    /// The triggers whose pods, plan or room changed.
    pub concerned: BoxStream<'static, ObjectRef<ScheduleTrigger>>,
    /// The plans that may be left over.
    pub left_over: BoxStream<'static, SchedulePlan>,
    /// The pods whose sets have no trigger.
    pub orphans: BoxStream<'static, Pod>,
}

/// Tells from all changes what there is to do.
pub fn work(caches: &Caches, changes: AllChanges, schedulers: Changes<Lease>) -> Work {
    let (sender, left_over) = mpsc::unbounded();
    let (orphaned, orphans) = mpsc::unbounded();
    let elsewhere = Arc::new(Notify::new());
    let AllChanges { triggers, plans, pods, nodes, claims, volumes, namespaces } = changes;
    let stores = &caches.stores;
    let mut of_triggers = Sets::new(stores.triggers.clone());
    let governing = Wake { caches: caches.clone(), left_over: sender, orphaned };
    let (of_pods, of_plans) = (governing.clone(), governing.clone());
    let triggers =
        triggers.flat_map(move |changed| stream::iter(rivals(&governing, &mut of_triggers, changed)));
    let mut pod_sets = Sets::new(stores.pods.clone());
    let room = elsewhere.clone();
    let mut occupants = Seen::new(stores.pods.clone(), of_occupant);
    let pods = changed(pods).flat_map(move |pod| {
        if occupants.is_news(&pod) {
            room.notify_one();
        }
        let woken: Vec<_> = pod_sets.touched(&pod).into_iter().flat_map(|set| of_pods.wake(&set)).collect();
        if woken.is_empty() {
            of_pods.orphaned(pod);
        }
        stream::iter(woken)
    });
    let pods = gather(pods, PACE);
    let mut plan_sets = Sets::new(stores.plans.clone());
    let plans = changed(plans).flat_map(move |plan| {
        stream::iter(
            plan_sets.touched(&plan).into_iter().flat_map(|set| of_plans.wake(&set)).collect::<Vec<_>>(),
        )
    });
    let mut seen = Seen::new(stores.nodes.clone(), |node| Some(of_node(node)));
    // A node sends its heartbeat all the time.
    let nodes = nodes.filter(move |node| ready(node.as_ref().is_ok_and(|node| seen.is_news(node))));
    let concerned = stream::select_all([
        pods.boxed(),
        plans.boxed(),
        notifies(nodes.boxed(), &elsewhere),
        notifies(claims, &elsewhere),
        notifies(volumes, &elsewhere),
        notifies(namespaces, &elsewhere),
        notifies(schedulers, &elsewhere),
        waiting(stores.triggers.clone(), elsewhere).boxed(),
    ]);
    Work {
        triggers: Box::pin(triggers),
        concerned: concerned.boxed(),
        left_over: left_over.boxed(),
        orphans: orphans.boxed(),
    }
}

fn changed<K: Send + 'static>(changes: Changes<K>) -> BoxStream<'static, K> {
    changes.filter_map(async |changed| changed.ok()).boxed()
}

/// A stream that yields nothing, and notifies of every change.
fn notifies<K: Send + 'static>(
    changes: Changes<K>,
    notify: &Arc<Notify>,
) -> BoxStream<'static, ObjectRef<ScheduleTrigger>> {
    let notify = notify.clone();
    changes
        .filter_map(move |_| {
            notify.notify_one();
            ready(None)
        })
        .boxed()
}

/// The triggers whose sets wait for room, whenever room may have changed: at once, and then not again for a while.
fn waiting(
    triggers: Cache<ScheduleTrigger>,
    notify: Arc<Notify>,
) -> impl Stream<Item = ObjectRef<ScheduleTrigger>> + Send + 'static {
    let first = true;
    let rounds = stream::unfold((triggers, notify, first), |(triggers, notify, first)| async move {
        if !first {
            tokio::time::sleep(PAUSE).await;
        }
        notify.notified().await;
        let waiting = triggers.list_all(waits).into_iter().map(|trigger| ObjectRef::from_obj(&*trigger));
        Some((stream::iter(waiting.collect::<Vec<_>>()), (triggers, notify, false)))
    });
    rounds.flatten()
}

/// Whether some member of its set is not bound yet, although it should be.
fn waits(trigger: &ScheduleTrigger) -> bool {
    let members = trigger.status.as_ref().and_then(|status| status.members);
    trigger.spec.state == TriggerState::Schedule
        && members.is_none_or(|members| members.bound < members.total)
}

/// The changed trigger, and all others of the sets that it governs or did.
fn rivals(
    wake: &Wake,
    sets: &mut Sets<ScheduleTrigger>,
    changed: Result<ScheduleTrigger, watcher::Error>,
) -> Vec<Result<ScheduleTrigger, watcher::Error>> {
    let changed = match changed {
        Ok(changed) => changed,
        Err(error) => return vec![Err(error)],
    };
    let touched = sets.touched(&changed);
    touched.iter().for_each(|set| wake.orphans_of(set));
    let rivals = touched.iter().flat_map(|set| wake.governing(set));
    let mut all: Vec<_> = rivals
        .filter(|rival| rival.metadata.name != changed.metadata.name)
        .map(Arc::unwrap_or_clone)
        .collect();
    all.push(changed);
    all.into_iter().map(Ok).collect()
}

/// Namespace and name of a set.
type SetKey = (String, String);

/// Which set each object of a kind was last seen in: one that leaves a set concerns it too.
struct Sets<K: Resource<DynamicType = ()> + Clone + 'static> {
    cache: Cache<K>,
    last: HashMap<(String, String), String>,
}

impl<K: Resource<DynamicType = ()> + Clone + 'static> Sets<K> {
    fn new(cache: Cache<K>) -> Self {
        Self { cache, last: HashMap::new() }
    }

    /// The sets that a change of `object` concerns.
    fn touched(&mut self, object: &K) -> BTreeSet<SetKey> {
        let key = (object.namespace().unwrap_or_default(), object.name_any());
        let now = set_of(object.labels()).map(str::to_owned);
        let before = match (&now, self.cache.get(&key.0, &key.1)) {
            (Some(set), Some(_)) => self.last.insert(key.clone(), set.clone()),
            _ => self.last.remove(&key),
        };
        now.into_iter().chain(before).map(|set| (key.0.clone(), set)).collect()
    }
}

/// What planning saw of each object of a kind when it last changed: what it does not see is no reason to look again.
struct Seen<K: Resource<DynamicType = ()> + Clone + 'static> {
    cache: Cache<K>,
    /// None of what planning does not see at all.
    digest: fn(&K) -> Option<u64>,
    /// By uid.
    last: HashMap<String, u64>,
}

impl<K: Resource<DynamicType = ()> + Clone + 'static> Seen<K> {
    fn new(cache: Cache<K>, digest: fn(&K) -> Option<u64>) -> Self {
        Self { cache, digest, last: HashMap::new() }
    }

    /// Whether planning sees another `object` than before, or none any more.
    fn is_news(&mut self, object: &K) -> bool {
        let uid = object.uid().unwrap_or_default();
        let there = self.cache.get(&object.namespace().unwrap_or_default(), &object.name_any());
        let digest =
            there.filter(|there| there.uid() == object.uid()).and_then(|there| (self.digest)(&there));
        match digest {
            Some(digest) => self.last.insert(uid, digest) != Some(digest),
            None => self.last.remove(&uid).is_some(),
        }
    }
}

/// Finds who looks after a set.
#[derive(Clone)]
struct Wake {
    caches: Caches,
    left_over: mpsc::UnboundedSender<SchedulePlan>,
    orphaned: mpsc::UnboundedSender<Pod>,
}

impl Wake {
    /// The triggers of a set. Where there is none, its plan may be left over.
    fn governing(&self, (namespace, set): &SetKey) -> Vec<Arc<ScheduleTrigger>> {
        let triggers = self.caches.governing.get(namespace, set);
        if triggers.is_empty()
            && let Some(plan) = self.caches.stores.plans.get(namespace, &plan_name(namespace, set))
        {
            // Nobody listens only while the process stops.
            let _ = self.left_over.unbounded_send(Arc::unwrap_or_clone(plan));
        }
        triggers
    }

    /// A pod may have lost the last trigger of its set. Only one that is held waits for another.
    fn orphaned(&self, pod: Pod) {
        if is_held(&pod) {
            // As above.
            let _ = self.orphaned.unbounded_send(pod);
        }
    }

    /// All pods of a set that has no trigger any more.
    fn orphans_of(&self, (namespace, set): &SetKey) {
        if self.caches.governing.get(namespace, set).is_empty() {
            let members = self.caches.members.get(namespace, set);
            members.into_iter().for_each(|pod| self.orphaned(Arc::unwrap_or_clone(pod)));
        }
    }

    fn wake(&self, set: &SetKey) -> Vec<ObjectRef<ScheduleTrigger>> {
        self.governing(set).iter().map(|trigger| ObjectRef::from_obj(&**trigger)).collect()
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Node;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_change_that_planning_does_not_see_is_no_news() {
        let mut seen = Seen::<Node>::new(Cache::from_objects([]), |node| Some(of_node(node)));
        let mut is_news = |cordoned: bool, heartbeat: &str, is_there: bool| {
            let ready = json!({"type": "Ready", "status": "True", "lastHeartbeatTime": heartbeat});
            let node: Node = serde_json::from_value(json!({
                "metadata": {"name": "n1", "uid": "u"}, "spec": {"unschedulable": cordoned},
                "status": {"conditions": [ready]},
            }))
            .unwrap();
            seen.cache = Cache::from_objects(is_there.then(|| node.clone()));
            seen.is_news(&node)
        };
        let (first, second) = ("2026-01-01T00:00:00Z", "2026-01-01T00:05:00Z");
        assert!(is_news(false, first, true));
        assert!(!is_news(false, second, true), "a heartbeat");
        assert!(is_news(true, second, true), "a cordon");
        assert!(is_news(true, second, false), "it is gone");
        assert!(!is_news(true, second, false), "it was gone before");
    }
}
