//! The container that joins files of text and secrets before all others start (docs/adr/0006-mixed-files.md).

use std::collections::{BTreeMap, BTreeSet};

use api_types::SecretKeyRef;
use k8s_openapi::{
    api::core::v1::{
        Capabilities, Container, EmptyDirVolumeSource, KeyToPath, ProjectedVolumeSource,
        ResourceRequirements, SecurityContext, Volume, VolumeMount, VolumeProjection,
    },
    apimachinery::pkg::api::resource::Quantity,
};

use super::files;
use crate::{
    join::{RECIPES, SECRETS, secret_file},
    validate::{ValidContainer, ValidFile, ValidPlan},
};

/// The volume of the joined files, which is memory.
pub(super) const JOINED: &str = "joined-files";
/// The volume of what they are joined from.
const PARTS: &str = "file-parts";
/// Where the joiner finds the parts.
const FROM: &str = "/score/parts";
/// Where the joiner puts the files.
const TO: &str = "/score/joined";

/// The name of the joiner, which makes way for the user's containers. None where no file is joined.
pub fn joiner_name(plan: &ValidPlan) -> Option<String> {
    secrets(plan).next()?;
    let mut name = "join-files".to_owned();
    while plan.containers.iter().any(|container| container.name == name) {
        name.push('x');
    }
    Some(name)
}

/// The joiner. It is held to the level `restricted` by itself, save for its user: that is the image's own, or whatever
/// the platform's template sets for all containers, so that they can read what it writes. It asks for as much as it
/// may use, and so leaves the quality of service of the instance to the user's containers.
pub(super) fn container(plan: &ValidPlan) -> Option<Container> {
    let mount = |name: &str, path: &str, read_only| VolumeMount {
        name: name.to_owned(),
        mount_path: path.to_owned(),
        read_only,
        ..VolumeMount::default()
    };
    let amounts: BTreeMap<_, _> = [("cpu", "50m"), ("memory", "32Mi")]
        .map(|(name, amount)| (name.to_owned(), Quantity(amount.into())))
        .into();
    Some(Container {
        name: joiner_name(plan)?,
        image: plan.joiner.clone(),
        args: Some(vec!["join-files".into(), format!("--from={FROM}"), format!("--to={TO}")]),
        volume_mounts: Some(vec![mount(JOINED, TO, None), mount(PARTS, FROM, Some(true))]),
        resources: Some(ResourceRequirements {
            limits: Some(amounts.clone()),
            requests: Some(amounts),
            ..ResourceRequirements::default()
        }),
        // What it prints when it fails is what the user is told.
        termination_message_policy: Some("FallbackToLogsOnError".into()),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            read_only_root_filesystem: Some(true),
            capabilities: Some(Capabilities { drop: Some(vec!["ALL".into()]), add: None }),
            ..SecurityContext::default()
        }),
        ..Container::default()
    })
}

/// What the joiner reads, and what it writes to.
pub(super) fn volumes(plan: &ValidPlan) -> Vec<Volume> {
    if secrets(plan).next().is_none() {
        return Vec::new();
    }
    let memory =
        EmptyDirVolumeSource { medium: Some("Memory".into()), size_limit: Some(Quantity("16Mi".into())) };
    let parts = recipes(plan).chain(secret_parts(plan)).collect();
    vec![
        Volume {
            name: PARTS.into(),
            projected: Some(ProjectedVolumeSource { sources: Some(parts), default_mode: None }),
            ..Volume::default()
        },
        Volume { name: JOINED.into(), empty_dir: Some(memory), ..Volume::default() },
    ]
}

fn recipes(plan: &ValidPlan) -> impl Iterator<Item = VolumeProjection> {
    let joined = |file: &&ValidFile| file.joined_secrets().is_some();
    let of_container =
        move |container: &ValidContainer| files::projections(&plan.identity, container, joined);
    plan.containers.iter().flat_map(of_container).map(|mut projection| {
        let items = projection.config_map.iter_mut().filter_map(|it| it.items.as_mut()).flatten();
        items.for_each(|item| item.path = format!("{RECIPES}/{}", item.path));
        projection
    })
}

/// A secret that is missing does not keep the joiner from starting, as it can say which file needs it.
fn secret_parts(plan: &ValidPlan) -> impl Iterator<Item = VolumeProjection> {
    let mut items: BTreeMap<&str, Vec<KeyToPath>> = BTreeMap::new();
    for secret in secrets(plan).collect::<BTreeSet<_>>() {
        let path = format!("{SECRETS}/{}", secret_file(secret));
        items.entry(&secret.name).or_default().push(KeyToPath { key: secret.key.clone(), path, mode: None });
    }
    items.into_iter().map(|(name, items)| files::secret_projection(name, items, Some(true)))
}

/// The secrets of all files that are joined.
fn secrets(plan: &ValidPlan) -> impl Iterator<Item = &SecretKeyRef> {
    let files = plan.containers.iter().flat_map(|container| &container.files);
    files.filter_map(ValidFile::joined_secrets).flatten()
}
