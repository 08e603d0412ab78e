//! Why a run can fail.

use std::io;
use std::path::PathBuf;

/// The run itself failed; how fast something was is never an error.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    /// The API server refused or did not answer.
    #[error("could not {action}: {source}")]
    Api {
        /// What was tried.
        action: String,
        /// Why it failed.
        source: Box<kube::Error>,
    },
    /// A file could not be read or written.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// What was written does not show up in the audit log.
    #[error("a request did not show up in {path} within {seconds} s: is that the audit log of this cluster's API server, with every write at level Metadata?", path = path.display())]
    NotAudited {
        /// The audit log.
        path: PathBuf,
        /// How long was waited.
        seconds: u64,
    },
    /// The audit log began anew, so that writes cannot be counted.
    #[error("{path} was rotated during the run: raise --audit-log-maxsize of the API server or lower --count", path = path.display())]
    Rotated {
        /// The audit log.
        path: PathBuf,
    },
    /// Something did not happen in time.
    #[error("{what} in {seconds} s; {hint}")]
    Timeout {
        /// What did not happen.
        what: String,
        /// How long was waited.
        seconds: u64,
        /// What to look at.
        hint: String,
    },
    /// An object does not look as this program needs it.
    #[error("{0}")]
    Shape(String),
    /// A controller ended.
    #[error("the controller {name} does not run (process {pid}): see its log")]
    Ended {
        /// The controller.
        name: String,
        /// The process that is gone.
        pid: u32,
    },
}

impl BenchError {
    /// For `map_err` on API calls; `action` completes "could not …".
    pub(crate) fn api(action: impl Into<String>) -> impl FnOnce(kube::Error) -> Self {
        move |source| Self::Api { action: action.into(), source: Box::new(source) }
    }
}
