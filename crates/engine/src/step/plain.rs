//! Steps without short forms, for those who write them down in another language.

use super::expand::expand;
use super::program::Program;
use windvane_core::error::Result;
use windvane_core::schema::Schema;
use windvane_core::spec::step::Step;

/// A step that has a form of its own, with the columns around it.
#[derive(Debug, Clone)]
pub struct Plain {
    /// Of the written step.
    pub at: usize,
    pub step: Step,
    pub before: Schema,
    pub after: Schema,
}

/// The steps as those who write them down in another language need them: checked, and without short forms.
pub fn plain(steps: &[Step], input: &Schema, lookup: &dyn Fn(&str) -> Option<Schema>) -> Result<Vec<Plain>> {
    Program::new(steps, input, lookup)?;
    let mut plain = Vec::new();
    let mut before = input.clone();
    for (at, step) in steps.iter().enumerate() {
        for step in expand(step, &before, lookup)?.unwrap_or_else(|| vec![step.clone()]) {
            let after = Program::new(std::slice::from_ref(&step), &before, lookup)?.schema().clone();
            plain.push(Plain { at, step, before, after: after.clone() });
            before = after;
        }
    }
    Ok(plain)
}
