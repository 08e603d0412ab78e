//! Resources that lie behind an API of the platform's.
//!
//! A pass writes down what it is going to ask for ([`state`]), holds a claim that is to remove it, asks for it, writes
//! down what was made, passes on what has changed since ([`update`]), looks at it and answers. Every request is bounded
//! ([`http`]), and every reply judged ([`reply`]). What lies behind an API tells nobody when it changes, so it is looked at
//! now and then.

mod case;
mod http;
mod keep;
mod leave;
mod pauses;
mod reply;
mod state;
mod update;
mod whereabouts;
mod wish;

use std::collections::{BTreeMap, BTreeSet};

use api_types::{ResourceClaim, SecretKeyRef};
use controller_kit::Cache;
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::Client;
use provisioner_kit::{
    AllowedSecrets, Answer, Claim, Finalizer, Given, Pass, PassError, Retry, Secrets, Stop, text,
};
use resource_template::{ExternalApi, Origin, Part, Request, Step};
use serde_json::Value;

use self::{
    http::Http,
    pauses::Pauses,
    reply::{Trouble, judge},
    state::State,
    wish::Wish,
};
use crate::{
    NAME,
    conclude::kept,
    declare::{Declared, wrong},
    generate::Values,
    record,
};

pub use self::state::is_of_api;

/// Stands on a claim whose resource behind an API is to be removed with it.
pub const FINALIZER: Finalizer = Finalizer { name: "score.dev/external-api", manager: NAME };

/// What is needed to work with APIs.
#[derive(Clone, Debug, Default)]
pub struct Apis {
    /// Those that declarations may use; requests go nowhere else.
    pub origins: BTreeSet<Origin>,
    /// Their credentials and authorities.
    pub secrets: AllowedSecrets,
}

/// Provides resources behind APIs.
pub struct OnApi {
    client: Client,
    claims: Cache<ResourceClaim>,
    secrets: Secrets,
    apis: Apis,
    http: Http,
    pauses: Pauses,
}

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What<'a> {
    /// To make or to change something, once for this key.
    Do(&'a str),
    /// To look at it.
    Look,
    /// To remove it; nobody needs the answer.
    Remove,
}

/// Why a pass ends early.
enum End {
    /// What was there is gone, and so is what it gave.
    Gone(Box<Answer>),
    /// Otherwise.
    Stopped(Stop),
}

impl From<Stop> for End {
    fn from(stop: Stop) -> Self {
        Self::Stopped(stop)
    }
}

/// A claim, what it asks for, and what the platform gives to get it.
struct Case<'a> {
    object: &'a ResourceClaim,
    claim: Claim,
    declared: &'a Declared,
    api: &'a ExternalApi,
    credentials: BTreeMap<String, ByteString>,
    authority: Option<Vec<u8>>,
}

impl OnApi {
    /// Works with `apis` alone.
    pub fn new(client: Client, claims: Cache<ResourceClaim>, apis: Apis) -> Self {
        let secrets = Secrets::new(client.clone(), NAME);
        Self { client, claims, secrets, apis, http: Http::default(), pauses: Pauses::default() }
    }

    /// Makes what is `declared` behind `api`, as far as it is not there yet, and says how far it is.
    ///
    /// # Errors
    /// If the API server does not answer as it should; whatever the other API does is an answer.
    pub async fn provide(
        &self,
        object: &ResourceClaim,
        declared: &Declared,
        api: &ExternalApi,
    ) -> Result<Pass, PassError> {
        Pass::ended(match self.pass(object, declared, api).await {
            Ok(answer) => Ok(kept(object, answer)),
            Err(End::Gone(answer)) => Ok(*answer),
            Err(End::Stopped(stop)) => Err(stop.map(|answer| kept(object, answer))),
        })
    }

    async fn pass(
        &self,
        object: &ResourceClaim,
        declared: &Declared,
        api: &ExternalApi,
    ) -> Result<Answer, End> {
        if let Some(pause) = self.pauses.left(object) {
            return Err(Stop::Wait(Retry::After(pause)).into());
        }
        let case = self.case(object, declared, api).await?;
        let create = case.request(&Step::Create)?;
        let wish = self.wish(&case).await?;
        let (mut secret, mut state) = self.keep(&case, &create, wish.as_ref()).await?;
        if state.id.is_none() {
            (secret, state) = self.create(&case, &create, wish.as_ref(), secret, state).await?;
        }
        self.point_to(&case, &state).await?;
        if let Some(wish) = &wish {
            (secret, state) = self.update(&case, &create, wish, secret, state).await?;
        }
        let differs = state.differs(&create.asked, wish.as_ref());
        self.look(&case, differs, secret, state).await
    }

    async fn case<'a>(
        &self,
        object: &'a ResourceClaim,
        declared: &'a Declared,
        api: &'a ExternalApi,
    ) -> Result<Case<'a>, Stop> {
        let claim = Claim::try_from(object)?;
        if !self.apis.origins.contains(api.origin()) {
            let why = format!(
                "`{}` is not among the APIs that the provisioner's chart value `externalApi.origins` allows",
                api.origin()
            );
            return Err(wrong(object, &why).into());
        }
        let mut credentials = BTreeMap::new();
        if let Some(name) = &api.credentials {
            let secret = self.given(object, name).await?;
            let keys = secret.data.iter().flatten().map(|(key, _)| key);
            let lines =
                keys.filter_map(|key| Some((key.clone(), ByteString(text(&secret, key)?.into_bytes()))));
            credentials = lines.collect();
        }
        let authority = match &api.authority {
            None => None,
            Some(authority) => {
                let secret = self.given(object, &authority.secret).await?;
                let lacks = || self.lacks(object, &authority.secret, &authority.key);
                Some(text(&secret, &authority.key).ok_or_else(lacks)?.into_bytes())
            }
        };
        Ok(Case { object, claim, declared, api, credentials, authority })
    }

    /// A Secret of the platform. Nothing tells when it has been put right.
    async fn given(&self, object: &ResourceClaim, name: &str) -> Result<Secret, Stop> {
        let why = match self.secrets.given(&self.apis.secrets, name).await? {
            Given::Secret(secret) => return Ok(*secret),
            Given::Missing => format!(
                "`{name}`, which the declaration names, does not exist in the namespace `{}`",
                self.apis.secrets.namespace
            ),
            Given::Forbidden => format!(
                "the provisioner may not read `{name}`: it has to be named in its chart value `externalApi.secrets`"
            ),
        };
        Err(wrong(object, &why).retry(Retry::Rarely).into())
    }

    fn lacks(&self, object: &ResourceClaim, name: &str, key: &str) -> Answer {
        let why = format!("`{name}` in the namespace `{}` has no `{key}`", self.apis.secrets.namespace);
        wrong(object, &why).retry(Retry::Rarely)
    }

    /// Sends `request`, which is to do `what`, and gives the status and the JSON of a success.
    async fn send(
        &self,
        case: &Case<'_>,
        request: &Request,
        values: &Values,
        what: What<'_>,
    ) -> Result<(u16, Value), Trouble> {
        let call = case.call(request, values, what)?;
        let reply = self.http.send(case.api.origin(), case.authority.as_deref(), call).await?;
        let result = judge(&reply, what != What::Remove, &values.all());
        if let Err(Trouble::Later { after: Some(pause), .. }) = &result {
            self.pauses.set(case.object, *pause);
        }
        if let Err(trouble) = &result {
            tracing::info!(origin = %case.api.origin(), status = reply.status, ?trouble, "an API did not do it");
        }
        result
    }

    /// What `requests` need that is not in them.
    async fn values(&self, case: &Case<'_>, secret: &Secret, requests: &[&Request]) -> Result<Values, Stop> {
        let parts = || requests.iter().flat_map(|request| request.parts());
        let values = Values {
            generated: record::values(secret),
            credentials: case.credentials.clone(),
            copied: self.copied(case, requests).await?,
        };
        for part in parts() {
            if let (Part::Credential(key), None) = (part, case.credential(part)) {
                let name = case.api.credentials.as_deref().unwrap_or("(no secretRef)");
                return Err(self.lacks(case.object, name, key).into());
            }
        }
        Ok(values)
    }

    /// The secrets of other resources that `requests` need.
    async fn copied(
        &self,
        case: &Case<'_>,
        requests: &[&Request],
    ) -> Result<BTreeMap<SecretKeyRef, ByteString>, Stop> {
        let mut copied = BTreeMap::new();
        let parts = requests.iter().flat_map(|request| request.parts());
        let references = parts.filter_map(|part| match part {
            Part::Copied(reference) => Some(reference),
            _ => None,
        });
        for SecretKeyRef { name, key } in references {
            let found = self.secrets.own(&case.claim.namespace, name).await?.and_then(|secret| secret.data);
            let Some(value) = found.and_then(|mut data| data.remove(key)) else {
                let message = format!("waiting for `{key}` of `{name}`, which its params refer to");
                return Err(Answer::binding(message).retry(Retry::Soon).into());
            };
            copied.insert(SecretKeyRef { name: name.clone(), key: key.clone() }, value);
        }
        Ok(copied)
    }

    /// Asks for what `state` says is to be made, and writes down what was.
    async fn create(
        &self,
        case: &Case<'_>,
        create: &Request,
        wish: Option<&Wish>,
        secret: Secret,
        state: State,
    ) -> Result<(Secret, State), Stop> {
        let request = Request { asked: state.asked.clone(), headers: create.headers.clone() };
        let values = self.values(case, &secret, &[&request]).await?;
        match self.send(case, &request, &values, What::Do(&state.key)).await {
            Ok((_, answer)) => self.made(case, &secret, state, answer).await,
            Err(Trouble::Refused(_)) if state.asked != create.asked => {
                // It is certain now that there is nothing by the former question.
                let state = case.intended(create, wish);
                self.write(case, secret, &state).await?;
                Err(Stop::Wait(Retry::Soon))
            }
            Err(trouble) => Err(case.stop(&trouble)),
        }
    }

    async fn made(
        &self,
        case: &Case<'_>,
        secret: &Secret,
        mut state: State,
        mut answer: Value,
    ) -> Result<(Secret, State), Stop> {
        case.take_secrets(&mut answer, &mut state);
        let id = case.api.id(&case.declared.inputs, answer);
        let id = id.map_err(|why| wrong(case.object, &why.message).retry(Retry::Rarely))?;
        tracing::info!(id, origin = %case.api.origin(), "a resource was made");
        state.id = Some(id);
        let secret = self.write(case, secret.clone(), &state).await?;
        Ok((secret, state))
    }

    /// What the API says of what was made.
    async fn read(
        &self,
        case: &Case<'_>,
        secret: &Secret,
        state: &State,
    ) -> Result<Result<Value, Trouble>, Stop> {
        let read = case.request(&Step::Read(state.id.clone().unwrap_or_default()))?;
        let values = self.values(case, secret, &[&read]).await?;
        Ok(self.send(case, &read, &values, What::Look).await.map(|(_, answer)| answer))
    }

    /// Looks at what was made, and says what became of it; it `differs` if that is not all that is asked for.
    async fn look(
        &self,
        case: &Case<'_>,
        differs: bool,
        secret: Secret,
        mut state: State,
    ) -> Result<Answer, End> {
        let mut answer = match self.read(case, &secret, &state).await? {
            Ok(answer) => answer,
            Err(Trouble::Gone) => return Err(case.gone(state.provisioned)),
            Err(trouble) => return Err(case.stop(&trouble).into()),
        };
        case.take_secrets(&mut answer, &mut state);
        state.provisioned = true;
        let secret = self.write(case, secret, &state).await?;
        Ok(case.conclude(answer, &secret, &state, differs))
    }
}
