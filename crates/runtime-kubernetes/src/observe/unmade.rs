//! Instances that there should be and are not.
//!
//! Of what keeps a StatefulSet or a Job from creating them, such as a quota, they say nothing in their status, only in
//! an event.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;

use super::{Seen, rollout::Rollout, run::has_ended, schedule};
use crate::main_object::Main;

/// What should have made instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unmade<'a> {
    /// Its uid.
    pub uid: &'a str,
    /// How long it has been there.
    pub age: Duration,
    /// When it last made one. What kept it from that before does so no more.
    pub made: Option<Timestamp>,
}

/// What should have made instances and did not, if it keeps to itself why.
pub fn unmade<'a>(seen: Seen<'a>) -> Option<Unmade<'a>> {
    match seen.main {
        Main::Deployment(_) => None,
        Main::StatefulSet(set) => {
            let created = seen.made_by(&**set).filter_map(|pod| pod.metadata.creation_timestamp.as_ref());
            let made = created.map(|time| time.0).max();
            let unmade = unmade_by(seen, &set.metadata).map(|unmade| Unmade { made, ..unmade });
            unmade.filter(|_| Rollout::of_stateful_set(set, seen).missing)
        }
        Main::Job(job) => {
            unmade_by(seen, &job.metadata).filter(|_| !has_ended(job) && !has_pods(seen, &**job))
        }
        Main::CronJob(object) => {
            let run = schedule::active(seen, object).find(|run| !has_pods(seen, *run))?;
            unmade_by(seen, &run.metadata)
        }
    }
}

fn has_pods<K: Resource>(seen: Seen<'_>, owner: &K) -> bool {
    seen.made_by(owner).next().is_some()
}

fn unmade_by<'a>(seen: Seen<'_>, object: &'a ObjectMeta) -> Option<Unmade<'a>> {
    let created = object.creation_timestamp.as_ref()?.0;
    let age = Duration::try_from(seen.now.duration_since(created)).unwrap_or_default();
    Some(Unmade { uid: object.uid.as_deref()?, age, made: None })
}
