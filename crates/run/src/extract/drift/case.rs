//! For whom a changed source is judged.

use windvane_connectors::Context;
use windvane_plan::{Input, Output, Plan};

/// For whom the source is judged.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    pub plan: &'a Plan,
    pub output: &'a Output,
    pub input: &'a Input,
    pub context: &'a Context,
}
