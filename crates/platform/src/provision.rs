//! Which provisioner provides a resource, and what it is told.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use api_types::OpenObject;
use score_spec::names::{ResourceClass, ResourceId, ResourceType};
use serde_json::Value;

use crate::{
    config::{Class, Config, Provisioner},
    listed,
    names::{Feature, ProvisionerName, Region},
    select::any_matches,
};

/// What of a resource, and of the Workload that declares it, decides who provides it.
#[derive(Clone, Debug, PartialEq)]
pub struct Need<'a> {
    /// The type.
    pub type_: &'a ResourceType,
    /// The class; `default` where the Workload names none.
    pub class: &'a ResourceClass,
    /// The id.
    pub id: Option<&'a ResourceId>,
    /// The params as they are written in the Workload.
    pub params: Option<&'a OpenObject>,
    /// The Workload's labels.
    pub labels: &'a BTreeMap<String, String>,
    /// What the Workload requires.
    pub requirements: &'a BTreeSet<Feature>,
    /// Where the Workload may run; anywhere if there are none.
    pub regions: &'a BTreeSet<Region>,
}

/// Who provides a resource, as what, and why no other.
#[derive(Clone, Debug, PartialEq)]
pub struct Provision<'a> {
    /// The provisioner.
    pub provisioner: &'a Provisioner,
    /// The name of the class: not always the one that was asked for, since `default` may stand for another.
    pub class_name: &'a ResourceClass,
    /// The class.
    pub class: &'a Class,
    /// Why none of the others of the type, by name.
    pub others: Vec<(&'a ProvisionerName, NotThis)>,
}

/// Why a provisioner of the type was not chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotThis {
    /// It is for the resource of another id.
    Id,
    /// It does not serve the class.
    Class,
    /// It is for other params: these.
    Params(Vec<String>),
    /// It matches too, and another one matches more closely.
    LessSpecific,
}

/// Why nobody provides a resource, for users.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotProvided {
    /// No provisioner matches.
    #[error("the platform offers no `{type_}` of class `{class}`{}: use one of {offered}, or ask your platform team for it", others_in_words(.others))]
    NoMatch {
        /// The type.
        type_: ResourceType,
        /// The class.
        class: ResourceClass,
        /// Types and classes that there are.
        offered: String,
        /// The provisioners of the type, and why not.
        others: Vec<(ProvisionerName, NotThis)>,
    },
    /// The class is for Workloads with other labels.
    #[error(
        "`{type_}` of class `{class}` is for Workloads with other labels (metadata.labels): use another class, or ask your platform team"
    )]
    Labels {
        /// The type.
        type_: ResourceType,
        /// The class.
        class: ResourceClass,
    },
    /// The class is for Workloads that require something.
    #[error(
        "`{type_}` of class `{class}` is for Workloads that require {features}: add it to metadata.annotations[score.dev/requirements], or use another class"
    )]
    Features {
        /// The type.
        type_: ResourceType,
        /// The class.
        class: ResourceClass,
        /// What is missing.
        features: String,
    },
    /// The class is provided elsewhere.
    #[error(
        "`{type_}` of class `{class}` is provided in {regions} only: use another class, or change metadata.annotations[score.dev/regions]"
    )]
    Regions {
        /// The type.
        type_: ResourceType,
        /// The class.
        class: ResourceClass,
        /// Where it is provided.
        regions: String,
    },
}

impl Config {
    /// Who provides what is needed.
    ///
    /// # Errors
    /// What to tell the user, if nobody does.
    pub fn provision(&self, need: &Need<'_>) -> Result<Provision<'_>, NotProvided> {
        let of_type = || self.provisioners.iter().filter(|candidate| candidate.type_ == *need.type_);
        let matching = of_type().filter(|candidate| mismatch(candidate, need).is_none());
        // No two are equally specific, or the configuration would not be valid.
        let Some(chosen) = matching.max_by_key(|candidate| candidate.specificity()) else {
            let others = of_type().filter_map(|other| Some((other.name.clone(), mismatch(other, need)?)));
            return Err(self.no_match(need, others.collect()));
        };
        let others = of_type().filter(|other| !std::ptr::eq(*other, chosen));
        let why = |other| mismatch(other, need).unwrap_or(NotThis::LessSpecific);
        let others = others.map(|other| (&other.name, why(other))).collect();
        let Some((class_name, class)) = chosen.serves(need.class) else {
            return Err(self.no_match(need, Vec::new()));
        };
        admits(class, class_name, need)?;
        Ok(Provision { provisioner: chosen, class_name, class, others })
    }

    fn no_match(&self, need: &Need<'_>, others: Vec<(ProvisionerName, NotThis)>) -> NotProvided {
        let offered = self.provisioners.iter();
        let offered: BTreeSet<_> = offered
            .flat_map(|candidate| {
                candidate.classes.keys().map(|class| format!("{} ({class})", candidate.type_))
            })
            .collect();
        NotProvided::NoMatch {
            type_: need.type_.clone(),
            class: need.class.clone(),
            offered: if offered.is_empty() { "none".to_owned() } else { listed(offered.iter()) },
            others,
        }
    }
}

fn mismatch(candidate: &Provisioner, need: &Need<'_>) -> Option<NotThis> {
    if candidate.id.as_ref().is_some_and(|id| Some(id) != need.id) {
        return Some(NotThis::Id);
    }
    let other = other_params(candidate, need.params);
    let other: Vec<_> = other.map(|(key, value)| format!("{key}: {value}")).collect();
    if !other.is_empty() {
        return Some(NotThis::Params(other));
    }
    candidate.serves(need.class).is_none().then_some(NotThis::Class)
}

/// The params that the provisioner is for and that are not `given` like that.
pub(crate) fn other_params<'a>(
    candidate: &'a Provisioner,
    given: Option<&'a OpenObject>,
) -> impl Iterator<Item = (&'a String, &'a Value)> {
    let given = move |key: &String| given.and_then(|params| params.0.get(key));
    candidate.params.0.iter().filter(move |(key, value)| given(key) != Some(value))
}

fn admits(class: &Class, name: &ResourceClass, need: &Need<'_>) -> Result<(), NotProvided> {
    let (type_, name) = (need.type_.clone(), name.clone());
    if !any_matches(&class.selectors, need.labels) {
        return Err(NotProvided::Labels { type_, class: name });
    }
    let mut missing = class.features.difference(need.requirements).peekable();
    if missing.peek().is_some() {
        return Err(NotProvided::Features { type_, class: name, features: listed(missing) });
    }
    let restricted = !class.regions.is_empty() && !need.regions.is_empty();
    if restricted && class.regions.is_disjoint(need.regions) {
        return Err(NotProvided::Regions { type_, class: name, regions: listed(class.regions.iter()) });
    }
    Ok(())
}

fn others_in_words(others: &[(ProvisionerName, NotThis)]) -> String {
    let others: Vec<_> = others.iter().map(|(name, why)| format!("`{name}` {why}")).collect();
    if others.is_empty() { String::new() } else { format!(" ({})", others.join("; ")) }
}

impl fmt::Display for NotThis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id => f.write_str("is for another id"),
            Self::Class => f.write_str("does not serve the class"),
            Self::Params(params) => write!(f, "is for params with {}", listed(params.iter())),
            Self::LessSpecific => f.write_str("matches less closely"),
        }
    }
}
