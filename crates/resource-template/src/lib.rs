//! Resource types that a platform declares in YAML, without code. Pure: what there is comes in as values, and what is
//! to be done goes out as values.
//!
//! A [`Declaration`] is read from what a claim's class says. [`Declaration::render`] makes the objects of one claim of
//! it, [`HelmChart::objects`] those of a chart, and [`ExternalApi::request`] the requests; once these stand or are
//! answered, [`Declaration::readiness`] and [`Declaration::outputs`] judge what is there.
//!
//! What a Workload brings is data wherever it goes: templates and expressions are parsed before it is known, and it is
//! never parsed with them. No template or expression ever holds what is secret: there it is a mark in a text, or a reference,
//! and out of an answer it is taken before an expression sees that.

mod declaration;
mod expression;
mod external;
mod helm;
mod hidden;
mod inputs;
mod manifest;
mod manifests;
mod outputs;
mod readiness;
mod render;
mod scope;

pub use declaration::{Declaration, Problem, check};
pub use expression::Unresolved;
pub use external::{Asked, Authority, ExternalApi, Method, Origin, Request, Sealed, Step};
pub use helm::{ChartInputs, ChartOrigin, HelmChart};
pub use hidden::{Generated, Part};
pub use inputs::{Inputs, InputsError, generated_name};
pub use manifest::Manifest;
pub use manifests::{Misfit, Rendered};
pub use object_template::{ObjectKind, ObjectKindError, ObjectName, Place, shortened_to};
pub use outputs::Outputs;
pub use readiness::Readiness;
pub use scope::{Live, Scope, visible};
