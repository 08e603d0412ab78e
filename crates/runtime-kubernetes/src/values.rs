//! What the platform's profile and the Workload's annotations ask of this runtime: `template.values`, read into types
//! that cannot be wrong. Pure.
//!
//! Everything that is wrong is listed at once. A value does not say whether the profile or an annotation of the
//! Workload set it, so what is said of a value that has an annotation names the annotation.

mod probes;
mod reader;
mod work;

use std::{collections::BTreeMap, ops::RangeInclusive};

use api_types::OpenObject;
use serde_json::Value;

use self::reader::Reader;
pub use self::{
    probes::{ProbeTimings, Timing},
    work::{Autoscaling, ConcurrencyPolicy, Kind, Run, Scaling, Schedule, Work},
};

/// The values that have an annotation of the Workload, and the annotation.
const ANNOTATIONS: &[(&str, &str)] = &[
    ("kind", "score.dev/kind"),
    ("replicas", "score.dev/replicas"),
    ("autoscaling", "score.dev/autoscaling"),
    ("schedule", "score.dev/schedule"),
    ("timeZone", "score.dev/time-zone"),
    ("concurrencyPolicy", "score.dev/concurrency-policy"),
    ("completions", "score.dev/completions"),
    ("parallelism", "score.dev/parallelism"),
    ("backoffLimit", "score.dev/backoff-limit"),
    ("activeDeadlineSeconds", "score.dev/active-deadline-seconds"),
    ("serviceAccountName", "score.dev/service-account"),
    ("probes", "score.dev/probes"),
];

/// Kubernetes' numbers of instances, retries and seconds.
const COUNTABLE: RangeInclusive<i64> = 1..=i32::MAX as i64;

/// Everything that `template.values` can ask for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Values {
    /// What kind of work the containers do.
    pub work: Work,
    /// In whose name the containers talk to the platform; nobody's if absent.
    pub service_account: Option<String>,
    /// When probes are made and what counts, by container.
    pub probes: BTreeMap<String, ProbeTimings>,
    /// How the ports are reached.
    pub service: Option<Value>,
    /// How the ports are reached from outside through an Ingress.
    pub ingress: Option<Value>,
    /// How the ports are reached from outside through a Gateway.
    pub gateway: Option<Value>,
    /// What the platform changes in the objects that are made.
    pub patches: Option<Value>,
    /// What the platform adds to the objects that are made.
    pub objects: Option<Value>,
    /// The outputs of the Workload's claims, by key and output, for whoever renders a template.
    pub claims: Option<Value>,
}

impl Values {
    /// Reads `values`, adding a sentence to `problems` for everything that is wrong.
    pub fn read(values: &OpenObject, problems: &mut Vec<String>) -> Self {
        let mut reader = Reader::new(values.0.clone(), problems);
        let read = Self {
            work: work::read(&mut reader),
            service_account: reader.text("serviceAccountName"),
            probes: probes::read(&mut reader),
            service: reader.any("service"),
            ingress: reader.any("ingress"),
            gateway: reader.any("gateway"),
            patches: reader.any("patches"),
            objects: reader.any("objects"),
            claims: reader.any("claims"),
        };
        reader.finish();
        read
    }
}

/// A sentence about the value at `path`, which is dotted, that says who can mend it.
pub(crate) fn problem(path: &str, why: &str) -> String {
    let (key, rest) = path.split_once('.').map_or((path, None), |(key, rest)| (key, Some(rest)));
    match annotation(key) {
        Some(annotation) => {
            let field = rest.map(|rest| format!(" {rest}")).unwrap_or_default();
            format!(
                "`{annotation}`:{field} {why}: correct the annotation, or ask your platform team if the workload has \
                 none."
            )
        }
        None => format!("The platform's profile sets `{path}`, which {why}: ask your platform team."),
    }
}

/// The annotation by which a Workload sets the value `key`.
pub(crate) fn annotation(key: &str) -> Option<&'static str> {
    ANNOTATIONS.iter().find(|(value, _)| *value == key).map(|(_, annotation)| *annotation)
}

#[cfg(test)]
mod tests;
