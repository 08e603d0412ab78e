//! Which configuration is in force. Pure.

use std::fmt;

use platform::config::{BUILTIN, Config, ConfigErrors};

/// Which configuration is in force, why, and what is to be remembered.
#[derive(Clone, Debug, PartialEq)]
pub struct Settled {
    /// The configuration; none where not even the built-in one is valid, which a test rules out.
    pub config: Option<Config>,
    /// Where it comes from.
    pub origin: Origin,
    /// What is wrong with the one that is there.
    pub errors: Option<ConfigErrors>,
    /// The last good document, to be remembered; none to forget what is remembered.
    pub remember: Option<String>,
}

/// Where a configuration comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The one that is there.
    Current,
    /// The last that was good.
    LastGood,
    /// The one that serves where there is none.
    Builtin,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Current => "current",
            Self::LastGood => "last-good",
            Self::Builtin => "builtin",
        })
    }
}

/// Settles it, given the document that is there and the last good one as it is remembered. An invalid document never
/// replaces the last good one; without any, the built-in one serves.
pub fn settle(current: Option<&str>, remembered: Option<&str>) -> Settled {
    let Some(text) = current else { return builtin(None) };
    match text.parse::<Config>() {
        Ok(config) => Settled {
            config: Some(config),
            origin: Origin::Current,
            errors: None,
            remember: Some(text.to_owned()),
        },
        Err(errors) => match remembered.and_then(|text| Some((text, text.parse::<Config>().ok()?))) {
            Some((text, config)) => Settled {
                config: Some(config),
                origin: Origin::LastGood,
                errors: Some(errors),
                remember: Some(text.to_owned()),
            },
            None => builtin(Some(errors)),
        },
    }
}

fn builtin(errors: Option<ConfigErrors>) -> Settled {
    Settled { config: BUILTIN.parse().ok(), origin: Origin::Builtin, errors, remember: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> String {
        BUILTIN.replace("name: builtin", &format!("name: {name}"))
    }

    fn in_force(settled: &Settled) -> (&str, Origin) {
        (settled.config.as_ref().unwrap().name.as_str(), settled.origin)
    }

    #[test]
    fn a_valid_document_is_in_force_and_remembered() {
        let settled = settle(Some(&named("new")), Some(&named("old")));
        assert_eq!(in_force(&settled), ("new", Origin::Current));
        assert_eq!((settled.remember, settled.errors), (Some(named("new")), None));
    }

    #[test]
    fn an_invalid_document_never_replaces_the_last_good_one() {
        let settled = settle(Some("kind: Nonsense"), Some(&named("old")));
        assert_eq!(in_force(&settled), ("old", Origin::LastGood));
        assert_eq!(settled.remember, Some(named("old")));
        assert!(settled.errors.unwrap().to_string().contains("line 1: kind: must be"));
    }

    #[test]
    fn an_invalid_document_without_a_good_one_before_it_leaves_the_builtin_one() {
        for remembered in [None, Some("also: nonsense")] {
            let settled = settle(Some("{}"), remembered);
            assert_eq!(in_force(&settled), ("builtin", Origin::Builtin));
            assert!(settled.errors.is_some() && settled.remember.is_none());
        }
    }

    #[test]
    fn no_document_means_the_builtin_one_and_nothing_is_remembered() {
        let settled = settle(None, Some(&named("old")));
        assert_eq!(in_force(&settled), ("builtin", Origin::Builtin));
        assert_eq!((settled.remember, settled.errors), (None, None));
    }
}
