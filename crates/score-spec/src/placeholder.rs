//! Placeholders such as `${resources.db.host}` (Score, "Placeholder references"), in three steps that each have their
//! own kind of failure:
//!
//! 1. [`Template::parse`] splits a text into literals and references; any text has a meaning, so it cannot fail.
//! 2. [`Template::bind`] checks the references against what the Workload declares and puts metadata in. What fails
//!    here ([`InvalidReference`]) is wrong whatever the outputs: the user must change the Workload.
//! 3. [`BoundTemplate::resolve`] puts the outputs in. What fails here ([`UnresolvedReference`]) is not there: nobody has
//!    published outputs yet ([`Why::Pending`]), or those that were published hold no such thing.
//!
//! Nothing is expanded twice: a `${…}` in a metadata value or in an output stays as it is.

mod bind;
mod parse;
mod resolve;

pub use bind::{BoundPart, BoundTemplate, InvalidReference, OutputReference, Problem, Scope};
pub use parse::{Part, Reference, Template};
pub use resolve::{Outputs, UnresolvedReference, VOLUME_OUTPUTS, Why, volume_outputs};
