//! What steps do with each column that is read: whether one of them works with its values before they become another type.

use super::program::{Checked, Program};
use super::verb::Verb;
use std::collections::{BTreeMap, BTreeSet};
use windvane_core::error::Result;
use windvane_core::schema::{DataType, Schema};
use windvane_core::spec::step::Step;

/// What becomes of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// No step works with it, and it does not arrive.
    Unused,
    /// Wherever it goes, it becomes this before a step works with its values.
    Cast(DataType),
    /// It arrives as it was read, or as more than one type.
    Kept,
    /// The step of this index works with its values as they were read.
    Needed(usize),
}

/// By dataset and column. What is not named of a dataset that is joined is unused.
pub type Uses = BTreeMap<(String, String), Use>;

impl Use {
    /// What two uses of one column are together.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        match (self, other) {
            (Self::Unused, one) | (one, Self::Unused) => one,
            (Self::Needed(one), Self::Needed(other)) => Self::Needed(one.min(other)),
            (Self::Needed(step), _) | (_, Self::Needed(step)) => Self::Needed(step),
            (Self::Cast(one), Self::Cast(other)) if one == other => Self::Cast(one),
            (Self::Cast(_) | Self::Kept, Self::Cast(_) | Self::Kept) => Self::Kept,
        }
    }
}

/// What the steps do with the columns of the dataset `from` and of those that they join.
pub fn uses(steps: &[Step], (from, input): (&str, &Schema), lookup: &dyn Fn(&str) -> Option<Schema>) -> Result<Uses> {
    let program = Program::new(steps, input, lookup)?;
    let columns: Vec<(String, String)> = input.names().map(|name| (from.to_owned(), name.to_owned())).collect();
    let uses = columns.iter().map(|column| (column.clone(), Use::Unused)).collect();
    let mut walk = Walk { at: 0, live: columns.into_iter().map(Some).collect(), uses };
    for (at, step) in steps.iter().enumerate() {
        walk.at = at;
        let part = program.part(at);
        // A cast to the type that a column has already is no verb's, and a cast all the same.
        if let Step::Cast(types) = step {
            let before = program.schema_after(part.start);
            for (index, field) in before.fields.iter().enumerate() {
                if let Some(to) = types.get(&field.name) {
                    walk.leaves(index, Use::Cast(*to));
                }
            }
            continue;
        }
        part.filter_map(|index| program.verbs.get(index)).for_each(|checked| walk.over(checked));
    }
    (0..walk.live.len()).for_each(|index| walk.leaves(index, Use::Kept));
    Ok(walk.uses)
}

struct Walk {
    /// The step, by index.
    at: usize,
    /// By position the columns that are still as they were read.
    live: Vec<Option<(String, String)>>,
    uses: Uses,
}

impl Walk {
    fn note(&mut self, column: (String, String), one: Use) {
        let known = self.uses.entry(column).or_insert(Use::Unused);
        *known = known.with(one);
    }

    /// The column at this place is no more as it was read.
    fn leaves(&mut self, index: usize, one: Use) {
        if let Some(column) = self.live.get_mut(index).and_then(Option::take) {
            self.note(column, one);
        }
    }

    fn need(&mut self, index: usize) {
        if let Some(column) = self.live.get(index).cloned().flatten() {
            self.note(column, Use::Needed(self.at));
        }
    }

    fn over(&mut self, Checked { verb, schema }: &Checked) {
        let mut needed = BTreeSet::new();
        match verb {
            Verb::Keep(positions) => {
                self.live = positions.iter().map(|index| self.live.get(*index).cloned().flatten()).collect();
            }
            Verb::Convert(convert) => needed.extend(convert.needed()),
            Verb::Fill(fill) => needed.extend(fill.needed()),
            Verb::Filter(condition) => condition.columns(&mut needed),
            Verb::Compute(compute) => return self.compute(compute),
            Verb::Join(join) => {
                needed.extend(join.needed());
                let with = |name: &str| (join.with().to_owned(), name.to_owned());
                join.key_names().for_each(|name| self.note(with(name), Use::Needed(self.at)));
                self.live.extend(join.taken().iter().map(|name| Some(with(name))));
            }
            Verb::Deduplicate(deduplicate) => needed.extend(deduplicate.needed()),
            Verb::Aggregate(aggregate) => {
                for index in aggregate.needed() {
                    self.need(index);
                }
                self.live = vec![None; schema.fields.len()];
            }
            Verb::Refill(columns) => needed.extend(columns.iter().flat_map(super::window::Refill::needed)),
            Verb::Window(window) => {
                let mut looks = BTreeSet::new();
                window.needed(&mut looks);
                for index in looks {
                    self.need(index);
                }
                self.live.resize(schema.fields.len(), None);
                for index in window.made() {
                    if let Some(slot) = self.live.get_mut(index) {
                        *slot = None;
                    }
                }
            }
            Verb::Sort(sort) => needed.extend(sort.needed()),
            Verb::Unpivot(unpivot) => {
                let (kept, rows) = unpivot.parts();
                for index in rows {
                    self.need(*index);
                }
                self.live = kept.iter().map(|index| self.live.get(*index).cloned().flatten()).collect();
            }
            Verb::Explode(explode) => needed.extend([explode.index()]),
            Verb::Flatten(flatten) => needed.extend([flatten.index()]),
            Verb::Split(split) => needed.extend([split.index()]),
            Verb::Mask(mask) => needed.extend(mask.needed()),
            Verb::Python(_) => {
                (0..self.live.len()).for_each(|index| self.need(index));
                self.live.clear();
            }
        }
        for index in needed {
            self.need(index);
        }
        self.live.resize(schema.fields.len(), None);
    }

    /// A column that is only named again, or cast, is not worked with.
    fn compute(&mut self, compute: &super::compute::Compute) {
        let (condition, values) = compute.parts();
        let mut needed = BTreeSet::new();
        if let Some(condition) = condition {
            condition.columns(&mut needed);
            // Where the condition does not hold, the old value stays beside the new ones.
            needed.extend(values.iter().map(|(index, _)| *index));
        }
        let mut made = Vec::new();
        for (index, expression) in values {
            let bare = expression.bare().filter(|_| condition.is_none());
            let column = bare.and_then(|(from, to)| Some((self.live.get(from).cloned().flatten()?, to)));
            made.push((*index, column.as_ref().filter(|(_, to)| to.is_none()).map(|(column, _)| column.clone())));
            match (bare, column) {
                (Some(_), Some((column, Some(to)))) => self.note(column, Use::Cast(to)),
                (Some(_), _) => {}
                (None, _) => expression.columns(&mut needed),
            }
        }
        for index in needed {
            self.need(index);
        }
        for (index, column) in made {
            if self.live.len() <= index {
                self.live.resize(index + 1, None);
            }
            self.live[index] = column;
        }
    }
}
