//! The platform's configuration, valid as a whole: whoever holds one can choose from it without anything going wrong.

mod backends;
mod builtin;
mod declared;
mod provisioners;
mod root;
mod selector;

use std::collections::{BTreeMap, BTreeSet};

use api_types::{DeprovisionPolicy, OpenObject};
use kube::core::Selector;
use quantity::QuantityRange;
use score_spec::names::{ResourceClass, ResourceId, ResourceType};
use semver::Version;

use crate::{
    names::{BackendId, Feature, ProfileName, ProvisionerName, Region, RuntimeClass},
    schema::Schema,
};

pub use builtin::BUILTIN;
pub use root::{ConfigError, ConfigErrors};

/// The platform's configuration.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Config {
    /// Its name.
    pub name: String,
    /// Its version, which is the platform team's to choose.
    pub version: Option<String>,
    /// What Workloads can ask for, by name; at least one.
    pub profiles: BTreeMap<ProfileName, Profile>,
    /// What provides the resources of Workloads. No two match one resource equally well.
    pub provisioners: Vec<Provisioner>,
    /// What Workloads get that ask for nothing.
    pub defaults: Defaults,
}

/// A way to run Workloads, in the terms of their developers.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// For people.
    pub description: Option<String>,
    /// The candidates, in the order in which they are preferred; at least one.
    pub backends: Vec<Backend>,
}

/// A way to run Workloads, in the terms of a runtime.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Backend {
    /// Its name.
    pub id: BackendId,
    /// The runtime that makes it run.
    pub runtime_class: RuntimeClass,
    /// What the runtime is told.
    pub values: OpenObject,
    /// The higher, the more it is preferred.
    pub priority: i64,
    /// The higher, the more it is preferred among those of one priority.
    pub version: Option<Version>,
    /// Which Workloads it takes.
    pub constraints: Constraints,
}

/// Which Workloads a backend takes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Constraints {
    /// One of them must match the Workload's labels; any labels will do if there are none.
    pub selectors: Vec<Selector>,
    /// What it can do.
    pub features: BTreeSet<Feature>,
    /// Where it runs.
    pub regions: BTreeSet<Region>,
    /// CPU that the containers may request in sum.
    pub cpu: Option<QuantityRange>,
    /// Memory that the containers may request in sum.
    pub memory: Option<QuantityRange>,
    /// Storage that the Workload may need in sum.
    pub storage: Option<QuantityRange>,
}

/// A provisioner, and the resources that it provides.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Provisioner {
    /// The type of the resources.
    pub type_: ResourceType,
    /// The name under which it watches claims.
    pub name: ProvisionerName,
    /// Only resources of this class.
    pub class: Option<ResourceClass>,
    /// Only the resource of this id.
    pub id: Option<ResourceId>,
    /// Only resources with these params, as they are written in the Workload.
    pub params: OpenObject,
    /// The classes that it serves, by name; at least one.
    pub classes: BTreeMap<ResourceClass, Class>,
    /// The class of resources that name none.
    pub default_class: Option<ResourceClass>,
    /// Params of resources that do not set them.
    pub default_params: OpenObject,
    /// What becomes of a resource when nothing uses it any more.
    pub deprovision_policy: Option<DeprovisionPolicy>,
    /// What params may be.
    pub params_schema: Option<Schema>,
    /// What outputs there are.
    pub outputs_schema: Option<Schema>,
}

/// A class of a provisioner.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Class {
    /// For people.
    pub description: Option<String>,
    /// What the provisioner is told for it.
    pub parameters: OpenObject,
    /// One of them must match the Workload's labels; any labels will do if there are none.
    pub selectors: Vec<Selector>,
    /// What the Workload must require, too.
    pub features: BTreeSet<Feature>,
    /// Where it is provided.
    pub regions: BTreeSet<Region>,
    /// Whether nothing of it is deleted that the platform has not released.
    pub is_protected: bool,
}

/// What Workloads get that ask for no profile.
#[derive(Clone, Debug, PartialEq)]
pub struct Defaults {
    /// The profile where no selector matches.
    pub profile: ProfileName,
    /// The first whose selector matches the Workload's labels decides.
    pub selectors: Vec<DefaultSelector>,
}

/// A profile for Workloads with certain labels.
#[derive(Clone, Debug, PartialEq)]
pub struct DefaultSelector {
    /// The labels.
    pub selector: Selector,
    /// The profile.
    pub profile: ProfileName,
}
