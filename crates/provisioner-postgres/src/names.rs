//! The names of everything that is made for a claim.

use sha2::{Digest, Sha256};

/// The longest name of a StatefulSet whose pods can still carry their revision (`<name>-<10 characters>`) as a label.
const LONGEST_BASE: usize = 52;
const SUFFIX: &str = "-postgres";

/// The names of everything that is made for one claim. Equal claim names give equal names, different ones different.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// The namespace of the claim and of everything made for it.
    pub namespace: String,
    /// The claim's own name.
    pub claim: String,
    /// The name of the StatefulSet and of the Service, and so the first label of the database's host name.
    pub base: String,
    /// The name of the Secret with the credentials.
    pub secret: String,
    /// The name of the PersistentVolumeClaim with the data.
    pub volume: String,
}

impl Names {
    /// The names for the claim `claim` in `namespace`.
    pub fn of(namespace: &str, claim: &str) -> Self {
        let base = base(claim);
        Self {
            namespace: namespace.to_owned(),
            claim: claim.to_owned(),
            secret: format!("{claim}{SUFFIX}-secret"),
            volume: format!("{base}-data"),
            base,
        }
    }

    /// The name of the only pod.
    pub fn pod(&self) -> String {
        format!("{}-0", self.base)
    }
}

/// `<claim>-postgres` where that is a DNS-1035 label that is short enough, else a shortened form with a digest.
///
/// The two forms cannot meet: one ends in `-postgres`, the other in `-` and hexadecimal digits.
fn base(claim: &str) -> String {
    let plain = format!("{claim}{SUFFIX}");
    if plain.len() <= LONGEST_BASE && is_dns_1035(&plain) { plain } else { shortened(claim) }
}

fn shortened(claim: &str) -> String {
    let digest = hex(&Sha256::digest(claim)[..8]);
    let room = LONGEST_BASE - "pg-".len() - "-".len() - digest.len();
    let start: String = claim.chars().filter(|c| is_label_char(*c)).take(room).collect();
    format!("pg-{}-{digest}", start.trim_end_matches('-'))
}

fn is_dns_1035(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(is_label_char)
}

fn is_label_char(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'
}

/// Lower-case hexadecimal digits, two for each byte.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base_of(claim: &str) -> String {
        Names::of("ns", claim).base
    }

    #[test]
    fn a_short_claim_names_its_database_plainly() {
        let names = Names::of("ns", "node-postgres-app-db");
        assert_eq!(names.base, "node-postgres-app-db-postgres");
        assert_eq!(names.secret, "node-postgres-app-db-postgres-secret");
        assert_eq!(names.volume, "node-postgres-app-db-postgres-data");
        assert_eq!(names.pod(), "node-postgres-app-db-postgres-0");
    }

    #[test]
    fn every_name_is_valid_whatever_the_claim_is_called() {
        let long = format!("{}-{}", "w".repeat(63), "k".repeat(63));
        let dashes = format!("a{}b-db", "-".repeat(58));
        for claim in ["7even-db", "a.b.c-db", "db", &long, &dashes, &"9".repeat(127)] {
            let base = base_of(claim);
            assert!(base.len() <= LONGEST_BASE, "{base}");
            assert!(is_dns_1035(&base) && !base.ends_with('-'), "{base}");
            assert!(Names::of("ns", claim).secret.len() <= 253);
        }
    }

    #[test]
    fn long_claims_that_begin_alike_get_different_names() {
        let stem = "w".repeat(63);
        assert_ne!(base_of(&format!("{stem}-one")), base_of(&format!("{stem}-two")));
    }

    #[test]
    fn a_short_claim_can_never_be_called_as_a_shortened_one() {
        let shortened = base_of(&"w".repeat(100));
        assert!(!shortened.ends_with(SUFFIX));
        assert!(base_of(&shortened).ends_with(SUFFIX) || base_of(&shortened) != shortened);
    }

    #[test]
    fn the_longest_plain_name_is_kept_and_one_more_character_is_not() {
        let fits = "c".repeat(LONGEST_BASE - SUFFIX.len());
        assert_eq!(base_of(&fits), format!("{fits}{SUFFIX}"));
        assert!(base_of(&format!("{fits}c")).starts_with("pg-c"));
    }

    #[test]
    fn names_are_the_same_every_time() {
        assert_eq!(base_of("7even-db"), "pg-7even-db-93134e2624e8e3cc");
    }
}
