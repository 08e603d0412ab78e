//! The patterns of the Score v1b1 schema, as predicates. A test holds each one against its regular expression.

/// Workloads, containers, ports, resources: `^[a-z0-9][a-z0-9-]{0,61}[a-z0-9]$`.
pub(crate) fn is_name(text: &str) -> bool {
    is_bounded(text, is_lower_alphanumeric, |byte| byte == b'-')
}

/// Resource types and classes: `^[A-Za-z0-9][A-Za-z0-9-]{0,61}[A-Za-z0-9]$`.
pub(crate) fn is_type(text: &str) -> bool {
    is_bounded(text, |byte| byte.is_ascii_alphanumeric(), |byte| byte == b'-')
}

/// Resource ids, 2 to 63 characters: `^[a-z0-9]+(?:-+[a-z0-9]+)*(?:\.[a-z0-9]+(?:-+[a-z0-9]+)*)*$`.
pub(crate) fn is_id(text: &str) -> bool {
    let is_label = |label: &str| begins_ends_and_holds(label, is_lower_alphanumeric, |byte| byte == b'-');
    (2..=63).contains(&text.len()) && text.split('.').all(is_label)
}

/// Annotation keys, 2 to 316 characters: a name of letters, digits and `._-`, after an optional prefix of Score names
/// joined by dots and a slash.
pub(crate) fn is_annotation_key(text: &str) -> bool {
    let (prefix, name) = text.rsplit_once('/').map_or((None, text), |(prefix, name)| (Some(prefix), name));
    text.len() <= 316
        && prefix.is_none_or(|prefix| prefix.split('.').all(is_name))
        && is_bounded(name, |byte| byte.is_ascii_alphanumeric(), |byte| b"._-".contains(&byte))
}

/// File modes: `^0?[0-7]{3}$`.
pub(crate) fn is_mode(text: &str) -> bool {
    let digits = if text.len() == 4 { text.strip_prefix('0') } else { Some(text) };
    digits.is_some_and(|digits| digits.len() == 3 && digits.bytes().all(|byte| (b'0'..=b'7').contains(&byte)))
}

/// HTTP header names: `^[A-Za-z0-9_-]+$`.
pub(crate) fn is_header_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

fn is_lower_alphanumeric(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

/// 2 to 63 characters that begin and end with an `outer` one, with `inner` ones allowed between.
fn is_bounded(text: &str, outer: fn(u8) -> bool, inner: fn(u8) -> bool) -> bool {
    (2..=63).contains(&text.len()) && begins_ends_and_holds(text, outer, inner)
}

fn begins_ends_and_holds(text: &str, outer: fn(u8) -> bool, inner: fn(u8) -> bool) -> bool {
    let bytes = text.as_bytes();
    bytes.first().is_some_and(|&byte| outer(byte))
        && bytes.last().is_some_and(|&byte| outer(byte))
        && bytes.iter().all(|&byte| outer(byte) || inner(byte))
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
    use regex::Regex;

    use super::*;
    use crate::quantity::{Cpu, Memory, QuantityError};

    const NAME: &str = "[a-z0-9][a-z0-9-]{0,61}[a-z0-9]";

    fn random_text(rng: &mut StdRng, alphabet: &[u8], longest: usize) -> String {
        let length = rng.random_range(0..=longest);
        (0..length).map(|_| char::from(alphabet[rng.random_range(0..alphabet.len())])).collect()
    }

    /// Holds a predicate against the regular expression of the schema, on short texts and on some around 63 characters.
    fn assert_same(
        pattern: &str,
        lengths: std::ops::RangeInclusive<usize>,
        alphabet: &str,
        holds: fn(&str) -> bool,
    ) {
        let pattern = Regex::new(&format!("^(?:{pattern})$")).unwrap();
        let mut rng = StdRng::seed_from_u64(1);
        for round in 0..20_000 {
            let prefix = "a".repeat(if round % 4 == 0 { 60 } else { 0 });
            let text = prefix + &random_text(&mut rng, alphabet.as_bytes(), 6);
            let expected = lengths.contains(&text.len()) && pattern.is_match(&text);
            assert_eq!(holds(&text), expected, "{text:?}");
        }
    }

    #[test]
    fn names_match_the_pattern_of_the_schema() {
        assert_same(NAME, 2..=63, "ab0-.A_\n", is_name);
    }

    #[test]
    fn types_match_the_pattern_of_the_schema() {
        assert_same("[A-Za-z0-9][A-Za-z0-9-]{0,61}[A-Za-z0-9]", 2..=63, "aA0-._", is_type);
    }

    #[test]
    fn ids_match_the_pattern_of_the_schema() {
        assert_same(r"[a-z0-9]+(?:-+[a-z0-9]+)*(?:\.[a-z0-9]+(?:-+[a-z0-9]+)*)*", 2..=63, "a0-.A", is_id);
    }

    #[test]
    fn annotation_keys_match_the_pattern_of_the_schema() {
        let pattern = format!(r"(({NAME})(\.{NAME})*/)?[A-Za-z0-9][A-Za-z0-9._-]{{0,61}}[A-Za-z0-9]");
        assert_same(&pattern, 2..=316, "aaA0-._//", is_annotation_key);
    }

    #[test]
    fn modes_match_the_pattern_of_the_schema() {
        assert_same("0?[0-7]{3}", 3..=4, "0678a", is_mode);
    }

    #[test]
    fn header_names_match_the_pattern_of_the_schema() {
        assert_same("[A-Za-z0-9_-]+", 1..=66, "aA0_-: ", is_header_name);
    }

    #[test]
    fn cpu_quantities_match_the_pattern_of_the_schema() {
        assert_same(r"\d+(?:m|\.\d+)?", 1..=66, "019.m-k", |text| {
            text.parse::<Cpu>() != Err(QuantityError::NotCpu)
        });
    }

    #[test]
    fn memory_quantities_match_the_pattern_of_the_schema() {
        let pattern = r"(0\.\d+|[1-9]\d*(\.\d+)?)(K|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?";
        assert_same(pattern, 1..=66, "0019..KkMGEi", |text| {
            text.parse::<Memory>() != Err(QuantityError::NotMemory)
        });
    }
}
