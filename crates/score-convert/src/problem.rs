//! What stands between a Score file and a Workload.

use std::{
    fmt::{self, Display},
    path::{Path, PathBuf},
};

use crate::node::Place;

/// What is wrong in a file, where, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1; none where the file as a whole is meant.
    pub line: Option<u64>,
    /// The path of the field, for example `containers.web.image`; empty where a document as a whole is meant.
    pub path: String,
    /// What is wrong, and what to do.
    pub message: String,
}

impl Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if !self.path.is_empty() {
            write!(f, ": {}", self.path)?;
        }
        write!(f, ": {}", self.message)
    }
}

/// The problems of one file, gathered while everything else is checked on.
#[derive(Debug)]
pub(crate) struct Problems {
    file: PathBuf,
    found: Vec<Problem>,
}

impl Problems {
    pub(crate) fn of(file: &Path) -> Self {
        Self { file: file.to_owned(), found: Vec::new() }
    }

    /// The file that all of them are in.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// Records what is wrong with a field.
    pub(crate) fn add(&mut self, place: &Place, message: impl Display) {
        self.found.push(Problem {
            file: self.file.clone(),
            line: Some(place.line),
            path: place.path.clone(),
            message: message.to_string(),
        });
    }

    /// Records what is wrong with the file itself.
    pub(crate) fn add_to_file(&mut self, line: Option<u64>, message: impl Display) {
        let (file, message) = (self.file.clone(), message.to_string());
        self.found.push(Problem { file, line, path: String::new(), message });
    }

    /// Whether nothing was found so far.
    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// The value, if nothing was found.
    pub(crate) fn or_else<T>(mut self, value: T) -> Result<T, Vec<Problem>> {
        self.found.sort_by_key(|problem| problem.line);
        if self.found.is_empty() { Ok(value) } else { Err(self.found) }
    }
}
