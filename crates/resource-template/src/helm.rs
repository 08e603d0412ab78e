//! A resource type that is a Helm chart: which chart, what it is given, and what may come of it.
//!
//! Helm fills in the chart and nothing else. What comes of it is text, which is read, checked and made as `manifests`
//! are, so that ownership, pruning, adoption and rights are the same. A [record](HelmChart::release) of the release, in
//! the form in which Helm keeps its own, shows it to whoever looks with Helm.

mod objects;
mod release;
mod source;

use object_template::ObjectName;
use serde::Deserialize;
use serde_json::{Map, Value};

use self::source::{Source, exact_version, sha256};
use crate::{
    declaration::{Declaration, Problem, keep},
    external::{Authority, NameDocument, authority},
    inputs::Inputs,
    manifest::{Manifest, no_mark},
    manifests::{Misfit, Rendered, check},
    render::Renderer,
};

pub use self::source::ChartOrigin;

/// What a declaration says of a chart.
#[derive(Clone, Debug, PartialEq)]
pub struct HelmChart {
    source: Source,
    /// The one version of it.
    pub version: String,
    /// The SHA-256 of its package, in hexadecimal digits, if the platform holds it to that.
    pub digest: Option<String>,
    /// Whether the way to it is not encrypted.
    pub plain_http: bool,
    /// The platform's Secret with the credentials for the registry, of the type `kubernetes.io/dockerconfigjson`.
    pub credentials: Option<String>,
    /// The authority that vouches for where it comes from, besides those of the system.
    pub authority: Option<Authority>,
    values: Map<String, Value>,
}

/// What a chart is given for one claim.
#[derive(Clone, Debug, PartialEq)]
pub struct ChartInputs {
    /// The name of the release: the short name of the claim.
    pub release: String,
    /// The namespace of the claim.
    pub namespace: String,
    /// The values, which hold no secret.
    pub values: Value,
}

/// The field of a declaration.
const PATH: &str = "helm";
/// The most bytes of JSON that the values of a chart may have: with the objects, the record of the release must fit into
/// a Secret.
const MOST_BYTES: usize = 128 * 1024;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Document {
    chart: String,
    repository: Option<String>,
    #[serde(default)]
    version: Value,
    digest: Option<String>,
    #[serde(default)]
    plain_http: bool,
    secret_ref: Option<NameDocument>,
    ca_secret_ref: Option<NameDocument>,
    #[serde(default)]
    values: Map<String, Value>,
}

impl HelmChart {
    pub(crate) fn read(value: &Value, problems: &mut Vec<Problem>) -> Option<Self> {
        let document = keep(Document::deserialize(value), PATH, problems)?;
        let source = Source::read(&document.chart, document.repository.as_deref(), document.plain_http);
        let source =
            source.map_err(|(field, why)| problems.push(Problem::new(format_args!("{PATH}.{field}"), why)));
        let version = keep(exact_version(&document.version), format_args!("{PATH}.version"), problems);
        let digest = document.digest.as_deref().map(sha256).transpose();
        let digest = keep(digest, format_args!("{PATH}.digest"), problems);
        let credentials = document.secret_ref.map(|name| credentials(name, document.repository.is_some()));
        let credentials = keep(credentials.transpose(), format_args!("{PATH}.secretRef"), problems);
        let authority = document.ca_secret_ref.and_then(|name| authority(PATH, name, problems));
        let values = object_template::check(&Value::Object(document.values.clone()));
        keep(values, format_args!("{PATH}.values"), problems);
        Some(Self {
            source: source.ok()?,
            version: version?,
            digest: digest?,
            plain_http: document.plain_http,
            credentials: credentials?,
            authority,
            values: document.values,
        })
    }

    /// The registry or the repository that it comes from.
    pub fn origin(&self) -> &ChartOrigin {
        self.source.origin()
    }

    /// What Helm calls it: an address in a registry, or a name in [`Self::repository`].
    pub fn reference(&self) -> &str {
        self.source.reference()
    }

    /// The address of the repository, unless it lies in a registry.
    pub fn repository(&self) -> Option<&str> {
        self.source.repository()
    }

    /// What it is given for one claim.
    ///
    /// # Errors
    /// What does not fit what the claim brings.
    pub fn inputs(&self, inputs: &Inputs) -> Result<ChartInputs, Misfit> {
        let misfit = |message: String| Misfit { part: format!("{PATH}.values"), message };
        let values = Renderer::new(inputs).render(&Value::Object(self.values.clone())).map_err(misfit)?;
        // A chart may encode it, hash it or put it where everybody reads.
        no_mark("values", &values, &inputs.marks).map_err(misfit)?;
        if values.to_string().len() > MOST_BYTES {
            return Err(misfit(format!("are too large: {MOST_BYTES} bytes at most")));
        }
        let release = inputs.plain.get("claim").and_then(|claim| claim.get("shortName")?.as_str());
        let release: ObjectName = release.unwrap_or_default().parse().map_err(misfit)?;
        Ok(ChartInputs { release: release.to_string(), namespace: inputs.namespace.clone(), values })
    }

    /// `beside` with the objects in `text`, which Helm has made of the chart whose Chart.yaml is `about`, and at the end
    /// the record of the release.
    ///
    /// # Errors
    /// The first object that cannot be.
    pub fn objects(
        &self,
        given: &ChartInputs,
        text: &str,
        about: &str,
        inputs: &Inputs,
        beside: Rendered,
    ) -> Result<Rendered, Misfit> {
        let made = objects::read(text, &given.release, inputs)?;
        let misfit = |message| Misfit { part: PATH.to_owned(), message };
        let ids = |id: &String| {
            beside.reads.contains_key(id) || beside.manifests.iter().any(|other| other.id == *id)
        };
        if let Some(twice) = made.iter().find(|manifest| ids(&manifest.id)) {
            let message =
                format!("`{}` is also the id of a manifest or of what is read: rename that", twice.id);
            return Err(misfit(message));
        }
        let record = release::record(given, about, &made).map_err(misfit)?;
        let mut all = beside;
        all.manifests.extend(made);
        check(&all).map_err(misfit)?;
        all.manifests.push(record);
        Ok(all)
    }
}

fn credentials(document: NameDocument, is_repository: bool) -> Result<String, String> {
    if is_repository {
        return Err("is for a registry, `chart: oci://…`: a repository is not asked with credentials".into());
    }
    if document.key.is_some() {
        return Err("has no key: it is a Secret of the type kubernetes.io/dockerconfigjson".into());
    }
    document.name.parse::<ObjectName>().map(|name| name.to_string())
}

impl Declaration {
    /// The chart that makes objects, if one does.
    pub fn helm(&self) -> Option<&HelmChart> {
        self.helm.as_ref()
    }
}

/// What messages call an object.
fn named(manifest: &Manifest) -> String {
    format!("{}/{}", manifest.place.kind.kind(), manifest.place.name)
}

#[cfg(test)]
#[path = "helm/tests.rs"]
mod tests;
