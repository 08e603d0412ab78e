//! The platform side from outside: documents in, decisions out.

#![allow(clippy::unwrap_used, clippy::panic)]

mod annotations;
mod config;
mod policy;
mod provision;
mod selection;
mod support;
