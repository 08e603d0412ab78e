//! What may happen at the same time: each test looks at its own namespace alone, and what the platform offers to it does
//! not concern the others.

mod admission;
mod bad_input;
mod charts;
mod external;
mod failures;
mod fields;
mod golden_path;
mod kinds;
mod leaving;
mod platform;
mod postgres;
mod probes;
mod random;
mod rights;
mod search;
mod servers;
mod sharing;
mod types;
mod ways_in;
