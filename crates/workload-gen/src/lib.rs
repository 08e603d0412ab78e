//! Random Workloads for tests: valid ones, and ones that break exactly one rule.
//!
//! ```text
//! schema of the kind ── shape ──> any value it allows ── consistent ──> a valid Workload ── invalid ──> a broken one
//! ```
//!
//! What fields there are, their patterns and their ranges are read from the schema of the kind, so a new field is
//! generated from the day it is there. What a schema cannot say (placeholders refer to something declared, nothing runs
//! before itself, no request is above its limit …) is made true afterwards.
//!
//! Equal seeds and settings give equal Workloads: a test prints its seed.

mod change;
mod consistent;
mod containers;
mod hostile;
mod invalid;
mod outputs;
mod resources;
mod shape;
mod texts;

use std::collections::BTreeSet;

use api_types::Workload;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSONSchemaProps;
use kube::CustomResourceExt as _;
use rand::{SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};
use thiserror::Error;

pub use hostile::{HOSTILE, hostile_texts};
pub use invalid::Invalid;

use shape::Shape;

/// What Workloads to make.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The most containers of a Workload; at least 1.
    pub containers: usize,
    /// The most resources of a Workload.
    pub resources: usize,
    /// The type of every resource, all of them of the default class and none shared; any where there is none.
    pub resource_type: Option<String>,
    /// The image of every container; any name where there is none.
    pub image: Option<String>,
}

impl Default for Settings {
    /// Everything that is valid.
    fn default() -> Self {
        Self { containers: 4, resources: 5, resource_type: None, image: None }
    }
}

/// A schema that this crate cannot follow.
#[derive(Debug, Error)]
pub enum Error {
    /// A pattern cannot be generated from.
    #[error("pattern {0:?} cannot be generated from")]
    Pattern(String, #[source] rand_regex::Error),
    /// The kind has no schema for its spec.
    #[error("the kind has no schema of its spec")]
    NoSchema,
    /// What was generated is no Workload: the schema says what this crate does not know.
    #[error("what was generated is no Workload")]
    NotAWorkload(#[from] serde_json::Error),
}

/// Makes Workloads, one after the other.
#[derive(Debug)]
pub struct Generator {
    settings: Settings,
    schema: JSONSchemaProps,
    rng: StdRng,
    /// The names of all that were made: no two are the same.
    names: BTreeSet<String>,
}

impl Generator {
    /// A generator of Workloads that are a function of the seed.
    ///
    /// # Errors
    /// The kind has no schema.
    pub fn new(seed: u64, settings: Settings) -> Result<Self, Error> {
        let crd = Workload::crd();
        let schemas = crd.spec.versions.into_iter().filter_map(|version| version.schema);
        let properties = schemas.filter_map(|schema| schema.open_api_v3_schema?.properties);
        let schema = properties.filter_map(|mut properties| properties.remove("spec")).next();
        let rng = StdRng::seed_from_u64(seed);
        Ok(Self { settings, schema: schema.ok_or(Error::NoSchema)?, rng, names: BTreeSet::new() })
    }

    /// A valid Workload of a name of its own, in namespace `random`, with what the API server gives every object.
    ///
    /// # Errors
    /// The schema holds what this crate does not know: a defect of this crate.
    pub fn valid(&mut self) -> Result<Workload, Error> {
        let mut name = texts::name(&mut self.rng);
        while !self.names.insert(name.clone()) {
            name = texts::name(&mut self.rng);
        }
        let spec = Shape::new(&mut self.rng).of_spec(&self.schema)?;
        let object = json!({
            "apiVersion": "score.dev/v1b1",
            "kind": "Workload",
            "metadata": {
                "name": name,
                "namespace": "random",
                "uid": format!("uid-{}", self.names.len()),
                "generation": 1,
                "annotations": texts::annotations(&mut self.rng),
            },
            "spec": spec,
        });
        let mut workload: Workload = serde_json::from_value(object)?;
        consistent::make(&mut workload, &self.settings, &mut self.rng);
        Ok(workload)
    }

    /// A Workload that breaks one rule, as JSON: it need not even fit the type.
    ///
    /// # Errors
    /// As [`Generator::valid`].
    pub fn invalid(&mut self) -> Result<Invalid, Error> {
        let workload = serde_json::to_value(self.valid()?)?;
        Ok(invalid::broken(workload, &mut self.rng))
    }

    /// The same Workload after an edit by its user, and still valid: its spec is another, or a part of it is.
    ///
    /// # Errors
    /// As [`Generator::valid`].
    pub fn edited(&mut self, workload: &Workload) -> Result<Workload, Error> {
        let other = self.valid()?;
        Ok(change::edited(workload, other, &mut self.rng))
    }

    /// Outputs for every resource of a Workload: all that its placeholders refer to, some of them secret.
    pub fn outputs(&self, workload: &Workload) -> score_spec::placeholder::Outputs {
        outputs::of(workload)
    }
}

/// A Workload as JSON without what the API server gives every object, as a user would apply it.
///
/// # Errors
/// It cannot be JSON.
pub fn applied(workload: &Workload, namespace: &str) -> Result<Value, serde_json::Error> {
    let mut object = serde_json::to_value(workload)?;
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.retain(|field, _| matches!(field.as_str(), "name" | "annotations"));
        metadata.insert("namespace".to_owned(), json!(namespace));
    }
    Ok(object)
}
