//! Why a pod has no place, and what is not taken into account.

use std::{collections::BTreeMap, fmt};

/// Why a node does not take a pod.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// The node is not among those that may be used: see [`Cluster::only`](crate::Cluster::only).
    NotOffered,
    /// The node is cordoned, and the pod does not tolerate that.
    Cordoned,
    /// The node says that it is not ready, or has not been heard of for long.
    NotReady,
    /// The node has a taint of this key that the pod does not tolerate.
    Taint(String),
    /// Node selector or node affinity.
    NodeAffinity,
    /// A volume of the pod cannot be reached from the node.
    VolumeAffinity,
    /// A claim of the pod, or the volume that it is bound to, is not there, or the claim is being deleted.
    MissingVolume,
    /// Too little is free of this resource.
    Insufficient(String),
    /// The node has as many pods as it takes.
    TooManyPods,
    /// Another pod has a host port that the pod needs.
    HostPort,
    /// No pod that the pod must be near is there.
    PodAffinity,
    /// A pod that the pod must be far from is there.
    PodAntiAffinity,
    /// A pod that is there must be far from this one.
    OthersAntiAffinity,
    /// Topology spread: there would be too many there.
    Spread,
    /// Topology spread: the node has no label of this key.
    NoTopology(String),
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOffered => f.write_str("not among those that may be used"),
            Self::Cordoned => f.write_str("cordoned"),
            Self::NotReady => f.write_str("not ready"),
            Self::Taint(key) => write!(f, "with taint {key} not tolerated"),
            Self::NodeAffinity => f.write_str("not matching the pod's node selector or affinity"),
            Self::VolumeAffinity => f.write_str("out of reach of the pod's volumes"),
            Self::MissingVolume => {
                f.write_str("without a volume claim of the pod, which does not exist or is being deleted")
            }
            Self::Insufficient(resource) => write!(f, "insufficient {resource}"),
            Self::TooManyPods => f.write_str("too many pods"),
            Self::HostPort => f.write_str("with the host port taken"),
            Self::PodAffinity => f.write_str("not matching the pod's affinity to pods"),
            Self::PodAntiAffinity => f.write_str("not matching the pod's anti-affinity to pods"),
            Self::OthersAntiAffinity => f.write_str("not matching the anti-affinity of pods there"),
            Self::Spread => f.write_str("over the topology spread's skew"),
            Self::NoTopology(key) => write!(f, "without the topology label {key}"),
        }
    }
}

/// How many causes are named in one line: each pod that has no place has such a line, and all of them are stored
/// together.
const NAMED: usize = 5;

/// Why a pod has no place: for each node the first cause. In one line: `0/3 nodes fit: 2 insufficient cpu, 1 cordoned`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reason {
    /// How many nodes there are.
    pub nodes: usize,
    counts: BTreeMap<Cause, usize>,
}

impl Reason {
    pub(crate) fn new(nodes: usize, causes: impl IntoIterator<Item = Cause>) -> Self {
        let mut counts = BTreeMap::new();
        for cause in causes {
            *counts.entry(cause).or_default() += 1;
        }
        Self { nodes, counts }
    }

    /// The causes, each with the number of nodes; the most frequent first.
    pub fn causes(&self) -> Vec<(&Cause, usize)> {
        let mut causes: Vec<_> = self.counts.iter().map(|(cause, count)| (cause, *count)).collect();
        causes.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        causes
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nodes == 0 {
            return f.write_str("there are no nodes");
        }
        let refused: usize = self.counts.values().sum();
        write!(f, "{}/{} nodes fit", self.nodes.saturating_sub(refused), self.nodes)?;
        let causes = self.causes();
        for (place, (cause, count)) in causes.iter().take(NAMED).enumerate() {
            write!(f, "{} {count} {cause}", if place == 0 { ":" } else { "," })?;
        }
        match causes.iter().skip(NAMED).map(|(_, count)| count).sum::<usize>() {
            0 => Ok(()),
            others => write!(f, ", and {others} for other reasons"),
        }
    }
}

/// Something that a pod asks and that is not taken into account, or would not be if the pod were pinned: only the scheduler
/// itself can tell whether a node will do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Unmodelled {
    /// A quantity that cannot be read.
    Quantity(String),
    /// A requirement of node affinity (of the pod or of its volume) that cannot be read.
    NodeAffinity(String),
    /// A term of pod affinity with this topology key, whose selector cannot be read.
    Selector(String),
    /// A topology spread constraint with this key that has an unknown word or a selector that cannot be read.
    Spread(String),
    /// A claim that is not bound: the scheduler chooses or provisions its volume.
    UnboundClaim(String),
    /// A claim that one pod at a time may use.
    ExclusiveClaim(String),
    /// A driver of volumes, which sets a limit of how many there may be on a node.
    AttachLimit(String),
    /// A disk that the pod names itself.
    Disk(String),
    /// A claim to devices (dynamic resource allocation).
    DynamicResources(String),
    /// An extended resource that no node offers: a device class may serve it.
    Devices(String),
    /// A topology spread constraint with this key and `minDomains`, which would be another one for a pod that is pinned.
    MinDomains(String),
    /// The pod belongs to a group of the scheduler's own.
    SchedulingGroup,
}

impl fmt::Display for Unmodelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Quantity(text) => write!(f, "the quantity `{text}`, which cannot be read"),
            Self::NodeAffinity(text) => write!(f, "the node affinity `{text}`, which cannot be read"),
            Self::Selector(key) => write!(f, "the pod affinity over `{key}`, whose selector cannot be read"),
            Self::Spread(key) => write!(f, "the topology spread over `{key}`, which cannot be read"),
            Self::UnboundClaim(name) => write!(f, "the volume claim `{name}`, which is not bound yet"),
            Self::ExclusiveClaim(name) => {
                write!(f, "the volume claim `{name}`, which one pod at a time may use")
            }
            Self::AttachLimit(driver) => write!(f, "how many volumes of `{driver}` a node takes"),
            Self::Disk(name) => write!(f, "the disk of volume `{name}`"),
            Self::DynamicResources(name) => write!(f, "the resource claim `{name}`"),
            Self::Devices(name) => write!(f, "the resource `{name}`, which no node offers but devices may"),
            Self::MinDomains(key) => {
                write!(f, "the topology spread over `{key}`, whose minDomains a pinned pod cannot fulfil")
            }
            Self::SchedulingGroup => f.write_str("the pod's scheduling group"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_the_five_most_frequent_causes_and_counts_the_other_nodes() {
        let taints = (0..25).map(|pool| Cause::Taint(format!("pool-{pool:02}")));
        let causes = taints.chain([Cause::Cordoned, Cause::Cordoned]);
        assert_eq!(
            Reason::new(27, causes).to_string(),
            "0/27 nodes fit: 2 cordoned, 1 with taint pool-00 not tolerated, 1 with taint pool-01 not tolerated, \
             1 with taint pool-02 not tolerated, 1 with taint pool-03 not tolerated, and 21 for other reasons"
        );
        let five = (0..5).map(|pool| Cause::Taint(format!("pool-{pool}")));
        assert!(Reason::new(5, five).to_string().ends_with("1 with taint pool-4 not tolerated"));
    }
}
