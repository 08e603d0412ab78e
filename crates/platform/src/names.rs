//! Names that a platform gives, found valid.

use score_spec::valid_text;

/// What Kubernetes allows as the value of a label, but not empty.
fn is_name(text: &str) -> bool {
    let is_outer = |byte: &u8| byte.is_ascii_alphanumeric();
    let bytes = text.as_bytes();
    (1..=63).contains(&bytes.len())
        && bytes.first().is_some_and(is_outer)
        && bytes.last().is_some_and(is_outer)
        && bytes.iter().all(|byte| is_outer(byte) || b"-_.".contains(byte))
}

valid_text! {
    /// The name of a profile, which Workloads can ask for.
    ProfileName, is_name,
    "must be 1 to 63 letters, digits and -_., and begin and end with a letter or digit: rename it"
}
valid_text! {
    /// The name of a backend, unique in the platform.
    BackendId, is_name,
    "must be 1 to 63 letters, digits and -_., and begin and end with a letter or digit: rename it"
}
valid_text! {
    /// The class of a runtime: it takes the plans that name it.
    RuntimeClass, is_name,
    "must be 1 to 63 letters, digits and -_., and begin and end with a letter or digit: rename it"
}
valid_text! {
    /// The name of a provisioner: it takes the claims that name it.
    ProvisionerName, is_name,
    "must be 1 to 63 letters, digits and -_., and begin and end with a letter or digit: rename it"
}
valid_text! {
    /// Something that a backend can do, and a Workload may need.
    Feature, is_name,
    "must be 1 to 63 letters, digits and -_., and begin and end with a letter or digit: rename it"
}
valid_text! {
    /// A place where a backend runs, and a Workload may have to.
    Region, is_name,
    "must be 1 to 63 letters, digits and -_., and begin and end with a letter or digit: rename it"
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
