//! Files: ConfigMaps for what is not secret, and for each container one volume from which every file is mounted by
//! itself, so that no folder of the image is hidden.

use std::collections::BTreeMap;

use api_types::SecretKeyRef;
use k8s_openapi::{
    ByteString,
    api::core::v1::{
        ConfigMap, ConfigMapProjection, KeyToPath, ProjectedVolumeSource, SecretProjection, Volume,
        VolumeMount, VolumeProjection,
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use score_spec::names::MountPath;
use sha2::{Digest as _, Sha256};

use super::{join, metadata, volumes::volume_name};
use crate::validate::{FileContent, Identity, MAX_FILE, ValidContainer, ValidFile, ValidPlan, hex};

/// The ConfigMaps of a plan. Their names say what they hold, so they never change, and instances roll when a file does.
pub(super) fn config_maps(plan: &ValidPlan) -> Vec<ConfigMap> {
    plan.containers
        .iter()
        .flat_map(|container| stored(&plan.identity, container))
        .map(|it| it.config_map)
        .collect()
}

/// The volume that holds the files of `container` which the kubelet can make by itself.
pub(super) fn volume(identity: &Identity, container: &ValidContainer) -> Option<Volume> {
    let plain = |file: &&ValidFile| matches!(file.content, FileContent::Bytes(_));
    let mut sources = projections(identity, container, plain);
    sources.extend(secrets(container));
    (!sources.is_empty()).then(|| Volume {
        name: folder(container),
        projected: Some(ProjectedVolumeSource { sources: Some(sources), default_mode: None }),
        ..Volume::default()
    })
}

/// One mount for each file of `container`.
pub(super) fn mounts(container: &ValidContainer) -> impl Iterator<Item = VolumeMount> {
    container.files.iter().map(|file| VolumeMount {
        name: match &file.content {
            FileContent::Bytes(_) | FileContent::Secret(_) => folder(container),
            FileContent::Joined { .. } => join::JOINED.to_owned(),
        },
        mount_path: file.target.as_str().to_owned(),
        sub_path: Some(key(container, file)),
        read_only: Some(true),
        ..VolumeMount::default()
    })
}

/// What brings the files of `container` that `wanted` accepts from their ConfigMaps, each under its key.
pub(super) fn projections(
    identity: &Identity,
    container: &ValidContainer,
    wanted: impl Fn(&&ValidFile) -> bool,
) -> Vec<VolumeProjection> {
    let modes: BTreeMap<_, _> =
        container.files.iter().filter(wanted).map(|file| (key(container, file), item_mode(file))).collect();
    let projection = |stored: Stored| {
        let items: Vec<_> = stored
            .keys
            .into_iter()
            .filter_map(|key| Some(KeyToPath { mode: *modes.get(&key)?, path: key.clone(), key }))
            .collect();
        (!items.is_empty()).then(|| VolumeProjection {
            config_map: Some(ConfigMapProjection {
                name: stored.config_map.metadata.name.unwrap_or_default(),
                items: Some(items),
                optional: None,
            }),
            ..VolumeProjection::default()
        })
    };
    stored(identity, container).into_iter().filter_map(projection).collect()
}

/// The mode of what is projected: the file's own, but a recipe is for the joiner to read.
fn item_mode(file: &ValidFile) -> Option<i32> {
    match file.content {
        FileContent::Joined { .. } => None,
        FileContent::Bytes(_) | FileContent::Secret(_) => i32::try_from(file.mode).ok(),
    }
}

/// What brings the files of `container` that are one secret each.
fn secrets(container: &ValidContainer) -> Vec<VolumeProjection> {
    let mut items: BTreeMap<&str, Vec<KeyToPath>> = BTreeMap::new();
    for file in &container.files {
        if let FileContent::Secret(SecretKeyRef { name, key: secret }) = &file.content {
            let item = KeyToPath { key: secret.clone(), path: key(container, file), mode: item_mode(file) };
            items.entry(name).or_default().push(item);
        }
    }
    items.into_iter().map(|(name, items)| secret_projection(name, items, None)).collect()
}

pub(super) fn secret_projection(
    name: &str,
    items: Vec<KeyToPath>,
    optional: Option<bool>,
) -> VolumeProjection {
    VolumeProjection {
        secret: Some(SecretProjection { name: name.to_owned(), items: Some(items), optional }),
        ..VolumeProjection::default()
    }
}

/// The name of the volume that holds the files of `container`.
fn folder(container: &ValidContainer) -> String {
    volume_name("files", &container.name)
}

/// The name of `file` wherever it is stored, alone in its plan. What follows the digest is for people.
pub(super) fn key(container: &ValidContainer, file: &ValidFile) -> String {
    const READABLE: usize = 200;
    let MountedAt { digest, name } = MountedAt::of(&container.name, &file.target);
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    format!("{digest}-{}", name.chars().take(READABLE).map(plain).collect::<String>())
}

struct MountedAt<'a> {
    digest: String,
    name: &'a str,
}

impl<'a> MountedAt<'a> {
    fn of(container: &str, target: &'a MountPath) -> Self {
        let target = target.as_str();
        Self {
            // No name holds a NUL, so no two files of a plan read the same.
            digest: hex(&Sha256::digest(format!("{container}\0{target}"))),
            name: target.rsplit('/').next().unwrap_or(target),
        }
    }
}

/// A ConfigMap, and what it holds.
struct Stored {
    config_map: ConfigMap,
    keys: Vec<String>,
}

/// The ConfigMaps of `container`, as few as hold all of it, filled in the order of the files.
fn stored(identity: &Identity, container: &ValidContainer) -> Vec<Stored> {
    let mut groups: Vec<Vec<(String, &[u8])>> = Vec::new();
    let mut room = 0;
    for (file, bytes) in container.files.iter().filter_map(|file| Some((file, stored_bytes(file)?))) {
        if bytes.len() > room || groups.is_empty() {
            groups.push(Vec::new());
            room = MAX_FILE;
        }
        room = room.saturating_sub(bytes.len());
        if let Some(group) = groups.last_mut() {
            group.push((key(container, file), bytes));
        }
    }
    groups.into_iter().map(|group| store(identity, container, &group)).collect()
}

/// What is written down for a file; nothing for a secret.
fn stored_bytes(file: &ValidFile) -> Option<&[u8]> {
    match &file.content {
        FileContent::Bytes(bytes) => Some(bytes),
        FileContent::Joined { recipe, .. } => Some(recipe.as_bytes()),
        FileContent::Secret(_) => None,
    }
}

fn store(identity: &Identity, container: &ValidContainer, entries: &[(String, &[u8])]) -> Stored {
    let (mut data, mut binary_data) = (BTreeMap::new(), BTreeMap::new());
    for (key, bytes) in entries {
        match std::str::from_utf8(bytes) {
            Ok(text) => drop(data.insert(key.clone(), text.to_owned())),
            Err(_) => drop(binary_data.insert(key.clone(), ByteString(bytes.to_vec()))),
        }
    }
    let name = format!("{}-{}-{}", identity.name, container.name, digest(identity, container, entries));
    let config_map = ConfigMap {
        metadata: ObjectMeta { name: Some(name), ..metadata(identity) },
        data: (!data.is_empty()).then_some(data),
        binary_data: (!binary_data.is_empty()).then_some(binary_data),
        immutable: Some(true),
    };
    Stored { config_map, keys: entries.iter().map(|(key, _)| key.clone()).collect() }
}

/// With the names, as `a-b` of `c` and `a` of `b-c` would be called the same.
fn digest(identity: &Identity, container: &ValidContainer, entries: &[(String, &[u8])]) -> String {
    let mut digest = Sha256::new();
    digest.update(format!("{}\0{}\0", identity.name, container.name));
    for (key, bytes) in entries {
        digest.update(format!("{key}\0{}\0", bytes.len()));
        digest.update(bytes);
    }
    hex(&digest.finalize())
}
