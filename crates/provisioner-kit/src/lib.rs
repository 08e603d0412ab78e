//! What every Score provisioner shares: who a [`Claim`] is, whose an object is ([`standing`], [`Marks`]), what a claim is
//! [answered](Answer), when to look again ([`Retries`]), and what a deletion waits for ([`Finalizer`]).
//!
//! It knows nothing of what is provided.

mod answer;
mod claim;
mod finalizer;
mod marks;
mod ownership;
mod retries;
mod secrets;
mod update_status;

pub use answer::{Answer, Outputs, Retry};
pub use claim::{Claim, Incomplete};
pub use finalizer::{ANNOTATION_ABANDON, Finalizer, FinalizerError, Parting};
pub use marks::{Marks, guarded};
pub use ownership::{
    ANNOTATION_CLAIM, ANNOTATION_CLAIM_UID, ANNOTATION_POLICY, Standing, claim_of, policy_name, standing,
};
pub use retries::{Retries, growing_pause};
pub use secrets::{Given, SecretError, Secrets, Written, lacking, text};
pub use update_status::{UpdateStatusError, status, update_status};
