//! One claim for what lies behind an API: what is asked for it, and what the answers come to. Pure.

use api_types::{ClaimPhase, SecretKeyRef};
use k8s_openapi::{ByteString, api::core::v1::Secret};
use provisioner_kit::{Answer, Retry, Stop};
use resource_template::{Asked, Live, Part, Request, Scope, Step, generated_name};
use serde_json::Value;

use super::{
    Case, End, What,
    http::Call,
    reply::{Trouble, words},
    state::{State, output_key},
};
use crate::{
    conclude::{Assessed, Watched, conclude},
    declare::wrong,
    generate::Values,
    lookup::{References, Referred},
};

impl Case<'_> {
    pub(super) fn request(&self, step: &Step) -> Result<Request, Stop> {
        let request = self.api.request(step, &self.declared.inputs);
        request.map_err(|misfit| wrong(self.object, &misfit.to_string()).into())
    }

    pub(super) fn credential(&self, part: &Part) -> Option<&ByteString> {
        match part {
            Part::Credential(key) => self.credentials.get(key),
            _ => None,
        }
    }

    pub(super) fn call(&self, request: &Request, values: &Values, what: What<'_>) -> Result<Call, Trouble> {
        let text = |parts: &[Part]| values.join(parts).and_then(|value| String::from_utf8(value.0).ok());
        let no_text =
            || Trouble::Closed("a credential that has to be sent is missing or is not text".to_owned());
        let Asked { method, url, body } = &request.asked;
        let mut headers = Vec::new();
        for (name, parts) in &request.headers {
            headers.push((name.clone(), text(parts).ok_or_else(no_text)?));
        }
        if let What::Do(key) = what {
            headers.push(("idempotency-key".to_owned(), key.to_owned()));
        }
        let body = body.as_ref().map(|body| body.open(&text).ok_or_else(no_text)).transpose()?;
        Ok(Call { method: method.as_str(), url: url.clone(), headers, body, timeout: self.api.timeout })
    }

    /// Takes the secrets out of `answer`, into `state`. One of which the first is kept stays there as it is.
    pub(super) fn take_secrets(&self, answer: &mut Value, state: &mut State) {
        let declaration = &self.declared.declaration;
        for (name, value) in declaration.take_secrets(answer) {
            let is_held = state.outputs.get(&name).is_some_and(|held| !held.0.is_empty());
            if !(is_held && declaration.keeps_first(&name)) {
                state.outputs.insert(name, ByteString(value.into_bytes()));
            }
        }
    }

    /// What follows from `trouble`. Who only has to let others go first has nothing to say.
    pub(super) fn stop(&self, trouble: &Trouble) -> Stop {
        match words(trouble, self.api.origin(), &self.claim.key) {
            Some(answer) => answer.into(),
            None => Stop::Wait(Retry::Busy),
        }
    }

    /// What follows if the API does not have it, though it was there once or was asked for.
    pub(super) fn gone(&self, was_there: bool) -> End {
        let origin = self.api.origin();
        if !was_there {
            let answer = Answer::binding(format!(
                "`{origin}` accepted the request but does not show the resource yet; this is tried again"
            ));
            return Stop::from(answer.retry(Retry::Soon)).into();
        }
        let answer = Answer::failed(format!(
            "what was made for it is no longer at `{origin}`, and an empty one in its place would hide that: ask your \
             platform team to restore it, or to delete this claim so that a new one is made"
        ));
        End::Gone(Box::new(answer.retry(Retry::Rarely)))
    }

    /// What the `answer`, from which the secrets were taken, comes to.
    pub(super) fn conclude(&self, answer: Value, secret: &Secret, state: &State, differs: bool) -> Answer {
        let declaration = &self.declared.declaration;
        let scope = Scope::of(&self.declared.inputs, &Live { answer: Some(answer), ..Live::default() });
        if let Some(waits_for) = declaration.waits_for(&scope) {
            tracing::info!(waits_for, "an expression has no value yet");
        }
        match self.api.failure(&scope) {
            Ok(Some(message)) => return Answer::failed(message).retry(Retry::Checked),
            Ok(None) => {}
            Err(why) if why.yet => {}
            Err(why) => return wrong(self.object, &why.message).retry(Retry::Rarely),
        }
        let (mut resolved, mut references) = (declaration.outputs(&scope), References::default());
        let (name, uid) = (generated_name(&self.claim.name), secret.metadata.uid.clone().unwrap_or_default());
        if let Ok(resolved) = &mut resolved {
            for output in declaration.secret_outputs() {
                let reference = SecretKeyRef { name: name.clone(), key: output_key(output) };
                let value = state.outputs.get(output);
                let referred =
                    value.map_or(Referred::Absent, |value| Referred::Held(value.clone(), uid.clone()));
                references.secrets.insert(output.to_owned(), referred);
                resolved.secrets.insert(output.to_owned(), reference);
            }
        }
        let assessed = Assessed { readiness: declaration.readiness(&scope), resolved, references };
        let answer = conclude(self.object, Watched::NowAndThen, assessed);
        if differs && answer.phase == ClaimPhase::Bound {
            let message = format!(
                "ready, but what cannot be changed stays as it was first asked for: undo that change, or rename \
                 resources.{} to get a new one",
                self.claim.key
            );
            return Answer { message, ..answer };
        }
        answer
    }
}
