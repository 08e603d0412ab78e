//! Errors by field, gathered while everything else is checked on.

use std::{collections::BTreeMap, fmt::Display, str::FromStr};

use thiserror::Error;

use crate::path::FieldPath;

/// What is wrong with a field, and what to do next.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Error)]
#[error("{path}: {message}")]
pub struct FieldError {
    /// Where: the path of the field from the root of the object, for example `spec.containers.web.variables.DB_HOST`.
    pub path: String,
    /// What is wrong and what to do next, in the terms of the Workload.
    pub message: String,
}

impl FieldError {
    pub(super) fn new(path: &FieldPath, message: impl Display) -> Self {
        Self { path: path.to_string(), message: message.to_string() }
    }
}

/// The errors found so far.
#[derive(Debug, Default)]
pub(super) struct Errors(Vec<FieldError>);

impl Errors {
    /// Records an error.
    pub(super) fn add(&mut self, path: &FieldPath, message: impl Display) {
        self.0.push(FieldError::new(path, message));
    }

    /// Records an error unless the rule holds.
    pub(super) fn require(&mut self, holds: bool, path: &FieldPath, message: impl Display) {
        if !holds {
            self.add(path, message);
        }
    }

    /// Records the error if there is one, and gives the value if there is none.
    pub(super) fn keep<T>(&mut self, result: Result<T, impl Display>, path: &FieldPath) -> Option<T> {
        result.map_err(|error| self.add(path, error)).ok()
    }

    /// Records an error if there are more entries, characters or the like than the API takes.
    pub(super) fn at_most(&mut self, most: usize, count: usize, path: &FieldPath, what: &str) {
        self.require(
            count <= most,
            path,
            format_args!("has {count} {what}, at most {most} are allowed: remove some"),
        );
    }

    /// Checks every entry of a map, and keeps those whose key and value are valid.
    pub(super) fn entries<K, V, T>(
        &mut self,
        map: &BTreeMap<String, V>,
        path: &FieldPath,
        mut valid: impl FnMut(&V, &FieldPath, &mut Self) -> Option<T>,
    ) -> BTreeMap<K, T>
    where
        K: FromStr<Err: Display> + Ord,
    {
        let entry = |(key, value): (&String, &V)| {
            let path = path.key(key);
            let key = self.keep(key.parse(), &path);
            key.zip(valid(value, &path, self))
        };
        map.iter().filter_map(entry).collect()
    }

    /// The valid value, if nothing was found.
    pub(super) fn or_valid<T>(self, valid: Option<T>) -> Result<T, Vec<FieldError>> {
        valid.filter(|_| self.0.is_empty()).ok_or(self.0)
    }
}
