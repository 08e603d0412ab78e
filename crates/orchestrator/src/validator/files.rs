//! Files of manifests.

use std::{io, path::Path};

use platform::document::{Document, SyntaxError, parse_all};

/// A file, and what is in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The name, as it was given.
    pub name: String,
    /// The text.
    pub text: String,
    /// The documents in it, or why it is no YAML.
    pub documents: Result<Vec<Document>, SyntaxError>,
}

impl Found {
    /// A file with this text.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { name: name.into(), documents: parse_all(&text), text }
    }
}

/// Reads a file.
///
/// # Errors
/// It cannot be read.
pub fn read(path: impl AsRef<Path>) -> io::Result<Found> {
    let path = path.as_ref();
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|error| io::Error::new(error.kind(), format!("{name}: {error}")))?;
    Ok(Found::new(name, text))
}
