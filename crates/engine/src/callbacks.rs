//! What the engine asks of the language that it lives in: user functions and the environment. The root's `function` answers;
//! the engine names none.

use arrow::array::RecordBatch;
use std::sync::OnceLock;
use windvane_core::error::{Error, Result};

pub trait Callbacks: Send + Sync {
    /// Runs `package.module:function` on a batch.
    fn call(&self, object: &str, batch: RecordBatch) -> Result<RecordBatch>;

    /// A variable of the environment, as it is now.
    fn variable(&self, name: &str) -> Result<Option<String>>;
}

static CALLBACKS: OnceLock<Box<dyn Callbacks>> = OnceLock::new();

/// Once a process; a second one is not heard.
pub fn install(callbacks: Box<dyn Callbacks>) {
    let _ = CALLBACKS.set(callbacks);
}

fn callbacks() -> Result<&'static dyn Callbacks> {
    CALLBACKS
        .get()
        .map(AsRef::as_ref)
        .ok_or_else(|| Error::unsupported("this build has no Python beside it").hint("Run the pipeline from Python"))
}

pub(crate) fn call(object: &str, batch: RecordBatch) -> Result<RecordBatch> {
    callbacks()?.call(object, batch)
}

pub(crate) fn variable(name: &str) -> Result<Option<String>> {
    callbacks()?.variable(name)
}
