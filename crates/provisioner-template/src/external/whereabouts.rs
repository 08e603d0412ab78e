//! At which API something was asked for. What one calls a resource is nothing at another, or what is somebody else's.

use provisioner_kit::{Answer, Retry, Stop};
use resource_template::{Request, generated_name};

use super::{
    Case,
    state::{ANNOTATION_API, State},
    wish::Wish,
};

impl Case<'_> {
    /// Nothing but the intention to `create` what is wished.
    pub(super) fn intended(&self, create: &Request, wish: Option<&Wish>) -> State {
        State::intended(&self.claim.uid, create.asked.clone(), wish).at(self.api.address())
    }

    /// Whether the API at `address`, which was asked, is the one that the declaration names. One that was not written
    /// down is.
    ///
    /// # Errors
    /// The answer if it is not: then nobody is asked for anything.
    pub(super) fn is_at(&self, address: Option<&str>) -> Result<(), Stop> {
        match address {
            Some(address) if address != self.api.address() => Err(self.elsewhere(address).into()),
            _ => Ok(()),
        }
    }

    fn elsewhere(&self, address: &str) -> Answer {
        let (class, type_, now) = (&self.claim.class, &self.claim.type_, self.api.address());
        Answer::failed(format!(
            "it was made at `{address}`, and class `{class}` of type `{type_}` now points to `{now}`: ask your platform \
             team to point it back; or, if that is the same API, to remove the annotation {ANNOTATION_API} from `{}` and \
             from this claim",
            generated_name(&self.claim.name)
        ))
        .retry(Retry::Rarely)
    }
}
