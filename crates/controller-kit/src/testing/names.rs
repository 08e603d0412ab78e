//! Which names the API server accepts.

/// A lowercase RFC 1123 subdomain, or for a Service an RFC 1035 label and for a Namespace an RFC 1123 label.
pub(super) fn check(plural: &str, name: &str) -> Result<(), String> {
    let rule = match plural {
        "services" if is_label(name) && name.starts_with(|c: char| c.is_ascii_lowercase()) => return Ok(()),
        "services" => "a DNS-1035 label",
        "namespaces" if is_label(name) => return Ok(()),
        "namespaces" => "a lowercase RFC 1123 label",
        // Names of these are only path segments.
        "roles" | "rolebindings" | "clusterroles" | "clusterrolebindings" => return Ok(()),
        _ if name.len() <= 253 && name.split('.').all(is_part) => return Ok(()),
        _ => "a lowercase RFC 1123 subdomain",
    };
    Err(format!("metadata.name: Invalid value: {name:?}: must be {rule}"))
}

/// A label value: empty, or up to 63 of letters, digits, `-`, `_` and `.` with a letter or digit at both ends.
pub(super) fn check_label(key: &str, value: &str) -> Result<(), String> {
    let inner = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let ends = [value.chars().next(), value.chars().last()];
    let valid = value.len() <= 63
        && value.chars().all(inner)
        && ends.into_iter().flatten().all(|c| c.is_ascii_alphanumeric());
    if valid {
        Ok(())
    } else {
        Err(format!(
            "metadata.labels[{key}]: Invalid value: {value:?}: a valid label must be at most 63 characters"
        ))
    }
}

fn is_label(text: &str) -> bool {
    text.len() <= 63 && is_part(text)
}

fn is_part(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !text.is_empty() && text.chars().all(inner) && !text.starts_with('-') && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_checked_by_the_rule_of_its_kind() {
        for (plural, name) in
            [("pods", "a.b-c.1"), ("services", "web"), ("namespaces", "1team"), ("roles", "system:a")]
        {
            assert_eq!(check(plural, name), Ok(()), "{plural}/{name}");
        }
        let long = "a".repeat(64);
        for (plural, name) in [
            ("pods", "Web"),
            ("pods", ""),
            ("pods", "a..b"),
            ("pods", "-a"),
            ("services", "1web"),
            ("services", &long),
            ("namespaces", "a.b"),
        ] {
            assert!(check(plural, name).is_err(), "{plural}/{name}");
        }
    }

    #[test]
    fn a_label_value_is_short_and_plain() {
        for value in ["", "a", "A_b.c-1"] {
            assert_eq!(check_label("key", value), Ok(()), "{value}");
        }
        for value in ["-a", "a b", "a/b", &"a".repeat(64)] {
            assert!(check_label("key", value).is_err(), "{value}");
        }
    }
}
