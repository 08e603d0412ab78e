//! A resource that lies behind an API: what to ask it for, and what its answers mean.
//!
//! Where the API is stands in the declaration and nowhere else. What a Workload brings is data in a request: encoded in
//! the path and the query, a JSON value in the body, and no credential is ever seen by a template.

mod lasting;
mod origin;
mod request;
mod sealed;

use std::{collections::BTreeMap, time::Duration};

use object_template::{ObjectName, shortened};
use serde::Deserialize;
use serde_json::{Value, json};

use self::{
    lasting::Lasting,
    origin::Base,
    request::{RequestTemplate, common_headers},
};
use crate::{
    declaration::{Declaration, Problem, expression, keep},
    expression::{Expression, Unresolved},
    inputs::Inputs,
    manifests::Misfit,
    outputs::{OutputSource, valid_key},
    readiness::{Condition, Readiness, readiness},
    scope::{Live, Scope},
};

pub use self::{
    origin::Origin,
    request::{Asked, Method, Request},
    sealed::Sealed,
};

/// What a declaration says of an API.
#[derive(Clone, Debug, PartialEq)]
pub struct ExternalApi {
    base: Base,
    /// The platform's Secret with what [`Part::Credential`](crate::Part::Credential) stands for.
    pub credentials: Option<String>,
    /// The authority that vouches for the API, besides those of the system.
    pub authority: Option<Authority>,
    /// How long one request may take.
    pub timeout: Duration,
    headers: BTreeMap<String, String>,
    create: RequestTemplate,
    read: RequestTemplate,
    update: Option<RequestTemplate>,
    lasting: Lasting,
    delete: RequestTemplate,
    id: Expression,
    failed_when: Vec<Condition>,
}

/// A key of a Secret of the platform that holds certificates as PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// The Secret's name.
    pub secret: String,
    /// The key.
    pub key: String,
}

/// Which request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// That makes the resource.
    Create,
    /// That looks at the resource with this id.
    Read(String),
    /// That makes the resource with this id what the claim says by now; not every declaration has one.
    Update(String),
    /// That removes the resource with this id.
    Delete(String),
}

const SECONDS: std::ops::RangeInclusive<u64> = 1..=60;
const USUAL_SECONDS: u64 = 10;
/// The longest id of a resource, in bytes.
const LONGEST_ID: usize = 512;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Document {
    url: String,
    #[serde(default)]
    plain_http: bool,
    secret_ref: Option<NameDocument>,
    ca_secret_ref: Option<NameDocument>,
    timeout_seconds: Option<u64>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    create: Option<Value>,
    read: Option<Value>,
    update: Option<Value>,
    delete: Option<Value>,
    id: Option<Value>,
    failed_when: Option<Value>,
}

/// A reference to a Secret of the platform.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NameDocument {
    pub(crate) name: String,
    pub(crate) key: Option<String>,
}

const PATH: &str = "externalApi";

impl ExternalApi {
    pub(crate) fn read(value: &Value, problems: &mut Vec<Problem>) -> Option<Self> {
        let document = keep(Document::deserialize(value), PATH, problems)?;
        let base = keep(Base::read(&document.url, document.plain_http), format_args!("{PATH}.url"), problems);
        let seconds = document.timeout_seconds.unwrap_or(USUAL_SECONDS);
        if !SECONDS.contains(&seconds) {
            let (least, most) = (SECONDS.start(), SECONDS.end());
            let message = format_args!("must be {least} to {most}");
            problems.push(Problem::new(format_args!("{PATH}.timeoutSeconds"), message));
        }
        let credentials = document.secret_ref.and_then(|name| credentials(name, problems));
        let authority = document.ca_secret_ref.and_then(|name| authority(PATH, name, problems));
        let headers = common_headers(document.headers, &format!("{PATH}.headers"), problems);
        let mut request = |value: Option<&Value>, name: &str, usual| {
            RequestTemplate::read(value, &format!("{PATH}.{name}"), usual, problems)
        };
        let create = request(document.create.as_ref(), "create", Method::Post);
        let read = request(document.read.as_ref(), "read", Method::Get);
        let update = document.update.as_ref();
        let update = update.and_then(|update| request(Some(update), "update", Method::Patch));
        let delete = request(document.delete.as_ref(), "delete", Method::Delete);
        let id = document.id.unwrap_or_else(|| "answer.id".into());
        let id = expression(&id, format_args!("{PATH}.id"), problems);
        let failed_when =
            Condition::read_all("externalApi.failedWhen", document.failed_when.as_ref(), problems);
        let create = create?;
        let lasting = keep(Lasting::of(&create, update.as_ref()), format_args!("{PATH}.update"), problems);
        Some(Self {
            base: base?,
            credentials,
            authority,
            timeout: Duration::from_secs(seconds),
            headers,
            create,
            read: read?,
            update,
            lasting: lasting?,
            delete: delete?,
            id: id?,
            failed_when,
        })
    }

    /// Where it is.
    pub fn origin(&self) -> &Origin {
        self.base.origin()
    }

    /// The address that all requests begin with: the origin and a path, in one form, without a slash at the end.
    pub fn address(&self) -> &str {
        self.base.address()
    }

    /// Whether there is a request by which what was made can be changed.
    pub fn can_update(&self) -> bool {
        self.update.is_some()
    }

    /// What a resource keeps for as long as it is there, by the names that templates have for it: what `create` names and
    /// `update` does not. Nothing if there is no `update`.
    pub fn lasting(&self, inputs: &Inputs) -> BTreeMap<String, Value> {
        self.lasting.values(inputs)
    }

    /// The request of `step` for one claim.
    ///
    /// # Errors
    /// What does not fit what the claim brings, or that there is no such request.
    pub fn request(&self, step: &Step, inputs: &Inputs) -> Result<Request, Misfit> {
        let at = |id: &str| inputs.with_remote(json!({"id": id}));
        let (name, template, inputs) = match step {
            Step::Create => ("create", Some(&self.create), inputs.clone()),
            Step::Read(id) => ("read", Some(&self.read), at(id)),
            Step::Update(id) => ("update", self.update.as_ref(), at(id)),
            Step::Delete(id) => ("delete", Some(&self.delete), at(id)),
        };
        let misfit = |message: String| Misfit { part: format!("{PATH}.{name}"), message };
        let template = template.ok_or_else(|| misfit("is not declared".to_owned()))?;
        template.render(&self.base, &self.headers, &inputs).map_err(misfit)
    }

    /// The id of what was made, which the `answer` to its creation gives.
    ///
    /// # Errors
    /// If it gives none.
    pub fn id(&self, inputs: &Inputs, answer: Value) -> Result<String, Unresolved> {
        let scope = Scope::of(inputs, &Live { answer: Some(answer), ..Live::default() });
        let wrong = |why: &str| Unresolved { message: format!("{PATH}.id: {why}"), yet: false };
        let id = match self.id.value(&scope).map_err(|why| wrong(&why.message))? {
            Value::String(text) => text,
            Value::Number(number) if number.is_i64() || number.is_u64() => number.to_string(),
            _ => return Err(wrong("is neither a text nor a whole number")),
        };
        if id.is_empty() || id.len() > LONGEST_ID || id.chars().any(char::is_control) {
            return Err(wrong(&format!("`{}` is not a valid id", shortened(&id))));
        }
        Ok(id)
    }

    /// Why what was made is not going to be usable, if that is so.
    ///
    /// # Errors
    /// The first condition that neither holds nor does not.
    pub fn failure(&self, scope: &Scope) -> Result<Option<String>, Unresolved> {
        for (at, condition) in self.failed_when.iter().enumerate() {
            let one = std::slice::from_ref(condition);
            match readiness("externalApi.failedWhen", one, scope) {
                Ok(Readiness::Ready) => {
                    let message =
                        condition.message().map_or_else(|| "it has failed".to_owned(), str::to_owned);
                    return Ok(Some(message));
                }
                Ok(Readiness::NotYet(_)) => {}
                Err(why) => {
                    let message = why.message.replacen("[0]", &format!("[{at}]"), 1);
                    return Err(Unresolved { message, ..why });
                }
            }
        }
        Ok(None)
    }
}

fn credentials(document: NameDocument, problems: &mut Vec<Problem>) -> Option<String> {
    let path = format!("{PATH}.secretRef");
    if document.key.is_some() {
        problems.push(Problem::new(&path, "has no key: name one in a template, `{{ credential('key') }}`"));
    }
    let name: ObjectName = keep(document.name.parse(), format_args!("{path}.name"), problems)?;
    Some(name.to_string())
}

/// The authority in the field `caSecretRef` of what is at `path`.
pub(crate) fn authority(
    path: &str,
    document: NameDocument,
    problems: &mut Vec<Problem>,
) -> Option<Authority> {
    let path = format!("{path}.caSecretRef");
    let key = document.key.unwrap_or_else(|| "ca.crt".to_owned());
    keep(valid_key(&key), format_args!("{path}.key"), problems)?;
    let name: ObjectName = keep(document.name.parse(), format_args!("{path}.name"), problems)?;
    Some(Authority { secret: name.to_string(), key })
}

impl Declaration {
    /// The API that provides the resource, if one does.
    pub fn external_api(&self) -> Option<&ExternalApi> {
        self.external_api.as_ref()
    }

    /// Where in an answer the secret outputs stand, by output, as JSON pointers (RFC 6901).
    fn secret_places(&self) -> impl Iterator<Item = (&str, &str)> {
        self.outputs.iter().filter_map(|(name, source)| match source {
            OutputSource::Answered { pointer, .. } => Some((name.as_str(), pointer.as_str())),
            _ => None,
        })
    }

    /// The names of the outputs that are secrets in an answer.
    pub fn secret_outputs(&self) -> impl Iterator<Item = &str> {
        self.secret_places().map(|(name, _)| name)
    }

    /// Whether of the secret output `name` the first is kept, whatever later answers have in its place.
    pub fn keeps_first(&self, name: &str) -> bool {
        matches!(self.outputs.get(name), Some(OutputSource::Answered { first: true, .. }))
    }

    /// Takes the secret outputs out of `answer`, as far as they are in it. What is left of it expressions may see.
    pub fn take_secrets(&self, answer: &mut Value) -> BTreeMap<String, String> {
        let mut secrets = BTreeMap::new();
        for (name, pointer) in self.secret_places() {
            let text = match answer.pointer(pointer) {
                None | Some(Value::Null) => continue,
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
            };
            if !text.is_empty() {
                secrets.insert(name.to_owned(), text);
            }
        }
        // Afterwards, since one may stand within another.
        for (_, pointer) in self.secret_places() {
            if let Some(place) = answer.pointer_mut(pointer) {
                *place = Value::Null;
            }
        }
        secrets
    }
}
