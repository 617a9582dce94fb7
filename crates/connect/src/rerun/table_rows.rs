//! What a table holds now, and which of its rows are those of a load.

use super::facts::{LedgerLoad, LoadEffect};

/// What the table holds now.
#[derive(Debug, Clone, Copy)]
pub struct TableRows {
    /// Nothing: there is no table.
    pub rows: Option<u64>,
    pub own: OwnRows,
}

/// Which rows of a table are those of a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnRows {
    /// Those of its files.
    Parts,
    /// So many carry its id.
    Marked(u64),
    /// So many lie in its window; whether no other load may have brought any of them, and whether they are what it has
    /// brought, where that was compared.
    InWindow {
        rows: u64,
        alone: bool,
        same: Option<bool>,
    },
    Unmarked,
}

impl OwnRows {
    /// Whether there is something to count.
    pub fn is_known(self) -> bool {
        matches!(self, Self::Marked(_) | Self::InWindow { .. })
    }

    /// Whether those of a window are what the load has brought.
    #[must_use]
    pub fn compared(self, same: bool) -> Self {
        match self {
            Self::InWindow { rows, alone, .. } => Self::InWindow { rows, alone, same: Some(same) },
            Self::Marked(_) | Self::Parts | Self::Unmarked => self,
        }
    }

    /// So many of them are there.
    #[must_use]
    pub fn counted(self, rows: u64) -> Self {
        match self {
            Self::Marked(_) => Self::Marked(rows),
            Self::InWindow { alone, same, .. } => Self::InWindow { rows, alone, same },
            Self::Parts | Self::Unmarked => self,
        }
    }
}

/// How many rows the newest loads have brought that only added to others.
pub(super) fn appended(loads: &[LedgerLoad]) -> u64 {
    let mut sum = 0;
    for load in loads {
        match load.effect {
            LoadEffect::Added => sum += load.rows,
            LoadEffect::Replaced => return sum + load.rows,
            // What they deleted or left alone is not told by their rows.
            LoadEffect::Changed => return sum,
            LoadEffect::Gone => {}
        }
    }
    sum
}
