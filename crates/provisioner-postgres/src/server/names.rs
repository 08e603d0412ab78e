//! What a claim's database and roles are called, and how they say whose they are.

use std::fmt;

use provisioner_kit::{Claim, Identity};
use sha2::{Digest as _, Sha256};

use crate::names::hex;

/// The longest identifier of PostgreSQL, in bytes.
pub const LONGEST_IDENTIFIER: usize = 63;
/// Leaves room for `_` and a login's number of five digits.
const LONGEST_BASE: usize = LONGEST_IDENTIFIER - 6;
const MARK: &str = "score.dev claim ";
const UID: &str = " uid ";

/// The name of a claim's database and of the role that owns it; logins append their number.
///
/// Letters, digits and underscores only, so that people need not quote it; it is quoted nonetheless.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base(String);

impl Base {
    /// The name for the first claim of an identity. Its end is a digest of namespace, name and uid, so that no two claims
    /// ever come to the same, also those of different clusters on one server.
    pub fn of(claim: &Claim) -> Self {
        let mut digest = Sha256::new();
        for part in [&claim.namespace, &claim.name, &claim.uid] {
            digest.update(part.len().to_be_bytes());
            digest.update(part);
        }
        let digest = hex(&digest.finalize()[..8]);
        let readable = format!("{}_{}", claim.namespace, claim.name);
        let plain = |c: char| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '_' };
        let start: String = readable.chars().map(plain).take(LONGEST_BASE - digest.len() - 1).collect();
        // PostgreSQL keeps names that begin with pg_ for itself, and a digit at the start would need quotes.
        let start = if start.starts_with("pg_") || start.starts_with(|c: char| c.is_ascii_digit()) {
            format!("s_{}", start.chars().take(LONGEST_BASE - digest.len() - 3).collect::<String>())
        } else {
            start
        };
        Self(format!("{start}_{digest}"))
    }

    /// The name that was written down earlier; none if it cannot be one of ours.
    pub fn read(text: &str) -> Option<Self> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let valid = (1..=LONGEST_BASE).contains(&text.len()) && text.chars().all(plain);
        (valid && !text.starts_with("pg_")).then(|| Self(text.to_owned()))
    }

    /// The name of the database and of the role that owns it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of the login with this number.
    pub fn login(&self, number: u32) -> String {
        format!("{}_{number}", self.0)
    }

    /// The number of the login `name`; none if it is no login of this database.
    pub fn login_number(&self, name: &str) -> Option<u32> {
        let number = name.strip_prefix(&self.0)?.strip_prefix('_')?;
        let number = number.parse().ok()?;
        (self.login(number) == name).then_some(number)
    }
}

/// The comment on every role of a claim. The API server's names and uids hold neither blanks nor a second slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    namespace: String,
    name: String,
    uid: String,
}

impl Mark {
    /// The mark of `claim`.
    pub fn of(claim: &Claim) -> Self {
        let Claim { namespace, name, uid, .. } = claim.clone();
        Self { namespace, name, uid }
    }

    /// The mark that a comment is, if it is one.
    pub fn read(comment: &str) -> Option<Self> {
        let (identity, uid) = comment.strip_prefix(MARK)?.rsplit_once(UID)?;
        let (namespace, name) = identity.split_once('/')?;
        Some(Self { namespace: namespace.to_owned(), name: name.to_owned(), uid: uid.to_owned() })
    }

    /// The claim that has set it.
    pub fn claim(self) -> Identity {
        let Self { namespace, name, uid } = self;
        Identity { namespace, name, uid }
    }

    /// Whether `comment` is the mark of this or an earlier claim of the same namespace and name. Only the claim's Secret leads
    /// to what an earlier one has, and whether that may be adopted was judged before.
    pub fn is_same_identity(&self, comment: Option<&str>) -> bool {
        let found = comment.and_then(Self::read);
        found
            .is_some_and(|found| (found.namespace, found.name) == (self.namespace.clone(), self.name.clone()))
    }

    /// Whether `comment` is the mark of this very claim.
    pub fn is(&self, comment: Option<&str>) -> bool {
        comment == Some(&self.to_string())
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { namespace, name, uid } = self;
        write!(formatter, "{MARK}{namespace}/{name}{UID}{uid}")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::test_support::claim;

    fn of(namespace: &str, name: &str, uid: &str) -> Base {
        let text = str::to_owned;
        Base::of(&Claim { namespace: text(namespace), name: text(name), uid: text(uid), ..claim() })
    }

    #[test]
    fn a_name_can_be_read_and_ends_in_a_digest() {
        let base = of("team", "shop-store", "claim-uid");
        assert!(base.as_str().starts_with("team_shop_store_"), "{base:?}");
        assert_eq!(base.login_number(&base.login(7)), Some(7));
        assert_eq!(base, of("team", "shop-store", "claim-uid"));
    }

    #[test]
    fn every_name_is_plain_and_short_enough_whatever_the_claim_is_called() {
        let long = "w".repeat(253);
        for (namespace, name) in [
            ("team", long.as_str()),
            (&long, "db"),
            ("pg", "db"),
            ("7even", "db"),
            ("te\"am", "db'; DROP DATABASE postgres; --"),
            ("ünïcödé", "数据库"),
            ("a\\b", "\"\"''``$$"),
            ("", ""),
            ("PG_", "x\u{0}y"),
        ] {
            let base = of(namespace, name, "u");
            assert_eq!(Base::read(base.as_str()).as_ref(), Some(&base));
            assert!(base.login(99_999).len() <= LONGEST_IDENTIFIER, "{base:?}");
            assert!(!base.as_str().starts_with(|c: char| c.is_ascii_digit()), "{base:?}");
        }
    }

    #[test]
    fn different_claims_never_have_the_same_name() {
        let long = "w".repeat(100);
        let names = [
            of("a", "b-c", "u"),
            of("a-b", "c", "u"),
            of("a", "b.c", "u"),
            of("a", "b-c", "v"),
            of(&long, "x", "u"),
            of(&long, "y", "u"),
        ];
        let distinct: HashSet<_> = names.iter().map(Base::as_str).collect();
        assert_eq!(distinct.len(), names.len());
    }

    #[test]
    fn what_was_written_down_is_not_taken_unseen() {
        for text in ["", "pg_monitor", "a b", "A", "x\"y", "x;y", &"w".repeat(58)] {
            assert_eq!(Base::read(text), None, "{text}");
        }
    }

    #[test]
    fn only_numbers_make_a_login() {
        let base = of("team", "db", "u");
        for end in ["", "_", "_x", "_01", "_+1", "_-1", "1", "_1_1", "_4294967296"] {
            assert_eq!(base.login_number(&format!("{}{end}", base.as_str())), None, "{end}");
        }
    }

    #[test]
    fn a_mark_tells_claims_and_identities_apart() {
        let (first, second) = (claim(), Claim { uid: "second".to_owned(), ..claim() });
        let (mark, later) = (Mark::of(&first), Mark::of(&second).to_string());
        assert!(mark.is(Some(&mark.to_string())) && !mark.is(Some(&later)) && !mark.is(None));
        assert!(mark.is_same_identity(Some(&later)));
        assert_eq!(Mark::read(&later).as_ref(), Some(&Mark::of(&second)));
        let other = Mark::of(&Claim { name: "shop".to_owned(), ..claim() }).to_string();
        for comment in [None, Some(""), Some("a role of ours"), Some(other.as_str())] {
            assert!(!mark.is_same_identity(comment), "{comment:?}");
        }
    }
}
