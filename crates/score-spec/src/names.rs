//! Names that were found valid: whoever holds one need not check it again.

use std::{fmt, str::FromStr};

use thiserror::Error;

use crate::grammar;

/// A text that breaks the rule for what it should be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{text:?} {rule}")]
pub struct InvalidText {
    text: String,
    rule: &'static str,
}

impl InvalidText {
    /// `text` breaks `rule`, which says what it must be and what to do.
    pub fn new(text: &str, rule: &'static str) -> Self {
        Self { text: text.to_owned(), rule }
    }
}

/// A type for texts that keep a rule: `Name, |text| whether it does, "must …: what to do"`.
#[macro_export]
macro_rules! valid_text {
    ($(#[$doc:meta])* $name:ident, $is_valid:expr, $rule:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::names::InvalidText;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let is_valid: fn(&str) -> bool = $is_valid;
                if is_valid(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err($crate::names::InvalidText::new(text, $rule))
                }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        // Maps by this type can be asked with a plain text.
        impl ::std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

valid_text! {
    /// The name of a Workload.
    WorkloadName, grammar::is_name,
    "must be 2 to 63 characters of a-z, 0-9 and -, and begin and end with a letter or digit: rename it"
}
valid_text! {
    /// The name of a container of a Workload.
    ContainerName, grammar::is_name,
    "must be 2 to 63 characters of a-z, 0-9 and -, and begin and end with a letter or digit: rename it"
}
valid_text! {
    /// The name of a port.
    PortName, grammar::is_name,
    "must be 2 to 63 characters of a-z, 0-9 and -, and begin and end with a letter or digit: rename it"
}
valid_text! {
    /// The name under which a Workload declares a resource, and placeholders refer to it.
    ResourceKey, grammar::is_name,
    "must be 2 to 63 characters of a-z, 0-9 and -, and begin and end with a letter or digit: rename it"
}
valid_text! {
    /// The type of a resource, for example `postgres`.
    ResourceType, grammar::is_type,
    "must be 2 to 63 letters, digits and -, and begin and end with a letter or digit: correct it"
}
valid_text! {
    /// The class of a resource; `default` where the Workload names none.
    ResourceClass, grammar::is_type,
    "must be 2 to 63 letters, digits and -, and begin and end with a letter or digit: correct it"
}
valid_text! {
    /// The id of a resource: equal type, class and id in one namespace mean one shared resource.
    ResourceId, grammar::is_id,
    "must be 2 to 63 characters: words of a-z, 0-9 and - joined by dots, each beginning and ending with a letter or digit: change it"
}
valid_text! {
    /// The name of an environment variable.
    VariableName, |text| !text.is_empty() && !text.contains(['=', '\0']),
    "must not be empty, and can hold neither = nor a NUL character: rename it"
}

impl Default for ResourceClass {
    fn default() -> Self {
        Self("default".to_owned())
    }
}

/// Where a file or a volume appears in a container: an absolute path other than `/`, without empty parts, `.` and a `/`
/// at its end, which mean nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MountPath(String);

impl MountPath {
    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for MountPath {
    type Err = InvalidText;

    fn from_str(text: &str) -> Result<Self, InvalidText> {
        const RULE: &str =
            "must be an absolute path below / such as /etc/app/config.yaml, without .. in it: correct it";
        let parts: Vec<&str> = text.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
        if !text.starts_with('/') || parts.is_empty() || parts.contains(&"..") || text.contains('\0') {
            return Err(InvalidText::new(text, RULE));
        }
        Ok(Self(format!("/{}", parts.join("/"))))
    }
}

impl fmt::Display for MountPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
