//! What the spec allows, with the defaults; guards by their names.

use crate::error::{Error, Result};
use crate::spec::guard::Guards;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A guard by its name: the key in the spec, the word after `--allow`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Guard {
    /// Too many rows went to quarantine.
    Quarantined,
    /// Fewer rows than what was there lets expect.
    Rows,
    /// A column that had values has none.
    EmptiedColumns,
    /// The source has none of the planned columns.
    LostColumns,
    /// A file is of another format than planned.
    Format,
}

impl Guard {
    pub const ALL: [Self; 5] = [Self::Quarantined, Self::Rows, Self::EmptiedColumns, Self::LostColumns, Self::Format];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Quarantined => "quarantined",
            Self::Rows => "rows",
            Self::EmptiedColumns => "emptied_columns",
            Self::LostColumns => "lost_columns",
            Self::Format => "format",
        }
    }

    pub fn named(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|guard| guard.as_str() == name).ok_or_else(|| {
            let known: Vec<&str> = Self::ALL.into_iter().map(Self::as_str).collect();
            Error::spec(format!("there is no guard '{name}' that could be let pass"))
                .hint(format!("The guards are: {}", known.join(", ")))
        })
    }
}

/// What is allowed of an output.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Of rows that go to quarantine.
    pub share: f64,
    /// A single row is never too many while others are left: nobody has said the share.
    pub one_row: bool,
    /// Of rows that go to quarantine, whatever their share.
    pub most: Option<u64>,
    /// Of the rows that were there, that a load must bring.
    pub rows: f64,
    pub emptied_columns: bool,
    pub lost_columns: bool,
    pub format: bool,
}

impl Limits {
    pub fn of(guards: &Guards) -> Self {
        Self {
            share: guards.quarantined.unwrap_or(0.1),
            one_row: guards.quarantined.is_none(),
            most: guards.quarantined_rows,
            rows: guards.rows.unwrap_or(0.5),
            emptied_columns: guards.emptied_columns.unwrap_or(true),
            lost_columns: guards.lost_columns.unwrap_or(true),
            format: guards.format.unwrap_or(true),
        }
    }

    /// How many of so many rows may go to quarantine.
    pub fn budget(&self, rows_in: u64) -> u64 {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share from 0 to 1 of a count is a count, and what is rounded up is taken back"
        )]
        let most = (self.share * rows_in as f64).round() as u64;
        let most = if share(most, rows_in) <= self.share { most } else { most.saturating_sub(1) };
        let most = if self.one_row && rows_in > 1 { most.max(1) } else { most };
        self.most.map_or(most, |limit| most.min(limit))
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share needs no more than 15 digits")]
pub(super) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
