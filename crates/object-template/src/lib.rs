//! Templates of objects, as a platform team writes them for the Kubernetes runtime and for resource types: which [kinds]
//! they may make and what objects are called ([`ObjectKind`], [`ObjectName`], [`Place`]), and how what is known is filled
//! into their strings ([`Renderer`]).
//!
//! What is filled in, and what else an object may not decide, is for those who use it.
//!
//! [kinds]: ObjectKind

mod kind;
mod render;
mod text;

pub use kind::{ObjectKind, ObjectKindError, ObjectName, Place};
pub use render::{Renderer, check, has_template, is_text, names, write_text};
pub use text::{shortened, shortened_to};
