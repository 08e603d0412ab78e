//! Which configuration is in force. Pure.

use std::fmt;

use platform::config::{BUILTIN, Config, ConfigErrors};

use super::Kept;

/// The document that is there.
#[derive(Clone, Debug, PartialEq)]
pub enum Current {
    /// There is none, and there should be none.
    Nothing,
    /// This.
    Found(Kept),
    /// There should be one.
    Missing(Trouble),
}

/// Why the document that is there does not serve.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Trouble {
    /// It is not valid.
    #[error("{0}")]
    Invalid(ConfigErrors),
    /// The ConfigMap does not say where it is.
    #[error("{0}")]
    Source(String),
    /// The registry does not hand it out.
    #[error("{0}")]
    Registry(String),
}

impl Trouble {
    /// The reason of the Event that tells it.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Invalid(_) | Self::Source(_) => "ConfigInvalid",
            Self::Registry(_) => "ConfigUnavailable",
        }
    }
}

/// Which configuration is in force, why, and what is to be remembered.
#[derive(Clone, Debug, PartialEq)]
pub struct Settled {
    /// The configuration, and where it comes from; none where a document should be, and neither it nor an earlier one can
    /// serve.
    pub in_force: Option<(Config, Origin)>,
    /// What is wrong with the one that is there.
    pub trouble: Option<Trouble>,
    /// The last good document, to be remembered; none to forget what is remembered.
    pub remember: Option<Kept>,
}

impl Settled {
    /// What to tell of `trouble`.
    pub fn note(&self, trouble: &Trouble) -> String {
        match &self.in_force {
            Some((_, origin)) => format!("not used, the {origin} one is in force: {trouble}"),
            None => format!("not used, and no other one is in force: {trouble}"),
        }
    }
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

/// Settles it, given the document that is there and the last good one as it is remembered.
///
/// An invalid document never replaces the last good one. Without any, the built-in one serves for a ConfigMap; a platform
/// that names an artifact wants that and no other.
pub fn settle(current: Current, remembered: Option<Kept>) -> Settled {
    match current {
        Current::Nothing => builtin(None),
        Current::Missing(trouble) => last_good(remembered, &trouble).unwrap_or_else(|| nothing(trouble)),
        Current::Found(document) => match document.text.parse::<Config>() {
            Ok(config) => {
                Settled { in_force: Some((config, Origin::Current)), trouble: None, remember: Some(document) }
            }
            Err(errors) => {
                let trouble = Trouble::Invalid(errors);
                last_good(remembered, &trouble).unwrap_or_else(|| match document.artifact {
                    Some(_) => nothing(trouble),
                    None => builtin(Some(trouble)),
                })
            }
        },
    }
}

fn last_good(remembered: Option<Kept>, trouble: &Trouble) -> Option<Settled> {
    let remembered = remembered?;
    let config = remembered.text.parse().ok()?;
    let in_force = Some((config, Origin::LastGood));
    Some(Settled { in_force, trouble: Some(trouble.clone()), remember: Some(remembered) })
}

fn builtin(trouble: Option<Trouble>) -> Settled {
    // That it is valid, a test says.
    let in_force = BUILTIN.parse().ok().map(|config| (config, Origin::Builtin));
    Settled { in_force, trouble, remember: None }
}

fn nothing(trouble: Trouble) -> Settled {
    Settled { in_force: None, trouble: Some(trouble), remember: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> String {
        BUILTIN.replace("name: builtin", &format!("name: {name}"))
    }

    fn here(text: &str) -> Kept {
        Kept { text: text.to_owned(), artifact: None }
    }

    fn fetched(text: &str) -> Kept {
        Kept { text: text.to_owned(), artifact: Some("registry.example.com/config@sha256:abc".to_owned()) }
    }

    fn down() -> Current {
        Current::Missing(Trouble::Registry("down".into()))
    }

    fn in_force(settled: &Settled) -> Option<(&str, Origin)> {
        settled.in_force.as_ref().map(|(config, origin)| (config.name.as_str(), *origin))
    }

    #[test]
    fn a_valid_document_is_in_force_and_remembered() {
        for document in [here(&named("new")), fetched(&named("new"))] {
            let settled = settle(Current::Found(document.clone()), Some(here(&named("old"))));
            assert_eq!(in_force(&settled), Some(("new", Origin::Current)));
            assert_eq!((settled.remember, settled.trouble), (Some(document), None));
        }
    }

    #[test]
    fn an_invalid_document_never_replaces_the_last_good_one() {
        for document in [here("kind: Nonsense"), fetched("kind: Nonsense")] {
            let settled = settle(Current::Found(document), Some(here(&named("old"))));
            assert_eq!(in_force(&settled), Some(("old", Origin::LastGood)));
            assert_eq!(settled.remember, Some(here(&named("old"))));
            let trouble = settled.trouble.unwrap();
            assert!(trouble.to_string().contains("line 1: kind: must be"), "{trouble}");
            assert_eq!(trouble.reason(), "ConfigInvalid");
        }
    }

    #[test]
    fn an_invalid_document_without_a_good_one_before_it_leaves_the_builtin_one() {
        for remembered in [None, Some(here("also: nonsense"))] {
            let settled = settle(Current::Found(here("{}")), remembered);
            assert_eq!(in_force(&settled), Some(("builtin", Origin::Builtin)));
            assert!(settled.trouble.is_some() && settled.remember.is_none());
        }
    }

    #[test]
    fn a_registry_that_is_gone_leaves_the_last_good_one_in_force_and_remembered() {
        let settled = settle(down(), Some(fetched(&named("old"))));
        assert_eq!(in_force(&settled), Some(("old", Origin::LastGood)));
        assert_eq!(settled.remember, Some(fetched(&named("old"))));
        let trouble = settled.trouble.clone().unwrap();
        assert_eq!(trouble.reason(), "ConfigUnavailable");
        assert_eq!(settled.note(&trouble), "not used, the last-good one is in force: down");
    }

    #[test]
    fn who_names_an_artifact_never_gets_the_builtin_one() {
        for current in [down(), Current::Found(fetched("{}")), Current::Missing(Trouble::Source("?".into()))]
        {
            let settled = settle(current, None);
            assert_eq!((in_force(&settled), &settled.remember), (None, &None));
            assert!(settled.note(&settled.trouble.clone().unwrap()).contains("no other one is in force"));
        }
    }

    #[test]
    fn no_document_means_the_builtin_one_and_nothing_is_remembered() {
        let settled = settle(Current::Nothing, Some(here(&named("old"))));
        assert_eq!(in_force(&settled), Some(("builtin", Origin::Builtin)));
        assert_eq!((settled.remember, settled.trouble), (None, None));
    }
}
