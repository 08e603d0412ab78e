//! Reading the document as a whole.

use std::{collections::BTreeSet, fmt, str::FromStr};

use score_spec::{path::FieldPath, validate::FieldError};

use super::{Config, DefaultSelector, Defaults, Profile, Provisioner, backends, provisioners, selector};
use crate::{
    document::{self, Document},
    errors::Errors,
    listed,
    names::ProfileName,
    reader::{Fields, Node},
};

/// What is wrong with a field, and on which line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {error}")]
pub struct ConfigError {
    /// The line, from 1.
    pub line: u64,
    /// The field, and what to do.
    pub error: FieldError,
}

/// Everything that is wrong with a configuration, in the order of its lines; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl std::error::Error for ConfigErrors {}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let errors = self.0.iter().map(ToString::to_string).collect::<Vec<_>>();
        f.write_str(&errors.join("; "))
    }
}

impl ConfigErrors {
    fn of_document(message: &str, line: u64) -> Self {
        let error = FieldError { path: "document".to_owned(), message: message.to_owned() };
        Self(vec![ConfigError { line, error }])
    }
}

impl FromStr for Config {
    type Err = ConfigErrors;

    /// Reads a configuration.
    ///
    /// # Errors
    /// Every error at once, each with its field and line; of a text that is no YAML the first.
    fn from_str(text: &str) -> Result<Self, ConfigErrors> {
        let mut documents = document::parse_all(text)
            .map_err(|error| ConfigErrors::of_document(&error.message, error.line))?;
        match (documents.pop(), documents.is_empty()) {
            (Some(document), true) => Self::from_document(&document),
            (None, _) => Err(ConfigErrors::of_document("is empty: write an OrchestratorConfig", 1)),
            (Some(second), false) => Err(ConfigErrors::of_document(
                "holds more than one document: keep the OrchestratorConfig alone",
                second.lines.of(""),
            )),
        }
    }
}

impl Config {
    /// Reads a configuration from a document.
    ///
    /// # Errors
    /// Every error at once, each with its field and line.
    pub fn from_document(document: &Document) -> Result<Self, ConfigErrors> {
        let mut errors = Errors::default();
        let config = match document.value.as_object() {
            Some(map) => Fields::read(None, map, &mut errors, config),
            None => return Err(ConfigErrors::of_document("must be a map: write an OrchestratorConfig", 1)),
        };
        errors.or_value(config).map_err(|errors| {
            let located = |error: FieldError| ConfigError { line: document.lines.of(&error.path), error };
            let mut errors: Vec<_> = errors.into_iter().map(located).collect();
            errors.sort_by_key(|error| error.line);
            ConfigErrors(errors)
        })
    }
}

fn config(fields: &mut Fields<'_>, errors: &mut Errors) -> Option<Config> {
    expect_text("apiVersion", "score.dev/v1b1", fields, errors);
    expect_text("kind", "OrchestratorConfig", fields, errors);
    let metadata = fields.required("metadata", errors).and_then(|node| metadata(&node, errors));
    let spec = fields.required("spec", errors).and_then(|node| node.fields(errors, spec));
    let ((name, version), (profiles, provisioners, defaults)) = (metadata?, spec?);
    Some(Config { name, version, profiles: profiles.into_iter().collect(), provisioners, defaults })
}

fn expect_text(name: &'static str, expected: &str, fields: &mut Fields<'_>, errors: &mut Errors) {
    let Some(node) = fields.required(name, errors) else { return };
    if node.text(errors).is_some_and(|text| text != expected) {
        errors.add(&node.path, format_args!("must be `{expected}`: correct it"));
    }
}

fn metadata(node: &Node<'_>, errors: &mut Errors) -> Option<(String, Option<String>)> {
    node.fields(errors, |fields, errors| {
        let name = fields.required("name", errors).and_then(|name| name.text(errors));
        let version = backends::text(fields.optional("version"), errors);
        Some((name?.to_owned(), version))
    })
}

type Spec = (Vec<(ProfileName, Profile)>, Vec<Provisioner>, Defaults);

fn spec(fields: &mut Fields<'_>, errors: &mut Errors) -> Option<Spec> {
    let profiles = fields.required("profiles", errors);
    let provisioners = fields.optional("provisioners");
    let profiles = profiles.map(|node| read_profiles(&node, errors)).unwrap_or_default();
    let provisioners = provisioners.map(|node| read_provisioners(&node, errors)).unwrap_or_default();
    let names = profiles.iter().map(|(name, _)| name.clone()).collect();
    let defaults = match fields.optional("defaults") {
        Some(node) => defaults(&node, &names, errors)?,
        None => {
            Defaults { profile: only(&names, &fields.path_of("defaults"), errors)?, selectors: Vec::new() }
        }
    };
    Some((profiles, provisioners, defaults))
}

fn read_profiles(node: &Node<'_>, errors: &mut Errors) -> Vec<(ProfileName, Profile)> {
    if node.value.as_array().is_some_and(Vec::is_empty) {
        errors.add(&node.path, "is empty: add at least one profile");
    }
    let located =
        |node: &Node<'_>, errors: &mut Errors| Some((node.path.clone(), backends::profile(node, errors)?));
    let profiles = node.list(errors, located);
    errors.unique(profiles.iter().map(|(path, (name, _))| (path.field("name"), name.clone())));
    let ids = node.items(&mut Errors::default()).into_iter().flat_map(backend_ids);
    errors.unique(ids);
    profiles.into_iter().map(|(_, profile)| profile).collect()
}

/// The ids of the backends of a profile, also of those that are not valid.
fn backend_ids<'a>(profile: Node<'a>) -> impl Iterator<Item = (FieldPath, &'a str)> {
    let path = profile.path.field("backends");
    let backends = profile.value["backends"].as_array().into_iter().flatten().enumerate();
    backends.filter_map(move |(index, backend)| {
        Some((path.index(index).field("backendId"), backend["backendId"].as_str()?))
    })
}

fn read_provisioners(node: &Node<'_>, errors: &mut Errors) -> Vec<Provisioner> {
    let located = |node: &Node<'_>, errors: &mut Errors| {
        Some((node.path.clone(), provisioners::provisioner(node, errors)?))
    };
    let provisioners = node.list(errors, located);
    provisioners::refuse_ties(&provisioners, errors);
    provisioners.into_iter().map(|(_, provisioner)| provisioner).collect()
}

fn defaults(node: &Node<'_>, profiles: &BTreeSet<ProfileName>, errors: &mut Errors) -> Option<Defaults> {
    node.fields(errors, |fields, errors| {
        let profile = match fields.optional("profile") {
            Some(node) => profile(&node, profiles, errors),
            None => only(profiles, &fields.path_of("profile"), errors),
        };
        let selectors = fields
            .optional("selectors")
            .map(|node| node.list(errors, |node, errors| default_selector(node, profiles, errors)));
        Some(Defaults { profile: profile?, selectors: selectors.unwrap_or_default() })
    })
}

fn default_selector(
    node: &Node<'_>,
    profiles: &BTreeSet<ProfileName>,
    errors: &mut Errors,
) -> Option<DefaultSelector> {
    node.fields(errors, |fields, errors| {
        let selector = selector::of_fields(node, fields, errors);
        let profile = fields.required("profile", errors).and_then(|node| profile(&node, profiles, errors));
        Some(DefaultSelector { selector: selector?, profile: profile? })
    })
}

fn profile(node: &Node<'_>, profiles: &BTreeSet<ProfileName>, errors: &mut Errors) -> Option<ProfileName> {
    let name: ProfileName = node.parse(errors)?;
    if profiles.contains(&name) {
        return Some(name);
    }
    let offered = listed(profiles.iter());
    errors.add(&node.path, format_args!("names no profile `{name}`: add it, or use one of {offered}"));
    None
}

/// The one profile that there is.
fn only(profiles: &BTreeSet<ProfileName>, path: &FieldPath, errors: &mut Errors) -> Option<ProfileName> {
    match (profiles.len(), profiles.first()) {
        (1, Some(profile)) => Some(profile.clone()),
        // That there is none has been said already.
        (0, _) | (_, None) => None,
        _ => {
            errors
                .add(path, "must name the profile of Workloads that ask for none: set spec.defaults.profile");
            None
        }
    }
}
