//! Step 6: the answer to a claim whose objects are made. Pure.

use std::collections::BTreeMap;

use api_types::{Output, ResourceClaim};
use provisioner_kit::{Answer, Outputs, Retry};
use resource_template::{Outputs as Resolved, Readiness, Unresolved};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::{
    declare::wrong,
    lookup::{References, Referred},
};

/// How anybody learns of a change of what was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watched {
    /// Watches tell.
    Always,
    /// Watches tell of all but Secrets, of which a release of Helm is one, and what outputs refer to: people and operators
    /// change these.
    AllButSecrets,
    /// Nor do they tell of a secret of another resource that was copied.
    AllButCopies,
    /// Watches do not tell of what the declaration only reads.
    AllButReads,
    /// Nothing tells: it is looked at.
    NowAndThen,
}

impl Watched {
    /// When to look again at what is not ready.
    fn waiting(self) -> Retry {
        match self {
            Self::Always => Retry::Never,
            // What it waits for may wait for a Secret that is gone.
            Self::AllButSecrets => Retry::Checked,
            Self::AllButCopies => Retry::Rarely,
            Self::AllButReads | Self::NowAndThen => Retry::Soon,
        }
    }

    /// When to look again at what is.
    fn bound(self) -> Retry {
        match self {
            Self::Always => Retry::Never,
            Self::AllButCopies | Self::AllButReads => Retry::Rarely,
            Self::AllButSecrets | Self::NowAndThen => Retry::Checked,
        }
    }
}

/// What is known of the resource of a claim.
pub struct Assessed {
    /// Whether they can be used.
    pub readiness: Result<Readiness, Unresolved>,
    /// What they give.
    pub resolved: Result<Resolved, Unresolved>,
    /// What that refers to.
    pub references: References,
}

/// `answer`, with what `claim` has given so far if it gives nothing itself. What was made is there, as far as anybody
/// knows, and that it was made may be known from nothing else.
pub fn kept(claim: &ResourceClaim, answer: Answer) -> Answer {
    let former = || {
        let status = claim.status.as_ref()?;
        Some(Outputs { values: status.outputs.clone(), revision: status.outputs_revision.clone()? })
    };
    let outputs = answer.outputs.or_else(former);
    Answer { outputs, ..answer }
}

/// The answer to `claim`.
pub fn conclude(claim: &ResourceClaim, watched: Watched, assessed: Assessed) -> Answer {
    let Assessed { readiness, resolved, references } = assessed;
    let waiting = |message: String| Answer::binding(message).retry(watched.waiting());
    let readiness = match readiness {
        Ok(readiness) => readiness,
        Err(unresolved) => return wrong(claim, &unresolved.message),
    };
    let outputs = match resolved {
        Ok(resolved) => outputs(claim, resolved, references),
        Err(unresolved) if unresolved.yet => Err(Missing::Yet(waiting(pending()))),
        Err(unresolved) => Err(Missing::Never(wrong(claim, &unresolved.message))),
    };
    match (readiness, outputs) {
        (_, Err(Missing::Never(answer))) => answer,
        (Readiness::NotYet(message), Ok(outputs)) => {
            waiting(message.unwrap_or_else(pending)).outputs(outputs)
        }
        (Readiness::NotYet(message), Err(Missing::Yet(_))) => waiting(message.unwrap_or_else(pending)),
        (Readiness::Ready, Err(Missing::Yet(answer))) => answer,
        (Readiness::Ready, Ok(outputs)) => Answer::bound("ready").outputs(outputs).retry(watched.bound()),
    }
}

fn pending() -> String {
    "it is being set up".to_owned()
}

/// Why there are no outputs.
enum Missing {
    Yet(Answer),
    Never(Answer),
}

fn outputs(claim: &ResourceClaim, resolved: Resolved, references: References) -> Result<Outputs, Missing> {
    let mut values: BTreeMap<String, Output> =
        resolved.values.into_iter().map(|(name, value)| (name, Output::value(value))).collect();
    let mut digest = Digest::default();
    for (name, referred) in references.config_maps {
        let (value, _) = held(claim, &name, referred)?;
        let text = String::from_utf8(value).map_err(|_| broken(claim, &name, "is not text"))?;
        values.insert(name, Output::value(text));
    }
    for (name, output) in &values {
        digest.add(name, output.value.as_ref().unwrap_or(&Value::Null).to_string().as_bytes());
    }
    for (name, reference) in resolved.secrets {
        let referred = references.secrets.get(&name).cloned().unwrap_or(Referred::Absent);
        let (value, uid) = held(claim, &name, referred)?;
        // It stands in status for everyone to read: salted, equal secrets do not show as equal digests.
        digest.add(&name, uid.as_bytes());
        digest.add(&reference.name, &value);
        values.insert(name, Output::secret(reference.name, reference.key));
    }
    Ok(Outputs { values, revision: digest.finish() })
}

fn held(claim: &ResourceClaim, name: &str, referred: Referred) -> Result<(Vec<u8>, String), Missing> {
    match referred {
        Referred::Held(value, uid) => Ok((value.0, uid)),
        // Secrets are not watched.
        Referred::Absent => Err(Missing::Yet(Answer::binding(pending()).retry(Retry::Soon))),
        Referred::Foreign => Err(broken(claim, name, "refers to an object that was not made for this claim")),
    }
}

fn broken(claim: &ResourceClaim, name: &str, why: &str) -> Missing {
    Missing::Never(wrong(claim, &format!("outputs.{name} {why}")).retry(Retry::Rarely))
}

/// A digest over all outputs: 16 hexadecimal digits.
#[derive(Default)]
struct Digest(Sha256);

impl Digest {
    fn add(&mut self, name: &str, value: &[u8]) {
        for part in [name.as_bytes(), value] {
            self.0.update(part.len().to_be_bytes());
            self.0.update(part);
        }
    }

    fn finish(self) -> String {
        self.0.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}
