//! Names that a platform gives, found valid.

use std::{borrow::Borrow, fmt, str::FromStr};

/// The text is no name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} must be 1 to 63 letters, digits and -_., and begin and end with a letter or digit: rename it")]
pub struct NotAName(String);

/// What Kubernetes allows as the value of a label, but not empty.
fn is_name(text: &str) -> bool {
    let is_outer = |byte: &u8| byte.is_ascii_alphanumeric();
    let bytes = text.as_bytes();
    (1..=63).contains(&bytes.len())
        && bytes.first().is_some_and(is_outer)
        && bytes.last().is_some_and(is_outer)
        && bytes.iter().all(|byte| is_outer(byte) || b"-_.".contains(byte))
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NotAName;

            fn from_str(text: &str) -> Result<Self, NotAName> {
                if is_name(text) { Ok(Self(text.to_owned())) } else { Err(NotAName(text.to_owned())) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name! {
    /// The name of a profile, which Workloads can ask for.
    ProfileName
}
name! {
    /// The name of a backend, unique in the platform.
    BackendId
}
name! {
    /// The class of a runtime: it takes the plans that name it.
    RuntimeClass
}
name! {
    /// The name of a provisioner: it takes the claims that name it.
    ProvisionerName
}
name! {
    /// Something that a backend can do, and a Workload may need.
    Feature
}
name! {
    /// A place where a backend runs, and a Workload may have to.
    Region
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_a_label_may_be() {
        for name in ["a", "web-service", "eu-west-1", "v1.2_x", &"a".repeat(63)] {
            assert!(name.parse::<ProfileName>().is_ok(), "{name}");
        }
        for name in ["", "-a", "a-", "a b", "é", &"a".repeat(64)] {
            assert!(name.parse::<ProfileName>().is_err(), "{name}");
        }
    }
}
