//! Steps that fit their input.

use super::expand::expand;
use super::verb::{Verb, check};
use std::ops::Range;
use windvane_core::error::{Error, Result};
use windvane_core::schema::Schema;
use windvane_core::spec::step::Step;

/// Steps that fit their input.
#[derive(Debug, Clone)]
pub struct Program {
    pub(super) input: Schema,
    pub(super) verbs: Vec<Checked>,
    /// Of each written step the verbs that do it.
    pub(super) parts: Vec<Range<usize>>,
}

#[derive(Debug, Clone)]
pub(super) struct Checked {
    pub(super) verb: Verb,
    /// After the step.
    pub(super) schema: Schema,
}

/// How what becomes of a row depends on other rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RowDependency {
    /// One of several is taken.
    Chooses,
    /// Its values, or whether it is there.
    Folds,
}

/// The first of the written steps, by index, for which a row needs the others; one that folds before one that chooses.
pub fn row_dependency(
    steps: &[Step],
    input: &Schema,
    lookup: &dyn Fn(&str) -> Option<Schema>,
) -> Result<Option<(usize, RowDependency)>> {
    let program = Program::new(steps, input, lookup)?;
    let of = |step: usize| program.part(step).filter_map(|at| program.row_dependency(at)).max();
    let all = (0..steps.len()).filter_map(|step| Some((step, of(step)?)));
    Ok(all.min_by_key(|(step, row_dependency)| (std::cmp::Reverse(*row_dependency), *step)))
}

impl Program {
    /// The first mistake is located: `steps[2].derive.total`.
    pub fn new(steps: &[Step], input: &Schema, lookup: &dyn Fn(&str) -> Option<Schema>) -> Result<Self> {
        let mut verbs: Vec<Checked> = Vec::with_capacity(steps.len());
        let mut parts = Vec::with_capacity(steps.len());
        for (index, step) in steps.iter().enumerate() {
            let from = verbs.len();
            let before = verbs.last().map_or(input, |checked| &checked.schema);
            let located = |error: Error, inner: Option<String>| {
                let inner = inner.map(|inner| format!(".{inner}")).unwrap_or_default();
                error.at_path(format!("steps[{index}].{}{inner}", step.verb()))
            };
            let expanded = expand(step, before, lookup).map_err(|error| {
                let inner = error.place().path.clone();
                located(error, inner)
            })?;
            for part in expanded.as_deref().unwrap_or(std::slice::from_ref(step)) {
                let before = verbs.last().map_or(input, |checked| &checked.schema);
                let (verb, schema) = check(part, before, lookup).map_err(|error| {
                    // The places inside an expansion are not the user's.
                    let inner = if expanded.is_none() { error.place().path.clone() } else { None };
                    located(error, inner)
                })?;
                verbs.push(Checked { verb, schema });
            }
            parts.push(from..verbs.len());
        }
        Ok(Self { input: input.clone(), verbs, parts })
    }

    /// The verbs that do a written step.
    pub fn part(&self, step: usize) -> Range<usize> {
        self.parts.get(step).cloned().unwrap_or(0..0)
    }

    /// The columns after the last step.
    pub fn schema(&self) -> &Schema {
        self.verbs.last().map_or(&self.input, |checked| &checked.schema)
    }

    pub fn len(&self) -> usize {
        self.verbs.len()
    }

    pub fn is_empty(&self) -> bool {
        self.verbs.is_empty()
    }

    /// The first step at or after `from` that needs all rows in one frame.
    pub fn next_whole(&self, from: usize) -> Option<usize> {
        let whole = |checked: &Checked| match checked.verb {
            Verb::Deduplicate(_) | Verb::Aggregate(_) | Verb::Refill(_) | Verb::Window(_) | Verb::Sort(_) => true,
            Verb::Keep(_)
            | Verb::Convert(_)
            | Verb::Fill(_)
            | Verb::Filter(_)
            | Verb::Compute(_)
            | Verb::Join(_)
            | Verb::Unpivot(_)
            | Verb::Explode(_)
            | Verb::Flatten(_)
            | Verb::Split(_)
            | Verb::Mask(_)
            | Verb::Python(_) => false,
        };
        (from..self.verbs.len()).find(|index| self.verbs.get(*index).is_some_and(whole))
    }

    /// What a step at this place makes of a row with the others.
    fn row_dependency(&self, at: usize) -> Option<RowDependency> {
        match &self.verbs.get(at)?.verb {
            Verb::Aggregate(_) | Verb::Refill(_) | Verb::Window(_) => Some(RowDependency::Folds),
            Verb::Deduplicate(_) => Some(RowDependency::Chooses),
            Verb::Sort(sort) if sort.is_cut() => Some(RowDependency::Folds),
            Verb::Sort(_)
            | Verb::Keep(_)
            | Verb::Convert(_)
            | Verb::Fill(_)
            | Verb::Filter(_)
            | Verb::Compute(_)
            | Verb::Join(_)
            | Verb::Unpivot(_)
            | Verb::Explode(_)
            | Verb::Flatten(_)
            | Verb::Split(_)
            | Verb::Mask(_)
            | Verb::Python(_) => None,
        }
    }

    /// Whether a row of the input is one row of the result at most.
    pub(super) fn keeps_rows_single(&self) -> bool {
        self.verbs.iter().all(|checked| match checked.verb {
            Verb::Aggregate(_) | Verb::Unpivot(_) | Verb::Explode(_) | Verb::Python(_) => false,
            Verb::Keep(_)
            | Verb::Convert(_)
            | Verb::Fill(_)
            | Verb::Filter(_)
            | Verb::Compute(_)
            | Verb::Join(_)
            | Verb::Deduplicate(_)
            | Verb::Refill(_)
            | Verb::Window(_)
            | Verb::Sort(_)
            | Verb::Flatten(_)
            | Verb::Split(_)
            | Verb::Mask(_) => true,
        })
    }

    /// The columns after so many steps.
    pub fn schema_after(&self, steps: usize) -> &Schema {
        steps.checked_sub(1).and_then(|last| self.verbs.get(last)).map_or(&self.input, |checked| &checked.schema)
    }
}
