//! Files and volumes (Score, `containers.*.files` and `containers.*.volumes`).

use std::collections::BTreeMap;

use api_types::{Container, ContainerFile, ContainerVolume};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{Errors, FileContent, ValidFile, ValidVolume, template};
use crate::grammar;
use crate::names::{MountPath, ResourceKey};
use crate::path::FieldPath;
use crate::placeholder::{Scope, Template};

const FILES: usize = 64;
const VOLUMES: usize = 64;

type Mounts = (BTreeMap<MountPath, ValidFile>, BTreeMap<MountPath, ValidVolume>);

/// Checks what is mounted into a container.
pub(super) fn valid(
    container: &Container,
    scope: &Scope<'_>,
    path: &FieldPath,
    errors: &mut Errors,
) -> Mounts {
    let (files_path, volumes_path) = (path.field("files"), path.field("volumes"));
    errors.at_most(FILES, container.files.len(), &files_path, "files");
    errors.at_most(VOLUMES, container.volumes.len(), &volumes_path, "volumes");
    let files = errors
        .entries(&container.files, &files_path, |file, path, errors| valid_file(file, scope, path, errors));
    let volumes = errors.entries(&container.volumes, &volumes_path, |volume, path, errors| {
        valid_volume(volume, scope, path, errors)
    });
    let paths = container.files.keys().map(|target| (target, files_path.key(target)));
    check_unique(
        paths.chain(container.volumes.keys().map(|target| (target, volumes_path.key(target)))),
        errors,
    );
    (files, volumes)
}

/// Different texts can be one path: `/etc/app` and `/etc//app/`.
fn check_unique<'a>(targets: impl Iterator<Item = (&'a String, FieldPath)>, errors: &mut Errors) {
    let mut seen: BTreeMap<MountPath, FieldPath> = BTreeMap::new();
    for (target, path) in targets {
        let Ok(target) = target.parse() else { continue };
        match seen.get(&target) {
            Some(first) => errors.add(&path, format_args!("is the same path as {first}: choose another")),
            None => drop(seen.insert(target, path)),
        }
    }
}

fn valid_file(
    file: &ContainerFile,
    scope: &Scope<'_>,
    path: &FieldPath,
    errors: &mut Errors,
) -> Option<ValidFile> {
    let mode_is_valid = file.mode.as_deref().is_none_or(grammar::is_mode);
    errors.require(mode_is_valid, &path.field("mode"), "must be three octal digits such as 0644: correct it");
    let mode = file.mode.as_deref().and_then(|mode| u32::from_str_radix(mode, 8).ok());
    valid_content(file, scope, path, errors).map(|content| ValidFile { content, mode })
}

fn valid_content(
    file: &ContainerFile,
    scope: &Scope<'_>,
    path: &FieldPath,
    errors: &mut Errors,
) -> Option<FileContent> {
    match (&file.content, &file.binary_content, &file.source) {
        (Some(text), None, None) if file.no_expand == Some(true) => Some(FileContent::Text(text.clone())),
        (Some(text), None, None) => {
            template::valid(text, scope, &path.field("content"), errors).map(FileContent::Template)
        }
        (None, Some(base64), None) => valid_bytes(base64, &path.field("binaryContent"), errors),
        (None, None, Some(_)) => {
            let message = "names a file that only a tool beside the Score file can read: put its text into content, or \
                           its bytes in base64 into binaryContent";
            errors.add(&path.field("source"), message);
            None
        }
        _ => {
            errors.add(path, "must have exactly one of content, binaryContent and source: keep one of them");
            None
        }
    }
}

fn valid_bytes(base64: &str, path: &FieldPath, errors: &mut Errors) -> Option<FileContent> {
    let message = "is not standard base64: encode the bytes with a tool such as base64";
    // Tools break its lines, and the decoders of other implementations of Score read over that.
    let bytes = STANDARD.decode(base64.replace(['\r', '\n'], "")).map_err(|_| message);
    errors.keep(bytes, path).map(FileContent::Bytes)
}

fn valid_volume(
    volume: &ContainerVolume,
    scope: &Scope<'_>,
    path: &FieldPath,
    errors: &mut Errors,
) -> Option<ValidVolume> {
    let inside = volume.path.as_deref().is_none_or(stays_inside);
    let message = "must be a path inside the volume, without .. in it: correct it";
    errors.require(inside, &path.field("path"), message);
    let resource = valid_source(&volume.source, scope, &path.field("source"), errors)?;
    // Score leaves open what such a path begins with; from the root of the volume it is the same path with a `/`.
    let path = volume.path.as_deref().map(|path| path.trim_start_matches('/'));
    let path = path.filter(|path| !path.is_empty()).map(str::to_owned);
    Some(ValidVolume { resource, path, read_only: volume.read_only.unwrap_or_default() })
}

fn stays_inside(path: &str) -> bool {
    !path.contains('\0') && path.split('/').all(|part| part != "..")
}

fn valid_source(
    source: &str,
    scope: &Scope<'_>,
    path: &FieldPath,
    errors: &mut Errors,
) -> Option<ResourceKey> {
    let resource =
        Template::parse(source).bind_resource(scope).map_err(|invalid| template::explained(&invalid));
    let resource = errors.keep(resource, path)?;
    if resource.is_none() {
        errors.add(
            path,
            "must be ${resources.<name>}: declare the volume in spec.resources, and refer to it like that",
        );
    }
    resource
}
