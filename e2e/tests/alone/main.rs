//! What needs the cluster for itself: it counts all writes, kills controllers, reconfigures or searches everything.

mod chaos;
mod platform;
mod quiet;
mod secrets;
mod server_load;
mod walkthrough;
