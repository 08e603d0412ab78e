//! Reservations that the scheduler has forgotten.
//!
//! What is nominated for a pod, the scheduler keeps in memory. One that starts anew learns it from the pods that it lists,
//! but of those that a gate holds only when they are written to again. So a pod that keeps its reservation for longer than
//! one pass says in an annotation which scheduler was told of it, and is written to when another one works: that is the
//! holder of the scheduler's lease. Where the scheduler has no lease, nothing is known of its restarts and nothing is
//! written; the pin then waits for room, or the pod is recycled.

use std::sync::Arc;

use controller_kit::{Cache, Kit, watch};
use futures::{Stream, StreamExt as _, future::ready};
use k8s_openapi::api::{coordination::v1::Lease, core::v1::Pod};
use kube::{
    Api, ResourceExt as _,
    api::Patch,
    runtime::watcher::{self, Config},
};
use serde_json::{Value, json};

use crate::{
    pods::{asks_us, is_gated, nominated},
    validate::{Member, PodSet},
};

/// On a pod with a reservation: the scheduler that was told of it.
pub const ANNOTATION: &str = "planner.ciena.io/reserved-with";

const NAMESPACE: &str = "kube-system";
const LEASE: &str = "kube-scheduler";

/// Which scheduler works.
#[derive(Clone, Debug)]
pub struct Schedulers(Cache<Lease>);

impl Schedulers {
    /// As the leases in `cache` say.
    pub fn new(cache: Cache<Lease>) -> Self {
        Self(cache)
    }

    /// Watches the scheduler's lease. The stream yields when another scheduler works, not at every renewal. The planner is
    /// ready without it: not every cluster has that lease.
    pub fn watch(kit: &Kit) -> (Self, impl Stream<Item = Result<Lease, watcher::Error>> + Send + use<>) {
        let only = Config::default().fields(&format!("metadata.name={LEASE}"));
        let (cache, changes) = watch(Api::namespaced(kit.client.clone(), NAMESPACE), only, |_| ());
        let mut last = None;
        let changes = changes.filter(move |changed| {
            let working = changed.as_ref().ok().and_then(holder);
            let is_another = working != last;
            last = working;
            ready(is_another)
        });
        (Self(cache), changes)
    }

    /// The one that works; None if that cannot be seen.
    pub fn working(&self) -> Option<String> {
        holder(&*self.0.get(NAMESPACE, LEASE)?)
    }
}

fn holder(lease: &Lease) -> Option<String> {
    lease.spec.as_ref()?.holder_identity.clone().filter(|holder| !holder.is_empty())
}

/// The members that some gate holds and whose reservation `scheduler` was not told of, as far as is known.
pub fn due(set: &PodSet, scheduler: &str) -> Vec<Arc<Pod>> {
    let forgotten = |member: &&Member| {
        let pod = &member.pod;
        let told = pod.annotations().get(ANNOTATION).map(String::as_str);
        let is_reserved = member.node().is_none() && is_gated(pod) && nominated(pod).is_some();
        // Whose scheduler asks us has another one than that of the lease.
        is_reserved && !asks_us(pod) && told != Some(scheduler)
    };
    set.members.iter().filter(forgotten).map(|member| member.pod.clone()).collect()
}

/// Tells `scheduler` of the reservation of `pod`, if that is as it was.
pub fn patch(pod: &Pod, scheduler: &str) -> Patch<Value> {
    Patch::Merge(json!({"metadata": {
        "uid": pod.metadata.uid, "resourceVersion": pod.metadata.resource_version,
        "annotations": {ANNOTATION: scheduler},
    }}))
}

#[cfg(test)]
mod tests {
    use podset_types::ScheduleTrigger;

    use super::*;
    use crate::{dereference::World, validate::validate};

    fn lease(holder: &str) -> Lease {
        let lease =
            json!({"metadata": {"namespace": NAMESPACE, "name": LEASE}, "spec": {"holderIdentity": holder}});
        serde_json::from_value(lease).unwrap()
    }

    #[test]
    fn the_holder_of_the_lease_is_the_scheduler_that_works() {
        let working = |leases: Vec<Lease>| Schedulers::new(Cache::from_objects(leases)).working();
        assert_eq!(working(vec![lease("a")]).as_deref(), Some("a"));
        assert_eq!((working(vec![lease("")]), working(vec![])), (None, None));
    }

    #[test]
    fn who_is_gated_and_reserved_is_due_until_the_scheduler_of_now_was_told() {
        let pod = |name: &str, rest: Value| {
            let mut pod = json!({"metadata": {"name": name, "uid": name}, "spec": {"containers": []}});
            json_patch::merge(&mut pod, &rest);
            Arc::new(serde_json::from_value::<Pod>(pod).unwrap())
        };
        let gated = json!({"spec": {"schedulingGates": [{"name": "example.com/other"}]}, "status": {"nominatedNodeName": "n1"}});
        let told = |scheduler: &str| {
            let mut told = gated.clone();
            json_patch::merge(&mut told, &json!({"metadata": {"annotations": {ANNOTATION: scheduler}}}));
            told
        };
        let trigger: ScheduleTrigger = serde_json::from_value(json!({
            "apiVersion": "planner.ciena.io/v1alpha1", "kind": "ScheduleTrigger", "spec": {"state": "Schedule"},
            "metadata": {"name": "t", "labels": {podset_types::LABEL_POD_SET: "web"}},
        }))
        .unwrap();
        let mut world = World::without_set(Arc::new(trigger), jiff::Timestamp::UNIX_EPOCH);
        world.pods = vec![
            pod("new", gated.clone()),
            pod("old", told("before")),
            pod("known", told("now")),
            pod("free", json!({"status": {"nominatedNodeName": "n1"}})),
            pod("unreserved", json!({"spec": {"schedulingGates": [{"name": "example.com/other"}]}})),
            pod("asking", {
                let mut asking = gated.clone();
                let labels = json!({podset_types::LABEL_POD_SET: "web"});
                let ours = json!({"metadata": {"labels": labels}, "spec": {"schedulerName": podset_types::SCHEDULER}});
                json_patch::merge(&mut asking, &ours);
                asking
            }),
        ];
        let due = due(&validate(&world).unwrap(), "now");
        assert_eq!(due.iter().map(|pod| pod.name_any()).collect::<Vec<_>>(), ["new", "old"]);
    }
}
