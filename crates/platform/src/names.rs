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

/// What Kubernetes allows as the name of most objects: a DNS name in lower case.
pub(crate) fn is_object_name(text: &str) -> bool {
    let is_lower = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_label = |label: &str| {
        let bytes = label.as_bytes();
        bytes.first().is_some_and(is_lower)
            && bytes.last().is_some_and(is_lower)
            && bytes.iter().all(|byte| is_lower(byte) || *byte == b'-')
    };
    text.len() <= 253 && text.split('.').all(is_label)
}

/// What Kubernetes allows as the key of an annotation: a name, and before it, if anything, a DNS name in any case and a
/// slash.
pub(crate) fn is_annotation_key(text: &str) -> bool {
    let (prefix, name) = text.split_once('/').map_or((None, text), |(prefix, name)| (Some(prefix), name));
    is_name(name) && prefix.is_none_or(|prefix| is_object_name(&prefix.to_ascii_lowercase()))
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

    #[test]
    fn the_key_of_an_annotation_is_a_name_after_a_dns_name_and_a_slash_or_alone() {
        for key in ["a", "cost-centre", "Team_1.x", "example.com/a", "Example.COM/A", &"a".repeat(63)] {
            assert!(is_annotation_key(key), "{key}");
        }
        for key in ["", "cost centre", "a/", "/a", "a/b/c", "-a", "a_b/c", "example..com/a", &"a".repeat(64)]
        {
            assert!(!is_annotation_key(key), "{key}");
        }
    }
}
