//! What objects are called.

use std::{fmt, str::FromStr};

use kube::core::GroupVersionKind;

use crate::shortened;

/// A kind of object, as `apps/v1/StatefulSet` or `v1/Secret`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKind {
    api_version: String,
    kind: String,
}

impl ObjectKind {
    /// That of what users write. Templates may read it, but no text is parsed to it: they never make one.
    pub fn workload() -> Self {
        Self { api_version: "score.dev/v1b1".to_owned(), kind: "Workload".to_owned() }
    }

    /// `group/version`, or `version` of the core group.
    pub fn api_version(&self) -> &str {
        &self.api_version
    }

    /// The kind, without its group.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The API group, empty for the core group.
    pub fn group(&self) -> &str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }

    /// The version in the group.
    pub fn version(&self) -> &str {
        self.api_version.rsplit('/').next().unwrap_or_default()
    }

    /// As a client wants it.
    pub fn gvk(&self) -> GroupVersionKind {
        GroupVersionKind::gvk(self.group(), self.version(), &self.kind)
    }

    /// Whether its objects hold secrets.
    pub fn is_secret(&self) -> bool {
        self.group().is_empty() && self.kind == "Secret"
    }

    /// Why no template may ever make such objects, whatever the platform allows.
    fn taboo(&self) -> Option<&'static str> {
        match self.group() {
            "rbac.authorization.k8s.io" | "authorization.k8s.io" | "certificates.k8s.io" => {
                Some("templates may not grant rights")
            }
            "apiextensions.k8s.io" | "admissionregistration.k8s.io" | "apiregistration.k8s.io" => {
                Some("templates may not change the API")
            }
            "score.dev" => Some("it belongs to the controllers of Score"),
            _ => None,
        }
    }
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.api_version, self.kind)
    }
}

/// What is no [`ObjectKind`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ObjectKindError {
    /// It does not have the form of one.
    #[error("`{0}` is not of the form group/version/Kind, or version/Kind in the core group")]
    Malformed(String),
    /// Nobody may allow it.
    #[error("`{0}` cannot be allowed: {1}")]
    Taboo(String, &'static str),
}

impl FromStr for ObjectKind {
    type Err = ObjectKindError;

    fn from_str(text: &str) -> Result<Self, ObjectKindError> {
        let malformed = || ObjectKindError::Malformed(text.to_owned());
        let (api_version, kind) = text.rsplit_once('/').ok_or_else(malformed)?;
        let parts: Vec<_> = api_version.split('/').collect();
        let (group, version) = match parts.as_slice() {
            [version] => (None, *version),
            [group, version] => (Some(*group), *version),
            _ => return Err(malformed()),
        };
        let word = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !group.is_none_or(is_dns_name) || !word(version) || !word(kind) {
            return Err(malformed());
        }
        let kind = Self { api_version: api_version.to_owned(), kind: kind.to_owned() };
        match kind.taboo() {
            Some(why) => Err(ObjectKindError::Taboo(text.to_owned(), why)),
            None => Ok(kind),
        }
    }
}

/// The name of an object: a part of a path, so nothing but a name may be one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectName(String);

impl ObjectName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for ObjectName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if is_dns_name(text) {
            return Ok(Self(text.to_owned()));
        }
        Err(format!(
            "`{}` is not a name: at most 253 small letters, digits, `-` and `.`, with a letter or digit at both ends of \
             each part",
            shortened(text)
        ))
    }
}

/// Where an object lies in the namespace of whatever it is made for, as `apps/v1/StatefulSet/redis`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Its kind.
    pub kind: ObjectKind,
    /// Its name.
    pub name: ObjectName,
}

impl Place {
    /// What tells its object from all others there: group, kind and name. It is one object in all versions of a group.
    pub fn object(&self) -> (&str, &str, &str) {
        (self.kind.group(), self.kind.kind(), self.name.as_str())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.kind, self.name)
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, name) = text.rsplit_once('/').ok_or_else(|| format!("`{text}` is no place"))?;
        Ok(Self {
            kind: kind.parse().map_err(|error: ObjectKindError| error.to_string())?,
            name: name.parse()?,
        })
    }
}

/// A lowercase RFC 1123 subdomain.
fn is_dns_name(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let part = |part: &str| {
        !part.is_empty() && part.bytes().all(inner) && !part.starts_with('-') && !part.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_group_version_and_kind_or_without_a_group() {
        let kind: ObjectKind = "gateway.networking.k8s.io/v1/HTTPRoute".parse().unwrap();
        assert_eq!(
            (kind.group(), kind.version(), kind.kind()),
            ("gateway.networking.k8s.io", "v1", "HTTPRoute")
        );
        let secret: ObjectKind = "v1/Secret".parse().unwrap();
        assert!(secret.is_secret() && secret.group().is_empty());
        assert_eq!(secret.to_string(), "v1/Secret");
        assert_eq!(secret.gvk(), GroupVersionKind::gvk("", "v1", "Secret"));
        let other: ObjectKind = "example.com/v1/Secret".parse().unwrap();
        assert!(!other.is_secret());
    }

    #[test]
    fn what_is_no_kind_or_may_never_be_made_is_refused() {
        for text in ["", "Secret", "/v1/Secret", "v1/", "a/b/c/D", "v1/Sec ret", "v1/../x", "A_/v1/X"] {
            assert!(matches!(text.parse::<ObjectKind>(), Err(ObjectKindError::Malformed(_))), "{text}");
        }
        for text in
            ["rbac.authorization.k8s.io/v1/Role", "score.dev/v1b1/Workload", "apiextensions.k8s.io/v1/X"]
        {
            assert!(matches!(text.parse::<ObjectKind>(), Err(ObjectKindError::Taboo(..))), "{text}");
        }
    }

    #[test]
    fn what_users_write_is_a_kind_that_no_text_comes_to() {
        let workload = ObjectKind::workload();
        assert_eq!(workload.gvk(), GroupVersionKind::gvk("score.dev", "v1b1", "Workload"));
        assert!(matches!(workload.to_string().parse::<ObjectKind>(), Err(ObjectKindError::Taboo(..))));
    }

    #[test]
    fn a_name_can_be_nothing_but_one_part_of_a_path() {
        for text in ["a", "redis-0", "a.b-c.1"] {
            assert_eq!(text.parse::<ObjectName>().unwrap().as_str(), text);
        }
        let long = "a".repeat(254);
        for text in ["", ".", "..", "../x", "a/b", "a%2fb", "A", "a b", "a\n", "-a", "a-", "a..b", "é", &long]
        {
            let error = text.parse::<ObjectName>().unwrap_err();
            assert!(!error.contains('\n') && error.chars().count() < 220, "{error}");
        }
    }

    #[test]
    fn a_place_is_read_as_it_is_written() {
        let place: Place = "apps/v1/StatefulSet/redis".parse().unwrap();
        assert_eq!(place.to_string().parse::<Place>().unwrap(), place);
        assert!("StatefulSet".parse::<Place>().is_err() && "v1/Secret/..".parse::<Place>().is_err());
    }

    #[test]
    fn an_object_is_the_same_in_all_versions_of_its_group() {
        let place = |text: &str| text.parse::<Place>().unwrap();
        let it = place("x.com/v1alpha1/Db/it");
        assert_eq!(it.object(), place("x.com/v1/Db/it").object());
        for other in ["y.com/v1alpha1/Db/it", "v1/Db/it", "x.com/v1alpha1/Base/it", "x.com/v1alpha1/Db/other"]
        {
            assert_ne!(it.object(), place(other).object(), "{other}");
        }
    }
}
