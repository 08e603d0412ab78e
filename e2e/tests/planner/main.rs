//! The pod-set planner on a real scheduler, on a cluster on which `make demo-planner` has installed it.

mod change;
mod crash;
mod examples;
mod extender;
mod external;
mod guide;
mod held;
mod hold_all;
mod nodes;
mod quiet;
mod release;
mod reserve;
mod room;
mod scale;
