//! What may happen at the same time: each test looks at its own namespace alone.

mod bad_input;
mod failures;
mod fields;
mod golden_path;
mod kinds;
mod postgres;
mod probes;
mod random;
mod sharing;
