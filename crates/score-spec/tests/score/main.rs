//! The behaviour of the Score specification, case by case. One binary, so that it links once.
#![allow(clippy::unwrap_used, clippy::panic)]

mod examples;
mod identity;
mod loader;
mod mutations;
mod order;
mod placeholders;
mod projection;
mod robustness;
mod support;
mod validation;
