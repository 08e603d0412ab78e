//! Paths of fields, as users read them in error messages.

use std::fmt;

/// The path of a field from the root of the object, for example `spec.containers.web.variables.DB_HOST`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldPath(String);

impl FieldPath {
    /// A field of the object itself.
    pub fn root(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// A field of the field at this path.
    pub fn field(&self, name: &str) -> Self {
        Self(format!("{self}.{name}"))
    }

    /// The entry of the map at this path. Keys that dots would make ambiguous stand in brackets, quoted.
    pub fn key(&self, key: &str) -> Self {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
        if !key.is_empty() && key.chars().all(plain) {
            self.field(key)
        } else {
            Self(format!("{self}[{key:?}]"))
        }
    }

    /// The entry of the list at this path, counted from 0.
    pub fn index(&self, index: usize) -> Self {
        Self(format!("{self}[{index}]"))
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
