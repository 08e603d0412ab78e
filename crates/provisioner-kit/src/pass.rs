//! How a pass over a claim ends.

use crate::{Answer, FinalizerError, Incomplete, Retry, SecretError};

/// How a pass ends.
#[derive(Clone, Debug, PartialEq)]
pub enum Pass {
    /// With this answer.
    Answered(Answer),
    /// Without another answer, until then.
    Waits(Retry),
}

/// What fails in a pass that keeps what it knows in the claim's Secret, since what it makes lies outside of the API server.
/// Whatever happens out there is an answer, and none of these.
#[derive(Debug, thiserror::Error)]
pub enum PassError {
    /// The claim is not what an API server hands out.
    #[error("failed to read the claim")]
    Claim(#[from] Incomplete),
    /// A Secret could not be read or written.
    #[error(transparent)]
    Secrets(#[from] SecretError),
    /// The metadata of the claim could not be written.
    #[error(transparent)]
    Finalizer(#[from] FinalizerError),
    /// How far a Workload has rolled out could not be read.
    #[error("failed to read how far a workload has rolled out")]
    RollOut(#[source] kube::Error),
    /// No value can be generated without it.
    #[error("failed to get randomness from the operating system")]
    Randomness(#[from] rand::rngs::SysError),
}

/// Why such a pass ends early.
#[derive(Debug)]
pub enum Stop {
    /// With this answer.
    Answer(Box<Answer>),
    /// Without a new one, until then.
    Wait(Retry),
    /// It failed.
    Failed(PassError),
}

impl From<Answer> for Stop {
    fn from(answer: Answer) -> Self {
        Self::Answer(Box::new(answer))
    }
}

impl<E: Into<PassError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl Stop {
    /// The same with another answer, if it is one.
    #[must_use]
    pub fn map(self, change: impl FnOnce(Answer) -> Answer) -> Self {
        match self {
            Self::Answer(answer) => change(*answer).into(),
            other => other,
        }
    }
}

impl Pass {
    /// What a pass came to that ran to its end or stopped before.
    ///
    /// # Errors
    /// If it failed.
    pub fn ended(result: Result<Answer, Stop>) -> Result<Self, PassError> {
        match result {
            Ok(answer) => Ok(Self::Answered(answer)),
            Err(Stop::Answer(answer)) => Ok(Self::Answered(*answer)),
            Err(Stop::Wait(retry)) => Ok(Self::Waits(retry)),
            Err(Stop::Failed(error)) => Err(error),
        }
    }
}
