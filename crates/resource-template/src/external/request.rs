//! The requests of a declaration.

use std::collections::{BTreeMap, BTreeSet};

use object_template::{has_template, names, shortened};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use strum::{EnumString, IntoStaticStr};

use super::{
    origin::Base,
    sealed::{Sealed, parts},
};
use crate::{
    declaration::{Problem, keep},
    hidden::{Generated, Part},
    inputs::Inputs,
    render::Renderer,
};

/// A template of one request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RequestTemplate {
    method: Method,
    path: String,
    query: BTreeMap<String, String>,
    headers: BTreeMap<String, String>,
    body: Option<Value>,
}

/// What a request is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, EnumString, IntoStaticStr)]
#[serde(rename_all = "UPPERCASE")]
#[strum(serialize_all = "UPPERCASE")]
pub enum Method {
    /// Look.
    Get,
    /// Make.
    Post,
    /// Make or replace.
    Put,
    /// Change.
    Patch,
    /// Remove.
    Delete,
}

impl Method {
    /// As it stands in a request.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// What is asked for. It holds no secret, so it can be kept, and sent again as it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// What to do.
    pub method: Method,
    /// Where, at the origin of the declaration.
    pub url: String,
    /// What is sent, as JSON.
    pub body: Option<Sealed>,
}

/// A request for one claim, with secrets still to be put in.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// What is asked for.
    pub asked: Asked,
    /// What goes with it, by name in small letters.
    pub headers: BTreeMap<String, Vec<Part>>,
}

impl Request {
    /// All that it holds of texts and secrets.
    pub fn parts(&self) -> impl Iterator<Item = &Part> {
        let body = self.asked.body.iter().flat_map(Sealed::parts);
        self.headers.values().flatten().chain(body)
    }

    /// All that is to be generated for it, by name.
    pub fn generated(&self) -> BTreeMap<String, usize> {
        let generated = self.parts().filter_map(|part| match part {
            Part::Generated(Generated { name, length }) => Some((name.clone(), *length)),
            _ => None,
        });
        generated.collect()
    }

    /// What is kept for an API beside generated values has a dot in its name.
    fn check(self) -> Result<Self, String> {
        match self.generated().keys().find(|name| name.contains('.')) {
            Some(name) => Err(format!("the generated value `{name}` has a dot in its name: rename it")),
            None => Ok(self),
        }
    }
}

/// The most bytes of JSON that the body of a request may have.
const MOST_BYTES: usize = 64 * 1024;
/// What belongs to the connection, or to the provisioner.
const RESERVED: [&str; 10] = [
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "idempotency-key",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Document {
    method: Option<String>,
    #[serde(default)]
    path: String,
    #[serde(default)]
    query: BTreeMap<String, String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<Value>,
}

impl RequestTemplate {
    /// The template at `path` of the declaration.
    pub(crate) fn read(
        value: Option<&Value>,
        path: &str,
        usual: Method,
        problems: &mut Vec<Problem>,
    ) -> Option<Self> {
        let Some(value) = value else {
            problems.push(Problem::new(path, "is missing: say what to send"));
            return None;
        };
        let document = keep(Document::deserialize(value), path, problems)?;
        let method = match document.method {
            None => Some(usual),
            Some(method) => {
                let known = method.parse().map_err(|_| "must be GET, POST, PUT, PATCH or DELETE");
                keep(known, format_args!("{path}.method"), problems)
            }
        };
        let texts = [("query", &document.query), ("headers", &document.headers)];
        for (field, (key, text)) in
            texts.iter().flat_map(|(field, map)| map.iter().map(move |one| (field, one)))
        {
            let place = format_args!("{path}.{field}.{key}");
            keep(object_template::check(&Value::String(text.clone())), place, problems);
        }
        keep(
            object_template::check(&Value::String(document.path.clone())),
            format_args!("{path}.path"),
            problems,
        );
        keep(plain_path(&document.path), format_args!("{path}.path"), problems);
        if let Some(body) = &document.body {
            keep(object_template::check(body), format_args!("{path}.body"), problems);
        }
        let headers = headers(document.headers, &format!("{path}.headers"), problems);
        Some(Self {
            method: method?,
            path: document.path,
            query: document.query,
            headers,
            body: document.body,
        })
    }

    /// What it reads of its inputs, as [`object_template::names`].
    pub(crate) fn names(&self) -> BTreeSet<String> {
        let texts = self.query.values().chain(self.headers.values()).chain([&self.path]);
        let texts = texts.map(|text| Value::String(text.clone()));
        texts.chain(self.body.clone()).flat_map(|template| names(&template)).collect()
    }

    /// The request for one claim, below `base` and with the headers that `all` requests have.
    ///
    /// # Errors
    /// What does not fit what the claim brings.
    pub(crate) fn render(
        &self,
        base: &Base,
        all: &BTreeMap<String, String>,
        inputs: &Inputs,
    ) -> Result<Request, String> {
        let path = Renderer::for_paths(inputs).text(&self.path).map_err(|why| format!("path: {why}"))?;
        plain_path(&path).map_err(|why| format!("path: {why}"))?;
        let renderer = Renderer::for_requests(inputs);
        let mut query = Vec::new();
        for (key, template) in &self.query {
            let text = renderer.text(template).map_err(|why| format!("query.{key}: {why}"))?;
            if inputs.marks.are_in(&text) {
                return Err(format!("query.{key}: a secret cannot stand in an address"));
            }
            query.push((key.clone(), text));
        }
        let url = base.join(&path, &query).map_err(|why| format!("path: {why}"))?;
        let mut headers = BTreeMap::new();
        for (name, template) in all.iter().chain(&self.headers) {
            let text = renderer.text(template).map_err(|why| format!("headers.{name}: {why}"))?;
            if text.chars().any(char::is_control) {
                return Err(format!("headers.{name}: has a control character"));
            }
            headers.insert(
                name.clone(),
                parts(&text, &inputs.marks).map_err(|why| format!("headers.{name}: {why}"))?,
            );
        }
        let body = self.body.as_ref().map(|body| sealed(body, &renderer, inputs)).transpose()?;
        Request { asked: Asked { method: self.method, url, body }, headers }.check()
    }
}

fn sealed(body: &Value, renderer: &Renderer<'_>, inputs: &Inputs) -> Result<Sealed, String> {
    let filled = renderer.render(body).map_err(|why| format!("body{why}"))?;
    if filled.to_string().len() > MOST_BYTES {
        return Err(format!("body: is too large: {MOST_BYTES} bytes at most"));
    }
    Sealed::of(filled, &inputs.marks).map_err(|why| format!("body{why}"))
}

/// A path as it stands in a request. What a Workload brings is encoded in it, so that all that has a meaning is the
/// declaration's.
fn plain_path(path: &str) -> Result<(), String> {
    if !path.is_empty() && !path.starts_with('/') {
        return Err(format!("`{}` must begin with a slash", shortened(path)));
    }
    if !has_template(path) && path.contains(['?', '#']) {
        return Err("has a query or a fragment: write the query under `query`".into());
    }
    Ok(())
}

fn headers(
    headers: BTreeMap<String, String>,
    path: &str,
    problems: &mut Vec<Problem>,
) -> BTreeMap<String, String> {
    let mut valid = BTreeMap::new();
    for (name, template) in headers {
        let lower = name.to_ascii_lowercase();
        let token = !lower.is_empty()
            && lower.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        if !token || RESERVED.contains(&lower.as_str()) {
            problems.push(Problem::new(format_args!("{path}.{}", shortened(&name)), "cannot be set"));
            continue;
        }
        valid.insert(lower, template);
    }
    valid
}

/// The headers that all requests have, at `path` of the declaration.
pub(crate) fn common_headers(
    given: BTreeMap<String, String>,
    path: &str,
    problems: &mut Vec<Problem>,
) -> BTreeMap<String, String> {
    for (name, template) in &given {
        keep(
            object_template::check(&Value::String(template.clone())),
            format_args!("{path}.{name}"),
            problems,
        );
    }
    headers(given, path, problems)
}
