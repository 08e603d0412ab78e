//! Where the volumes that a pod claims can be used.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, Pod, Volume};

use crate::{Unmodelled, labels::Labels, node_affinity::NodeTerms};

/// Claims and volumes that pods name; all that there are may be given. The default is none.
#[derive(Clone, Debug, Default)]
pub struct Volumes {
    /// By namespace and name.
    claims: BTreeMap<(String, String), Claim>,
    volumes: BTreeMap<String, Reach>,
}

#[derive(Clone, Debug)]
struct Claim {
    /// None while the claim is not bound.
    volume: Option<String>,
    /// For one pod at a time.
    exclusive: bool,
}

#[derive(Clone, Debug)]
struct Reach {
    place: VolumePlace,
    /// Whose limit of volumes per node counts.
    driver: Option<String>,
    unmodelled: Vec<Unmodelled>,
}

/// From which nodes a volume can be reached.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct VolumePlace {
    nodes: NodeTerms,
    /// Zones and regions that its labels name, as they were written before volumes had node affinity.
    zones: Vec<(String, Vec<String>)>,
}

/// Labels of zones and regions, each with its other spelling.
const ZONES: [(&str, &str); 4] = [
    ("topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone"),
    ("topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/region"),
    ("failure-domain.beta.kubernetes.io/zone", "topology.kubernetes.io/zone"),
    ("failure-domain.beta.kubernetes.io/region", "topology.kubernetes.io/region"),
];

impl VolumePlace {
    fn read(volume: &PersistentVolume, unmodelled: &mut Vec<Unmodelled>) -> Self {
        let affinity = volume.spec.as_ref().and_then(|spec| spec.node_affinity.as_ref());
        let nodes = NodeTerms::read(affinity.and_then(|affinity| affinity.required.as_ref()), unmodelled);
        let labels = volume.metadata.labels.as_ref();
        let zones = ZONES.iter().filter_map(|(key, _)| {
            let values = labels?.get(*key)?;
            Some(((*key).to_owned(), values.split("__").map(str::to_owned).collect()))
        });
        Self { nodes, zones: zones.collect() }
    }

    pub(crate) fn holds(&self, name: &str, labels: &Labels) -> bool {
        let in_zone = |key: &str, zones: &[String]| {
            let other =
                ZONES.iter().find(|(known, _)| *known == key).and_then(|(_, other)| labels.get(*other));
            labels.get(key).or(other).is_some_and(|zone| zones.contains(zone))
        };
        // A node that says nothing of zones is not asked for them.
        let says = || ZONES.iter().any(|(key, _)| labels.contains_key(*key));
        self.nodes.holds(name, labels)
            && (self.zones.is_empty() || !says() || self.zones.iter().all(|(key, zones)| in_zone(key, zones)))
    }
}

impl Volumes {
    /// Of claims and volumes as they are in the cluster.
    pub fn new<'a>(
        claims: impl IntoIterator<Item = &'a PersistentVolumeClaim>,
        volumes: impl IntoIterator<Item = &'a PersistentVolume>,
    ) -> Self {
        // The scheduler uses none that is being deleted.
        let claims = claims.into_iter().filter(|claim| claim.metadata.deletion_timestamp.is_none());
        let claims = claims.map(|claim| {
            let key = (
                claim.metadata.namespace.clone().unwrap_or_default(),
                claim.metadata.name.clone().unwrap_or_default(),
            );
            (key, Claim::read(claim))
        });
        let volumes = volumes.into_iter().map(|volume| {
            let mut unmodelled = Vec::new();
            let place = VolumePlace::read(volume, &mut unmodelled);
            (
                volume.metadata.name.clone().unwrap_or_default(),
                Reach { place, driver: driver(volume), unmodelled },
            )
        });
        Self { claims: claims.collect(), volumes: volumes.collect() }
    }

    /// Where the volumes of the pod can be reached; none if a claim or its volume is not there, or going, with which no
    /// node will do.
    pub(crate) fn places(&self, pod: &Pod, unmodelled: &mut Vec<Unmodelled>) -> Option<Vec<VolumePlace>> {
        let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
        let mut places = Vec::new();
        for volume in volumes {
            let Some(claim) = claim_of(pod, volume) else {
                unmodelled.extend(inline(volume));
                continue;
            };
            let key = (pod.metadata.namespace.clone().unwrap_or_default(), claim);
            let found = self.claims.get(&key)?;
            if found.exclusive {
                unmodelled.push(Unmodelled::ExclusiveClaim(key.1.clone()));
            }
            let Some(name) = &found.volume else {
                unmodelled.push(Unmodelled::UnboundClaim(key.1));
                continue;
            };
            let reach = self.volumes.get(name)?;
            unmodelled.extend(reach.unmodelled.iter().cloned());
            unmodelled.extend(reach.driver.clone().map(Unmodelled::AttachLimit));
            if !places.contains(&reach.place) {
                places.push(reach.place.clone());
            }
        }
        Some(places)
    }
}

impl Claim {
    fn read(claim: &PersistentVolumeClaim) -> Self {
        let annotated = claim.metadata.annotations.iter().flatten();
        let completed = annotated.into_iter().any(|(key, _)| key == "pv.kubernetes.io/bind-completed");
        let phase = claim.status.as_ref().and_then(|status| status.phase.as_deref());
        let spec = claim.spec.as_ref();
        let volume = spec.and_then(|spec| spec.volume_name.clone()).filter(|name| !name.is_empty());
        let modes = spec.and_then(|spec| spec.access_modes.as_ref());
        Self {
            volume: volume.filter(|_| completed || phase == Some("Bound")),
            exclusive: modes.into_iter().flatten().any(|mode| mode == "ReadWriteOncePod"),
        }
    }
}

/// The claim that a volume of the pod stands for.
fn claim_of(pod: &Pod, volume: &Volume) -> Option<String> {
    let named = volume.persistent_volume_claim.as_ref().map(|claim| claim.claim_name.clone());
    let own = || {
        let pod = pod.metadata.name.as_deref().unwrap_or_default();
        volume.ephemeral.as_ref().map(|_| format!("{pod}-{}", volume.name))
    };
    named.or_else(own)
}

/// What a volume without a claim asks that is not modelled: drivers' limits, and disks that only one node can have.
fn inline(volume: &Volume) -> Option<Unmodelled> {
    if let Some(csi) = &volume.csi {
        return Some(Unmodelled::AttachLimit(csi.driver.clone()));
    }
    let disk = volume.aws_elastic_block_store.is_some()
        || volume.azure_disk.is_some()
        || volume.cinder.is_some()
        || volume.gce_persistent_disk.is_some()
        || volume.iscsi.is_some()
        || volume.portworx_volume.is_some()
        || volume.rbd.is_some()
        || volume.vsphere_volume.is_some();
    disk.then(|| Unmodelled::Disk(volume.name.clone()))
}

/// The driver of a volume that is attached to nodes.
fn driver(volume: &PersistentVolume) -> Option<String> {
    let spec = volume.spec.as_ref()?;
    let built_in = [
        ("aws-ebs", spec.aws_elastic_block_store.is_some()),
        ("azure-disk", spec.azure_disk.is_some()),
        ("cinder", spec.cinder.is_some()),
        ("gce-pd", spec.gce_persistent_disk.is_some()),
        ("portworx", spec.portworx_volume.is_some()),
        ("vsphere", spec.vsphere_volume.is_some()),
    ];
    let built_in = || built_in.iter().find(|(_, used)| *used).map(|(name, _)| (*name).to_owned());
    spec.csi.as_ref().map(|csi| csi.driver.clone()).or_else(built_in)
}
