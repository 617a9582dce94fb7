//! What is read of a source that may have changed.

use super::case::Case;
use super::vanished_members;
use windvane_connectors::TextFormat;
use windvane_connectors::sampled_columns::SampledColumns;
use windvane_core::schema::{Field, Schema};
use windvane_plan::Input;

/// What to read, given what the source has now.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// The columns by the source's names.
    pub read: Schema,
    /// The same columns by the plan's names.
    pub named: Schema,
    /// Columns that are read only to find rows that hold a value in them: those rows go to quarantine.
    pub refused: Vec<String>,
    pub format: Option<TextFormat>,
    /// Members of JSON that a look at the source has not shown.
    pub unseen: Vec<Field>,
    /// All that the look at the source has shown.
    pub shown: SampledColumns,
    /// What is read at all: of a plan's type, or of the source's where it may not be kept.
    pub changed: bool,
}

impl Judged {
    /// A source that is as planned.
    pub(super) fn planned(input: &Input) -> Self {
        Self {
            read: input.schema.clone(),
            named: input.schema.clone(),
            refused: Vec::new(),
            format: input.format.clone(),
            unseen: Vec::new(),
            shown: SampledColumns::default(),
            changed: false,
        }
    }

    /// The columns of the rows that may go on.
    pub fn kept(&self) -> Schema {
        Schema::new(self.named.fields.iter().filter(|field| !self.refused.contains(&field.name)).cloned().collect())
    }

    /// What the source calls a column of the plan.
    pub fn at_source(&self, name: &str) -> String {
        let at = self.named.fields.iter().position(|field| field.name == name);
        at.and_then(|at| self.read.fields.get(at)).map_or_else(|| name.to_owned(), |field| field.name.clone())
    }

    /// Watches the members that were not seen.
    pub fn silent(&self, case: Case<'_>) -> Option<vanished_members::Silent> {
        let place = |field: &Field| self.kept().fields.iter().position(|kept| kept.name == field.name);
        let columns = self.unseen.iter().filter_map(|field| Some((place(field)?, field.clone()))).collect();
        vanished_members::Silent::of(case, columns)
    }

    pub(super) fn push(&mut self, known: Field, at_source: &str) {
        self.read.fields.push(Field { name: at_source.to_owned(), ..known.clone() });
        self.named.fields.push(known);
    }
}
