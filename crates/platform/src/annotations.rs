//! What a Workload asks for beyond Score: its annotations `score.dev/…`, so that plain Score stays valid.

mod defaults;
mod fields;
mod kinds;
mod probes;

use std::{collections::BTreeMap, collections::BTreeSet};

use api_types::{Container, OpenObject, metadata::ANNOTATION_TRACEPARENT};
use quantity::Quantity;
use score_spec::{path::FieldPath, validate::FieldError};
use serde_json::{Map, Value};

use crate::{
    errors::Errors,
    listed,
    names::{Feature, Region},
};

pub(crate) use defaults::with_defaults;
pub(crate) use fields::annotation_of;
pub use kinds::{Kind, check_kind};
pub(crate) use kinds::{check_own_kind, kind_of};

/// The profile to run with; it goes before `spec.profile`.
pub const PROFILE: &str = "score.dev/profile";
/// Features that the backend must have, separated by commas.
pub const REQUIREMENTS: &str = "score.dev/requirements";
/// Regions in one of which the Workload must run, separated by commas.
pub const REGIONS: &str = "score.dev/regions";
/// Storage that the Workload needs in sum.
pub const STORAGE: &str = "score.dev/storage";
/// The identity that the Workload runs with; only what a policy allows.
pub const SERVICE_ACCOUNT: &str = "score.dev/service-account";

/// Annotations that choose, and those that become values for the runtime, with the name of the value.
const CHOOSING: [&str; 4] = [PROFILE, REQUIREMENTS, REGIONS, STORAGE];
/// Timing and thresholds of probes.
pub const PROBES: &str = fields::PROBES;
const PREFIX: &str = "score.dev/";

/// What the annotations of a Workload ask for.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Asked {
    /// The profile.
    pub profile: Option<String>,
    /// Features that the backend must have.
    pub requirements: BTreeSet<Feature>,
    /// Regions in one of which it must run; any if there are none.
    pub regions: BTreeSet<Region>,
    /// Storage in sum; what the resources need if there is none.
    pub storage: Option<Quantity>,
    /// The identity that it runs with.
    pub service_account: Option<String>,
    /// Values for the runtime.
    pub values: OpenObject,
    /// Annotations for what runs the Workload.
    pub passed_on: BTreeMap<String, String>,
}

/// The path of an annotation.
pub fn path(key: &str) -> FieldPath {
    FieldPath::root(&format!("metadata.annotations[{key}]"))
}

/// Reads the annotations of a Workload with these containers.
///
/// # Errors
/// Every annotation `score.dev/…` that is unknown, or whose value is not valid.
pub fn read(
    annotations: &BTreeMap<String, String>,
    containers: &BTreeMap<String, Container>,
) -> Result<Asked, Vec<FieldError>> {
    let mut errors = Errors::default();
    let mut asked = Asked::default();
    let mut values = Map::new();
    for (key, text) in annotations {
        let path = path(key);
        match key.as_str() {
            PROFILE => asked.profile = Some(text.clone()),
            REQUIREMENTS => asked.requirements = fields::names(text, &path, &mut errors),
            REGIONS => asked.regions = fields::names(text, &path, &mut errors),
            STORAGE => asked.storage = errors.keep(text.parse(), &path),
            fields::PROBES => {
                values.extend(
                    probes::read(text, containers, &path, &mut errors)
                        .map(|probes| ("probes".into(), probes)),
                );
            }
            ANNOTATION_TRACEPARENT => {}
            key if fields::is_known(key) => values.extend(fields::value(key, text, &path, &mut errors)),
            key if key.starts_with(PREFIX) => errors.add(&path, unknown()),
            key if key.starts_with("kubectl.kubernetes.io/") => {}
            _ => drop(asked.passed_on.insert(key.to_owned(), text.clone())),
        }
    }
    asked.service_account = values.get("serviceAccountName").and_then(Value::as_str).map(str::to_owned);
    refuse_both(annotations, &mut errors);
    asked.values = OpenObject(values);
    errors.or_value(Some(asked))
}

/// Those of the annotations of a Workload that it asks for something by.
pub fn asking(annotations: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let asking =
        annotations.iter().filter(|(key, _)| key.starts_with(PREFIX) && *key != ANNOTATION_TRACEPARENT);
    asking.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// Every annotation that there is.
pub fn known() -> impl Iterator<Item = &'static str> {
    CHOOSING.into_iter().chain(fields::known()).chain([fields::PROBES])
}

fn unknown() -> String {
    format!("unknown annotation: remove it, or use one of {}", listed(known()))
}

fn refuse_both(annotations: &BTreeMap<String, String>, errors: &mut Errors) {
    if annotations.contains_key(fields::REPLICAS) && annotations.contains_key(fields::AUTOSCALING) {
        let message =
            format!("the number is either fixed or chosen by load: remove this, or {}", fields::AUTOSCALING);
        errors.add(&path(fields::REPLICAS), message);
    }
}
