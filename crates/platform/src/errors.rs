//! Errors by field, gathered while everything else is read on.

use std::{collections::BTreeMap, fmt::Display};

use score_spec::{path::FieldPath, validate::FieldError};

/// The errors found so far.
#[derive(Debug, Default)]
pub(crate) struct Errors(Vec<FieldError>);

impl Errors {
    /// Records an error.
    pub(crate) fn add(&mut self, path: &FieldPath, message: impl Display) {
        self.0.push(FieldError { path: path.to_string(), message: message.to_string() });
    }

    /// Records the error if there is one, and gives the value if there is none.
    pub(crate) fn keep<T>(&mut self, result: Result<T, impl Display>, path: &FieldPath) -> Option<T> {
        result.map_err(|error| self.add(path, error)).ok()
    }

    /// Records an error for each entry of a list that is equal to an earlier one.
    pub(crate) fn unique<T: Ord + Display>(&mut self, entries: impl Iterator<Item = (FieldPath, T)>) {
        let mut seen = BTreeMap::new();
        for (path, entry) in entries {
            match seen.get(&entry) {
                Some(first) => {
                    self.add(&path, format_args!("`{entry}` is the same as {first}: change or remove one"))
                }
                None => drop(seen.insert(entry, path)),
            }
        }
    }

    /// The value, if nothing was found; else everything that was.
    pub(crate) fn or_value<T>(self, value: Option<T>) -> Result<T, Vec<FieldError>> {
        value.filter(|_| self.0.is_empty()).ok_or(self.0)
    }

    /// Everything that was found.
    pub(crate) fn into_vec(self) -> Vec<FieldError> {
        self.0
    }
}
