//! What a claim is told, and when to look again.

use std::{collections::BTreeMap, time::Duration};

use api_types::{ClaimPhase, Output, Reason};

/// The answer to a claim.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// How far the claim is.
    pub phase: ClaimPhase,
    /// For users: what is, and what to do next. No runtime noun and no secret.
    pub message: String,
    /// The outputs, once they are known.
    pub outputs: Option<Outputs>,
    /// When to look again.
    pub retry: Retry,
}

/// The outputs and their revision.
#[derive(Clone, Debug, PartialEq)]
pub struct Outputs {
    /// The outputs by name.
    pub values: BTreeMap<String, Output>,
    /// The digest of all of them.
    pub revision: String,
}

/// When to look at a claim again if no watch reports anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Never: everything that could change the answer is watched.
    Never,
    /// Soon, and then ever more rarely: something that is not watched is on its way.
    Soon,
    /// In a moment: others come first.
    Busy,
    /// When this time is over, and not before: whoever is asked has said so.
    After(Duration),
    /// Every few minutes: what was made lies where no watch looks.
    Checked,
    /// Now and then: somebody has to do something where no watch looks.
    Rarely,
}

impl Answer {
    /// It cannot be provided as it stands.
    pub fn failed(message: impl Into<String>) -> Self {
        Self { phase: ClaimPhase::Failed, message: message.into(), outputs: None, retry: Retry::Never }
    }

    /// It is on its way.
    pub fn binding(message: impl Into<String>) -> Self {
        Self { phase: ClaimPhase::Binding, message: message.into(), outputs: None, retry: Retry::Never }
    }

    /// It is usable now.
    pub fn bound(message: impl Into<String>) -> Self {
        Self { phase: ClaimPhase::Bound, message: message.into(), outputs: None, retry: Retry::Never }
    }

    /// The same, with another time to look again.
    #[must_use]
    pub fn retry(self, retry: Retry) -> Self {
        Self { retry, ..self }
    }

    /// The same, with outputs.
    #[must_use]
    pub fn outputs(self, outputs: Outputs) -> Self {
        Self { outputs: Some(outputs), ..self }
    }

    /// The word for the phase in the vocabulary of conditions.
    pub fn reason(&self) -> Reason {
        match self.phase {
            ClaimPhase::Pending | ClaimPhase::Binding => Reason::BindingPending,
            ClaimPhase::Bound => Reason::Succeeded,
            ClaimPhase::Failed => Reason::BindingFailed,
        }
    }
}
