//! Where a chart comes from, and which one it is.

use std::{fmt, str::FromStr};

use object_template::{has_template, shortened};
use semver::Version;
use serde_json::Value;
use url::Url;

use crate::external::Origin;

const REGISTRY: &str = "oci://";

/// A registry or the host of a chart repository, as `oci://registry.example.com` or `https://charts.example.com`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChartOrigin(String);

impl fmt::Display for ChartOrigin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for ChartOrigin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |_| {
            format!(
                "`{}` is not a place for charts: write oci:// or https://, the host, and a port if there is one",
                shortened(text)
            )
        };
        // Both have hosts and ports in the same form.
        match text.strip_prefix(REGISTRY) {
            Some(host) => {
                let origin: Origin = format!("https://{host}").parse().map_err(wrong)?;
                Ok(Self(origin.to_string().replacen("https://", REGISTRY, 1)))
            }
            None => Ok(Self(text.parse::<Origin>().map_err(wrong)?.to_string())),
        }
    }
}

/// Where a chart lies. No Workload has a say in it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Source {
    origin: ChartOrigin,
    reference: String,
    repository: Option<String>,
}

impl Source {
    /// The chart called `chart`, an address in a registry, or a name in `repository`.
    ///
    /// # Errors
    /// The field that is wrong, and why.
    pub(super) fn read(
        chart: &str,
        repository: Option<&str>,
        plain_http: bool,
    ) -> Result<Self, (&'static str, String)> {
        let fields = [("chart", Some(chart)), ("repository", repository)];
        if let Some((field, _)) = fields.into_iter().find(|(_, text)| text.is_some_and(has_template)) {
            return Err((field, "cannot be a template: what is installed must be known before".into()));
        }
        match repository {
            None => Self::in_registry(chart).map_err(|why| ("chart", why)),
            Some(address) if chart_name(chart) => {
                Self::in_repository(chart, address, plain_http).map_err(|why| ("repository", why))
            }
            Some(_) => {
                let why = format!(
                    "`{}` is not the name of a chart in a repository: small letters, digits, `-`, `_` and `.`",
                    shortened(chart)
                );
                Err(("chart", why))
            }
        }
    }

    fn in_registry(chart: &str) -> Result<Self, String> {
        let Some((host, path)) = chart.strip_prefix(REGISTRY).and_then(|rest| rest.split_once('/')) else {
            let why = "write oci://, registry and path; or a name here, and the address under `repository`";
            return Err(format!("`{}` is not where a chart is: {why}", shortened(chart)));
        };
        if !path.split('/').all(chart_name) {
            let why = "small letters, digits, `-`, `_` and `.` between slashes; tag and digest are `version` and `digest`";
            return Err(format!("`{}` is not the path of a chart: {why}", shortened(path)));
        }
        let origin: ChartOrigin = format!("{REGISTRY}{host}").parse()?;
        // One way to write it, the one that is compared with what the platform allows.
        Ok(Self { reference: format!("{origin}/{path}"), origin, repository: None })
    }

    fn in_repository(chart: &str, address: &str, plain_http: bool) -> Result<Self, String> {
        let url = Url::parse(address).map_err(|error| format!("`{}`: {error}", shortened(address)))?;
        match (url.scheme(), plain_http) {
            ("https", false) | ("http", true) => {}
            ("https", true) => return Err("is encrypted: remove `plainHttp`, or write http://".into()),
            ("http", false) => {
                return Err("is not encrypted: write https://, or say `plainHttp: true`".into());
            }
            _ => {
                return Err(
                    "must begin with https://; a chart in a registry is named by `chart` alone".into()
                );
            }
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("has credentials in it, which everybody would read: remove them".into());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("is more than host and path".into());
        }
        let origin = url.origin().ascii_serialization().parse()?;
        Ok(Self { origin, reference: chart.to_owned(), repository: Some(url.into()) })
    }

    pub(super) fn origin(&self) -> &ChartOrigin {
        &self.origin
    }

    pub(super) fn reference(&self) -> &str {
        &self.reference
    }

    pub(super) fn repository(&self) -> Option<&str> {
        self.repository.as_deref()
    }
}

/// Whether `text` is a part of the path of a chart: never an option, a parent or a host.
fn chart_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
    let ends = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.len() <= 128 && text.bytes().all(plain) && text.starts_with(ends) && text.ends_with(ends)
}

/// The one version in `value`.
///
/// # Errors
/// If it names more than one, or none.
pub(super) fn exact_version(value: &Value) -> Result<String, String> {
    let text = value.as_str().ok_or("must be the one version to install: write it in quotes")?;
    match text.strip_prefix('v').unwrap_or(text).parse::<Version>() {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(format!(
            "`{}` is not one version, such as 1.2.3: with a range, another chart could be installed without any change \
             here",
            shortened(text)
        )),
    }
}

/// The digits of a digest, `sha256:…`.
///
/// # Errors
/// If it is none.
pub(super) fn sha256(text: &str) -> Result<String, String> {
    let digits = text.strip_prefix("sha256:").filter(|digits| digits.len() == 64);
    let hexadecimal = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    match digits.filter(|digits| digits.bytes().all(hexadecimal)) {
        Some(digits) => Ok(digits.to_owned()),
        None => Err("must be `sha256:` and what `sha256sum` says of the chart's package, the .tgz".into()),
    }
}
