//! The door to the language that the engine lives in: user functions and the environment. `py` installs the only guest;
//! the engine names none.

use arrow::array::RecordBatch;
use std::sync::OnceLock;
use windvane_core::error::{Error, Result};

pub trait Guest: Send + Sync {
    /// Runs `package.module:function` on a batch.
    fn call(&self, object: &str, batch: RecordBatch) -> Result<RecordBatch>;

    /// A variable of the environment, as it is now.
    fn variable(&self, name: &str) -> Result<Option<String>>;
}

static GUEST: OnceLock<Box<dyn Guest>> = OnceLock::new();

/// Once a process; a second one is not heard.
pub fn install(guest: Box<dyn Guest>) {
    let _ = GUEST.set(guest);
}

fn guest() -> Result<&'static dyn Guest> {
    GUEST
        .get()
        .map(AsRef::as_ref)
        .ok_or_else(|| Error::unsupported("this build has no Python beside it").hint("Run the pipeline from Python"))
}

pub(crate) fn call(object: &str, batch: RecordBatch) -> Result<RecordBatch> {
    guest()?.call(object, batch)
}

pub(crate) fn variable(name: &str) -> Result<Option<String>> {
    guest()?.variable(name)
}
