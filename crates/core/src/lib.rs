//! What everything else speaks. Rooms in the order of the street: a room imports only rooms above it (ARCHITECTURE.md).

pub mod error;
pub mod faults;
pub mod redact;
pub mod schema;
pub mod spec;
pub mod guard;
pub mod resilience;

/// For an `async fn` that other crates call: its body is compiled where it stands, not again where it is awaited.
pub use async_recursion::async_recursion as boxed;
