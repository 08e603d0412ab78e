//! What every Score provisioner shares: who a [`Claim`] is, whose an object is ([`standing`], [`Marks`]), what a claim is
//! [answered](Answer), when to look again ([`Retries`]), what a deletion waits for ([`Finalizer`]), what it leaves
//! ([`release()`]), what claims that are gone have left behind ([`Leftovers`]), and the loop around all of it
//! ([`ClaimLoop`]).
//!
//! It knows nothing of what is provided.

mod answer;
mod claim;
mod claim_loop;
mod finalizer;
mod leftovers;
mod marks;
mod ownership;
mod pass;
mod release;
mod retries;
mod secrets;
mod sightings;
mod turns;
mod update_status;

pub use answer::{Answer, Outputs, Retry};
pub use claim::{Claim, Incomplete, newest};
pub use claim_loop::{ClaimLoop, ClaimLoopError, Provide};
pub use finalizer::{ANNOTATION_ABANDON, Finalizer, FinalizerError, Parting};
pub use leftovers::{Identity, Leftovers, LeftoversError, Possession, Possessions};
pub use marks::{Marks, guarded};
pub use ownership::{
    ANNOTATION_CLAIM, ANNOTATION_CLAIM_UID, ANNOTATION_POLICY, IN_USE, LABEL_CLASS, LABEL_STATE, LABEL_TYPE,
    Standing, claim_of, left_state, policy_name, standing,
};
pub use pass::{Pass, PassError, Stop};
pub use release::{Released, release};
pub use retries::{Retries, growing_pause};
pub use secrets::{AllowedSecrets, Given, SecretError, Secrets, Written, lacking, text};
pub use sightings::Sightings;
pub use update_status::{UpdateStatusError, status, update_status};
