//! Which instances count.

use k8s_openapi::api::{batch::v1::Job, core::v1::Pod};
use kube::{Resource, ResourceExt as _};

use super::{Seen, schedule};
use crate::{build::ANNOTATION_TEMPLATE, main_object::Main};

impl<'a> Seen<'a> {
    /// The instances that were made from what was applied, and that still count: neither being removed nor given up,
    /// as evicted ones are, which Kubernetes has replaced and keeps for the record.
    pub(super) fn current_pods(self) -> impl Iterator<Item = &'a Pod> {
        let counts = |pod: &&Pod| {
            pod.metadata.deletion_timestamp.is_none() && !matches!(phase(pod), Some("Failed" | "Succeeded"))
        };
        self.pods.iter().map(AsRef::as_ref).filter(counts).filter(move |pod| self.is_current(pod))
    }

    /// All instances that `owner` made and that are there, whatever they are made from and whatever becomes of them.
    pub(super) fn made_by<K: Resource>(self, owner: &K) -> impl Iterator<Item = &'a Pod> {
        self.pods.iter().map(AsRef::as_ref).filter(move |pod| is_owned(*pod, owner))
    }

    fn is_current(self, pod: &Pod) -> bool {
        match self.main {
            Main::Deployment(_) | Main::StatefulSet(_) => {
                let hash = pod.annotations().get(ANNOTATION_TEMPLATE).map(String::as_str);
                hash.is_some() && hash == self.main.template_hash()
            }
            Main::Job(job) => is_owned(pod, &**job),
            Main::CronJob(object) => schedule::active(self, object).any(|run| is_owned(pod, run)),
        }
    }

    /// The newest instance of `run` that failed.
    pub(super) fn last_failed(self, run: &Job) -> Option<&'a Pod> {
        let failed = |pod: &&Pod| phase(pod) == Some("Failed") && is_owned(*pod, run);
        let pods = self.pods.iter().map(AsRef::as_ref).filter(failed);
        pods.max_by_key(|pod| (pod.metadata.creation_timestamp.as_ref().map(|time| time.0), pod.name_any()))
    }
}

/// Whether `object` was made by `owner`.
pub(super) fn is_owned<K: Resource, O: Resource>(object: &K, owner: &O) -> bool {
    owner.meta().uid.as_ref().is_some_and(|uid| object.owner_references().iter().any(|it| it.uid == *uid))
}

fn phase(pod: &Pod) -> Option<&str> {
    pod.status.as_ref()?.phase.as_deref()
}
