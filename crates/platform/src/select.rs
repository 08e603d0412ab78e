//! Which backend runs a Workload, and why no other does. The same question always has the same answer.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use kube::core::{Selector, SelectorExt as _};
use quantity::{Quantity, QuantityRange};

use crate::{
    config::{Backend, Config, Profile},
    listed,
    names::{BackendId, Feature, ProfileName, Region},
};

/// What of a Workload decides which backend runs it.
#[derive(Clone, Debug, PartialEq)]
pub struct Demand<'a> {
    /// Its labels.
    pub labels: &'a BTreeMap<String, String>,
    /// The profile that is asked for, and by what.
    pub profile: Option<(&'a str, AskedBy)>,
    /// What the backend must be able to do.
    pub requirements: &'a BTreeSet<Feature>,
    /// Where it may run; anywhere if there are none.
    pub regions: &'a BTreeSet<Region>,
    /// CPU that the containers request in sum.
    pub cpu: Quantity,
    /// Memory that the containers request in sum.
    pub memory: Quantity,
    /// Storage that it needs in sum.
    pub storage: Quantity,
}

/// What asks for a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AskedBy {
    /// The annotation `score.dev/profile` of the Workload.
    Annotation,
    /// `spec.profile` of the Workload.
    Spec,
    /// The defaults of a PlatformPolicy, by its name.
    Policy(String),
}

/// Why a profile was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Because {
    /// It was asked for.
    Asked(AskedBy),
    /// `spec.defaults.selectors` of the configuration, by index.
    Selector(usize),
    /// `spec.defaults.profile` of the configuration.
    Default,
}

/// What came of looking for a backend.
#[derive(Clone, Debug, PartialEq)]
pub enum Selection<'a> {
    /// One was found.
    Chosen(Choice<'a>),
    /// None was found.
    Nothing(NoBackend<'a>),
}

/// The backend that runs a Workload.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice<'a> {
    /// The profile.
    pub profile: &'a ProfileName,
    /// Why this profile.
    pub because: Because,
    /// The backend.
    pub backend: &'a Backend,
    /// Why none of the others of the profile.
    pub others: Vec<(&'a BackendId, PassedOver)>,
}

/// Why no backend runs a Workload.
#[derive(Clone, Debug, PartialEq)]
pub enum NoBackend<'a> {
    /// There is no such profile.
    NoProfile {
        /// The profile that was asked for.
        name: String,
        /// By what.
        by: AskedBy,
        /// Those that there are.
        offered: Vec<&'a ProfileName>,
    },
    /// Every backend of the profile was dropped.
    AllDropped {
        /// The profile.
        profile: &'a ProfileName,
        /// Why this profile.
        because: Because,
        /// The backends, and why not.
        others: Vec<(&'a BackendId, PassedOver)>,
    },
}

/// Why a backend was not chosen.
#[derive(Clone, Debug, PartialEq)]
pub enum PassedOver {
    /// It does not take the Workload.
    Dropped(Vec<Misfit>),
    /// It would, but another one has a higher priority.
    Priority,
    /// It would, but another one of the same priority has a higher version.
    Version,
    /// It would, but another one, equal otherwise, comes before it in the alphabet.
    Name,
}

/// A constraint that a Workload does not meet.
#[derive(Clone, Debug, PartialEq)]
pub enum Misfit {
    /// No selector matches the Workload's labels.
    Labels,
    /// Features that it lacks.
    Features(Vec<Feature>),
    /// It runs in none of the regions that are asked for, but in these.
    Regions(Vec<Region>),
    /// The sum of the Workload's needs is out of range.
    Amount {
        /// `cpu`, `memory` or `storage`.
        what: &'static str,
        /// The sum.
        needed: Quantity,
        /// The range.
        range: QuantityRange,
    },
}

impl Config {
    /// The backend for a demand.
    pub fn select(&self, demand: &Demand<'_>) -> Selection<'_> {
        let (name, because) = match self.profile_for(demand) {
            Ok(found) => found,
            Err(nothing) => return Selection::Nothing(nothing),
        };
        // Every name that gets here is that of a profile: `Config` holds no other.
        let Some((profile, Profile { backends, .. })) = self.profiles.get_key_value(name) else {
            return Selection::Nothing(NoBackend::AllDropped { profile: name, because, others: Vec::new() });
        };
        let misfits = backends.iter().map(|backend| (backend, misfits(backend, demand)));
        let misfits: Vec<(&Backend, Vec<Misfit>)> = misfits.collect();
        let Some(&(backend, _)) = misfits.iter().find(|(_, misfits)| misfits.is_empty()) else {
            let others =
                misfits.into_iter().map(|(other, misfits)| (&other.id, PassedOver::Dropped(misfits)));
            return Selection::Nothing(NoBackend::AllDropped { profile, because, others: others.collect() });
        };
        let others = misfits.into_iter().filter(|(other, _)| other.id != backend.id);
        let others = others.map(|(other, misfits)| (&other.id, passed_over(other, misfits, backend)));
        Selection::Chosen(Choice { profile, because, backend, others: others.collect() })
    }

    fn profile_for(&self, demand: &Demand<'_>) -> Result<(&ProfileName, Because), NoBackend<'_>> {
        if let Some((name, by)) = &demand.profile {
            return match self.profiles.get_key_value(*name) {
                Some((name, _)) => Ok((name, Because::Asked(by.clone()))),
                None => Err(NoBackend::NoProfile {
                    name: (*name).to_owned(),
                    by: by.clone(),
                    offered: self.profiles.keys().collect(),
                }),
            };
        }
        let mut selectors = self.defaults.selectors.iter().enumerate();
        let found = selectors.find(|(_, candidate)| candidate.selector.matches(demand.labels));
        Ok(match found {
            Some((index, found)) => (&found.profile, Because::Selector(index)),
            None => (&self.defaults.profile, Because::Default),
        })
    }
}

fn misfits(backend: &Backend, demand: &Demand<'_>) -> Vec<Misfit> {
    let constraints = &backend.constraints;
    let labels = (!any_matches(&constraints.selectors, demand.labels)).then_some(Misfit::Labels);
    let lacking: Vec<_> = demand.requirements.difference(&constraints.features).cloned().collect();
    let features = (!lacking.is_empty()).then_some(Misfit::Features(lacking));
    let elsewhere = !demand.regions.is_empty() && demand.regions.is_disjoint(&constraints.regions);
    let regions = elsewhere.then(|| Misfit::Regions(constraints.regions.iter().cloned().collect()));
    let amounts = [
        ("cpu", &demand.cpu, &constraints.cpu),
        ("memory", &demand.memory, &constraints.memory),
        ("storage", &demand.storage, &constraints.storage),
    ];
    let amounts = amounts.into_iter().filter_map(|(what, needed, range)| {
        let range = range.as_ref().filter(|range| !range.contains(needed))?;
        Some(Misfit::Amount { what, needed: needed.clone(), range: range.clone() })
    });
    labels.into_iter().chain(features).chain(regions).chain(amounts).collect()
}

/// Whether one of the selectors matches, or there is none.
pub(crate) fn any_matches(selectors: &[Selector], labels: &BTreeMap<String, String>) -> bool {
    selectors.is_empty() || selectors.iter().any(|selector| selector.matches(labels))
}

fn passed_over(other: &Backend, misfits: Vec<Misfit>, chosen: &Backend) -> PassedOver {
    match () {
        () if !misfits.is_empty() => PassedOver::Dropped(misfits),
        () if other.priority != chosen.priority => PassedOver::Priority,
        () if other.version != chosen.version => PassedOver::Version,
        () => PassedOver::Name,
    }
}

impl fmt::Display for AskedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Annotation => f.write_str("metadata.annotations[score.dev/profile]"),
            Self::Spec => f.write_str("spec.profile"),
            Self::Policy(name) => write!(f, "policy `{name}`"),
        }
    }
}

impl fmt::Display for Because {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked(by) => by.fmt(f),
            Self::Selector(index) => {
                write!(f, "spec.defaults.selectors[{index}] of the platform's configuration")
            }
            Self::Default => f.write_str("spec.defaults.profile of the platform's configuration"),
        }
    }
}

/// For users: what to do next, in terms of their Workload.
impl fmt::Display for NoBackend<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoProfile { name, by, offered } => write!(
                f,
                "{by}: the platform offers no profile `{name}`: use one of {}, or leave it out.",
                listed(offered.iter())
            ),
            Self::AllDropped { profile, others, .. } => {
                write!(f, "The platform has nothing that runs this Workload with profile `{profile}`:")?;
                for (index, (id, why)) in others.iter().enumerate() {
                    write!(f, "{} `{id}` {why}", if index == 0 { "" } else { ";" })?;
                }
                f.write_str(". Change what the Workload asks for, or ask your platform team.")
            }
        }
    }
}

impl fmt::Display for PassedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dropped(misfits) => {
                let misfits: Vec<_> = misfits.iter().map(ToString::to_string).collect();
                f.write_str(&misfits.join(", and "))
            }
            Self::Priority => f.write_str("has a lower priority"),
            Self::Version => f.write_str("has the same priority and a lower version"),
            Self::Name => f.write_str("has the same priority and version, and comes later in the alphabet"),
        }
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Labels => f.write_str("takes only Workloads with other labels (metadata.labels)"),
            Self::Features(features) => write!(
                f,
                "does not offer {}, which metadata.annotations[score.dev/requirements] asks for",
                listed(features.iter())
            ),
            Self::Regions(regions) if regions.is_empty() => f.write_str(
                "names no region, and the Workload asks for one (metadata.annotations[score.dev/regions])",
            ),
            Self::Regions(regions) => {
                let regions = listed(regions.iter());
                write!(f, "is in {regions} only (metadata.annotations[score.dev/regions])")
            }
            Self::Amount { what: "storage", needed, range } => {
                write!(
                    f,
                    "takes {range} of storage, and {needed} is needed (metadata.annotations[score.dev/storage])"
                )
            }
            Self::Amount { what, needed, range } => write!(
                f,
                "takes {range} of {what}, and the containers request {needed} in sum (spec.containers.*.resources)"
            ),
        }
    }
}
