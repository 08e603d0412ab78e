//! The planner from outside: objects in, plans out.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod checker;
mod defects;
mod generate;
mod judging;
mod offering;
mod planning;
mod predicates;
mod random;
mod support;
