//! What to make of what the API server did not do.

use super::{Error, Failing, Outcome, denied};
use crate::{
    main_object::Main,
    messages::{self, NOT_ALLOWED},
};

/// Why not everything was written.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Users are told.
    Refused(Failing),
    /// The next attempt may mend it.
    Failed(Error),
}

impl Trouble {
    /// To try again at once does not help against a refusal, and nothing that is watched may change when it would: so
    /// it is tried again slowly.
    pub(super) fn of(error: Error, built: &Main) -> Self {
        let kube::Error::Api(status) = &error.source else { return Self::Failed(error) };
        let told = messages::refusal(&status.message).map(Failing::from);
        let failing = match status.code {
            // Webhooks choose their own code.
            400 => told,
            403 => told.or_else(|| Some(denied(NOT_ALLOWED))),
            422 => told.or_else(|| Some(Failing::degraded(messages::invalid(status, built)))),
            _ => None,
        };
        failing.map_or(Self::Failed(error), |failing| Self::Refused(failing.slowly()))
    }

    /// What comes of it.
    pub(super) fn outcome(self) -> Result<Outcome, Error> {
        match self {
            Self::Refused(failing) => Ok(Outcome::Refused(failing)),
            Self::Failed(error) => Err(error),
        }
    }

    /// Both: a refusal is told, whatever else failed.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Refused(one), Self::Refused(other)) => Self::Refused(one.and(other)),
            (Self::Failed(_), Self::Refused(refused)) => Self::Refused(refused),
            (trouble, _) => trouble,
        }
    }
}

/// The main object if it and everything `beside` it were written. `built` is what was sent for it.
pub(super) fn settle<const N: usize>(
    main: Result<Main, Error>,
    beside: [Result<(), Error>; N],
    built: &Main,
) -> Result<Main, Trouble> {
    let main = main.map_err(|error| Trouble::of(error, built));
    beside.into_iter().filter_map(Result::err).fold(main, |settled, error| {
        let trouble = Trouble::of(error, built);
        Err(match settled {
            Ok(_) => trouble,
            Err(before) => before.and(trouble),
        })
    })
}
