//! The door to user functions in another language. `py` installs the only one; the engine names no guest.

use crate::error::{Error, Result};
use arrow::array::RecordBatch;
use std::sync::OnceLock;

/// Runs `package.module:function` on a batch.
pub trait Function: Send + Sync {
    fn call(&self, object: &str, batch: RecordBatch) -> Result<RecordBatch>;
}

static FUNCTION: OnceLock<Box<dyn Function>> = OnceLock::new();

/// Once a process; a second one is not heard.
pub fn install(function: Box<dyn Function>) {
    let _ = FUNCTION.set(function);
}

pub(crate) fn call(object: &str, batch: RecordBatch) -> Result<RecordBatch> {
    let function = FUNCTION.get().ok_or_else(|| {
        Error::unsupported("this build runs no Python functions").hint("Run the pipeline from Python")
    })?;
    function.call(object, batch)
}
