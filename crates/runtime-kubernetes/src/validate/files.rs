//! Files: what each consists of decides who writes it.

use std::collections::BTreeSet;

use api_types::{PlanContainer, PlanFile, SecretKeyRef, Segment};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use score_spec::names::MountPath;

use super::{Value, value};
use crate::join::{Part, Recipe};

/// The access mode of a file for which none is given.
const DEFAULT_MODE: u32 = 0o644;

/// The most that one file may hold, which is the most that one object of Kubernetes may.
pub const MAX_FILE: usize = 1024 * 1024;

/// A file that can be built.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidFile {
    /// Where it appears in the container.
    pub target: MountPath,
    /// The access mode, of which only the last nine bits are set.
    pub mode: u32,
    /// What it holds.
    pub content: FileContent,
}

/// What a file holds, by what it takes to make it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileContent {
    /// Nothing secret; at most [`MAX_FILE`].
    Bytes(Vec<u8>),
    /// Exactly one secret.
    Secret(SecretKeyRef),
    /// Text and secrets, to be joined where the container runs.
    Joined {
        /// A [`Recipe`] as JSON; at most [`MAX_FILE`].
        recipe: String,
        /// The secrets that it takes.
        secrets: BTreeSet<SecretKeyRef>,
    },
}

impl ValidFile {
    /// The secrets of a file that has to be joined.
    pub fn joined_secrets(&self) -> Option<&BTreeSet<SecretKeyRef>> {
        match &self.content {
            FileContent::Joined { secrets, .. } => Some(secrets),
            FileContent::Bytes(_) | FileContent::Secret(_) => None,
        }
    }
}

/// The files of a container, by path.
pub(super) fn valid(path: &str, container: &PlanContainer, problems: &mut Vec<String>) -> Vec<ValidFile> {
    let mut files: Vec<_> = container
        .files
        .iter()
        .filter_map(|(target, file)| {
            keep(valid_file(&format!("{path}.files[{target:?}]"), target, file), problems)
        })
        .collect();
    files.sort_by(|one, other| one.target.cmp(&other.target));
    files
}

/// The value, or its problem on the list.
pub(super) fn keep<T>(result: Result<T, String>, problems: &mut Vec<String>) -> Option<T> {
    result.map_err(|problem| problems.push(problem)).ok()
}

fn valid_file(field: &str, target: &str, file: &PlanFile) -> Result<ValidFile, String> {
    let target = target.parse::<MountPath>().map_err(|error| format!("{field}: {error}."))?;
    let mode = file.mode.as_deref().map_or(Ok(DEFAULT_MODE), |mode| valid_mode(field, mode))?;
    let content = content(field, mode, file)?;
    let size = match &content {
        FileContent::Bytes(bytes) => bytes.len(),
        FileContent::Joined { recipe, .. } => recipe.len(),
        FileContent::Secret(_) => 0,
    };
    if size > MAX_FILE {
        return Err(format!(
            "{field}: the file is too large, a file may hold at most 1 MiB: make it smaller, build it into the image, \
             or let a volume hold it."
        ));
    }
    Ok(ValidFile { target, mode, content })
}

fn valid_mode(field: &str, mode: &str) -> Result<u32, String> {
    let octal = mode.bytes().all(|digit| matches!(digit, b'0'..=b'7'));
    let bits = u32::from_str_radix(mode, 8).ok().filter(|bits| octal && *bits <= 0o777);
    bits.ok_or_else(|| format!("{field}.mode: must be three octal digits such as 0644: correct it."))
}

fn content(field: &str, mode: u32, file: &PlanFile) -> Result<FileContent, String> {
    match (&file.content, &file.binary_content) {
        (Some(text), None) => match value(text) {
            Value::Plain(text) => Ok(FileContent::Bytes(text.into_bytes())),
            Value::Secret(secret) => Ok(FileContent::Secret(secret)),
            Value::Joined(segments) => joined(field, mode, &segments),
        },
        (None, Some(base64)) => STANDARD
            .decode(base64.replace(['\r', '\n'], ""))
            .map(FileContent::Bytes)
            .map_err(|_| format!("{field}.binaryContent: is not standard base64: encode the bytes again.")),
        _ => Err(format!("{field}: must have exactly one of content and binaryContent: keep one of them.")),
    }
}

fn joined(field: &str, mode: u32, segments: &[Segment]) -> Result<FileContent, String> {
    let parts = segments.iter().map(Part::from).collect();
    let recipe = serde_json::to_string(&Recipe { field: field.to_owned(), mode, parts })
        .map_err(|error| format!("{field}: cannot be written down: {error}."))?;
    let secrets = segments.iter().filter_map(|segment| match segment {
        Segment::SecretKeyRef(secret) => Some(secret.clone()),
        Segment::Value(_) => None,
    });
    Ok(FileContent::Joined { recipe, secrets: secrets.collect() })
}

#[cfg(test)]
mod tests;
