//! Joins files of text and secrets inside of an instance, so that no controller has to read a Secret
//! (docs/adr/0006-mixed-files.md). Runs as an init container: the kubelet mounts recipes and secrets, and what comes
//! out lies in memory alone.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs::{self, OpenOptions, Permissions},
    io::{self, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use api_types::{SecretKeyRef, Segment};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::validate::hex;

/// The folder of the input that holds a recipe for each file, under the name that the file shall have.
pub const RECIPES: &str = "recipes";
/// The folder of the input that holds the secrets, each under its [`secret_file`] name.
pub const SECRETS: &str = "secrets";

/// How one file is made. It names secrets and holds none.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The user's field that asks for the file, for messages.
    pub field: String,
    /// The access mode.
    pub mode: u32,
    /// What the file consists of, in order.
    pub parts: Vec<Part>,
}

/// A part of a file.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// Text.
    Text(String),
    /// The content of the file of this name in the folder of the secrets.
    Secret(String),
}

impl From<&Segment> for Part {
    fn from(segment: &Segment) -> Self {
        match segment {
            Segment::Value(text) => Self::Text(text.clone()),
            Segment::SecretKeyRef(secret) => Self::Secret(secret_file(secret)),
        }
    }
}

/// The name of the file in which the joiner finds a secret.
pub fn secret_file(secret: &SecretKeyRef) -> String {
    // Neither part can hold a NUL, so no two secrets share a file.
    hex(&Sha256::digest(format!("{}\0{}", secret.name, secret.key)))
}

/// Why a file cannot be made. The text is for the user, and holds no secret.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder with the recipes cannot be read.
    #[error("The files of the workload cannot be prepared: ask your platform team ({0}).")]
    Recipes(#[source] io::Error),
    /// A recipe cannot be understood: it was written by another version.
    #[error(
        "The files of the workload cannot be prepared: ask your platform team (a recipe does not parse)."
    )]
    Recipe(#[source] serde_json::Error),
    /// An output is not there.
    #[error(
        "{field}: an output of a resource that the file uses is not there (any more): check spec.resources, or ask \
         your platform team; it is tried again automatically."
    )]
    Missing {
        /// The user's field that asks for the file.
        field: String,
    },
    /// An output cannot be read.
    #[error(
        "{field}: an output of a resource that the file uses cannot be read: ask your platform team ({source})."
    )]
    Unreadable {
        /// The user's field that asks for the file.
        field: String,
        /// Why.
        source: io::Error,
    },
    /// The file cannot be written.
    #[error("{field}: the file cannot be written: ask your platform team ({source}).")]
    Unwritable {
        /// The user's field that asks for the file.
        field: String,
        /// Why.
        source: io::Error,
    },
}

/// [`join`] as a process: what it prints is what the runtime tells the user, so it is one sentence.
pub fn run(from: &Path, to: &Path) -> ExitCode {
    match join(from, to) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Makes a file in `to` of each recipe in `from`. What stands there from an earlier attempt is replaced.
///
/// # Errors
/// The first file that cannot be made, and why.
pub fn join(from: &Path, to: &Path) -> Result<(), Error> {
    for name in recipes(&from.join(RECIPES)).map_err(Error::Recipes)? {
        let text = fs::read(from.join(RECIPES).join(&name)).map_err(Error::Recipes)?;
        let recipe: Recipe = serde_json::from_slice(&text).map_err(Error::Recipe)?;
        let content = content(&recipe, &from.join(SECRETS))?;
        write(&to.join(&name), recipe.mode, &content)
            .map_err(|source| Error::Unwritable { field: recipe.field, source })?;
    }
    Ok(())
}

/// The names of the recipes. What begins with two dots is how the kubelet swaps the content of a folder.
fn recipes(folder: &Path) -> io::Result<BTreeSet<OsString>> {
    let names = fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.file_name()));
    let is_recipe = |name: &io::Result<OsString>| {
        !name.as_ref().is_ok_and(|name| name.as_encoded_bytes().starts_with(b".."))
    };
    names.filter(is_recipe).collect()
}

fn content(recipe: &Recipe, secrets: &Path) -> Result<Vec<u8>, Error> {
    let mut content = Vec::new();
    for part in &recipe.parts {
        match part {
            Part::Text(text) => content.extend_from_slice(text.as_bytes()),
            Part::Secret(file) => content.extend(secret(&secrets.join(file), &recipe.field)?),
        }
    }
    Ok(content)
}

fn secret(file: &Path, field: &str) -> Result<Vec<u8>, Error> {
    fs::read(file).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => Error::Missing { field: field.to_owned() },
        _ => Error::Unreadable { field: field.to_owned(), source },
    })
}

/// Under another name first: an earlier attempt may have left a file that not even its owner may write, and no one
/// must ever see half of one.
fn write(file: &Path, mode: u32, content: &[u8]) -> io::Result<()> {
    let draft = draft(file);
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut writer = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    writer.write_all(content)?;
    // What the process creates is cut by its umask; what it sets is not.
    writer.set_permissions(Permissions::from_mode(mode))?;
    fs::rename(&draft, file)
}

fn draft(file: &Path) -> PathBuf {
    let mut name = OsString::from("..");
    name.push(file.file_name().unwrap_or_default());
    file.with_file_name(name)
}

#[cfg(test)]
mod tests;
